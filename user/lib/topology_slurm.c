// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Slurm's topology.conf(5) and topology.yaml(5), plugin topology/tree: lines
 * "SwitchName=s1 Nodes=n[1-4]" or "SwitchName=top Switches=s[1-2]", and the
 * same as "switch", "nodes" and "children" in YAML. Switches may stand before
 * those that they hold, so children are hung once all are known.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/textfile.h"
#include "lib/topology_tree.h"
#include "lib/yaml.h"

struct children {
	uint32_t parent, line;
	char *list;
};

struct slurm {
	struct tree tree;
	struct children *children;
	uint32_t nr_children, parent, line;
	const char *field;
};

static int add_host(void *arg, const char *name)
{
	struct slurm *s = arg;
	uint32_t host;
	int ret = tree_add(&s->tree, name, true, s->line, s->field, &host);

	return ret ? ret : tree_hang(&s->tree, host, s->parent, s->line, s->field);
}

static int hang_switch(void *arg, const char *name)
{
	struct slurm *s = arg;
	uint32_t child = tree_find(&s->tree, name);

	if (child == MODEL_NONE)
		return dmsc_fail(s->tree.err, -EINVAL,
				 "%s:%u: %s: '%s', expected a switch of this file", s->tree.file,
				 s->line, s->field, name);
	return tree_hang(&s->tree, child, s->parent, s->line, s->field);
}

/* One switch; either list may be NULL. */
static int add_switch(struct slurm *s, uint32_t line, const char *name, const char *nodes,
		      const char *switches, const char *field_nodes)
{
	void *grown;
	int ret;

	ret = tree_add(&s->tree, name, false, line, "switch", &s->parent);
	if (ret)
		return ret;
	s->line = line;
	s->field = field_nodes;
	if (nodes)
		ret = hostlist_each(s->tree.file, line, s->field, nodes, add_host, s, s->tree.err);
	if (ret || !switches)
		return ret;
	grown = realloc(s->children, (s->nr_children + 1) * sizeof(*s->children));
	if (!grown)
		return dmsc_fail(s->tree.err, -ENOMEM, "out of memory");
	s->children = grown;
	s->children[s->nr_children] = (struct children){ s->parent, line, strdup(switches) };
	if (!s->children[s->nr_children++].list)
		return dmsc_fail(s->tree.err, -ENOMEM, "out of memory");
	return 0;
}

static int finish(struct slurm *s, const char *field, const struct import_options *o,
		  struct topology *t)
{
	uint32_t i;
	int ret = 0;

	for (i = 0; i < s->nr_children && !ret; i++) {
		s->parent = s->children[i].parent;
		s->line = s->children[i].line;
		s->field = field;
		ret = hostlist_each(s->tree.file, s->line, field, s->children[i].list, hang_switch,
				    s, s->tree.err);
	}
	return ret ? ret : tree_build(&s->tree, o, t);
}

static void slurm_free(struct slurm *s)
{
	uint32_t i;

	for (i = 0; i < s->nr_children; i++)
		free(s->children[i].list);
	free(s->children);
	tree_free(&s->tree);
}

/* One line, continuation lines included, of "Key=value" words. */
static int conf_line(struct slurm *s, struct textfile *f, char *text, uint32_t line)
{
	const char *name = NULL, *nodes = NULL, *switches = NULL;
	char *at = text, *word, *value;

	at[strcspn(at, "#")] = '\0';
	while ((word = textfile_word(&at))) {
		value = strchr(word, '=');
		if (!value || !value[1])
			return textfile_fail(f, line, "%.*s: no value, expected KEY=VALUE",
					     (int)strcspn(word, "="), word);
		*value++ = '\0';
		if (!strcasecmp(word, "SwitchName"))
			name = value;
		else if (!strcasecmp(word, "Nodes"))
			nodes = value;
		else if (!strcasecmp(word, "Switches"))
			switches = value;
		else if (strcasecmp(word, "LinkSpeed")) /* Slurm does not use it either */
			return textfile_fail(f, line,
					     "%.40s: not known, expected SwitchName, Nodes, Switches or LinkSpeed (topology/tree)",
					     word);
	}
	if (!name && !nodes && !switches)
		return 0;
	if (!name || (!nodes && !switches))
		return textfile_fail(f, line, "%s: missing, expected it here",
				     name ? "Nodes or Switches" : "SwitchName");
	return add_switch(s, line, name, nodes, switches, "Nodes");
}

static int read_conf(struct slurm *s, struct textfile *f)
{
	char *text = NULL;
	size_t len = 0;
	uint32_t line = 0;
	int ret, done;

	while ((ret = textfile_next(f)) > 0) {
		size_t n = strlen(f->line);
		bool more = n && f->line[n - 1] == '\\';
		char *grown = realloc(text, len + n + 1);

		if (!grown) {
			ret = dmsc_fail(f->err, -ENOMEM, "out of memory");
			break;
		}
		text = grown;
		memcpy(text + len, f->line, n + 1);
		line = line ? line : f->number;
		len += n;
		if (more) {
			text[len - 1] = ' ';
			continue;
		}
		done = conf_line(s, f, text, line);
		if (done) {
			ret = done;
			break;
		}
		len = 0;
		line = 0;
	}
	if (!ret && len)
		ret = conf_line(s, f, text, line);
	free(text);
	return ret;
}

int topology_import_slurm_conf(const char *file, const struct import_options *o, struct topology *t,
			       struct dmsc_error *err)
{
	struct slurm s = { .tree = { .file = file, .err = err } };
	struct textfile f;
	int ret = textfile_open(&f, file, err);

	if (ret)
		return ret;
	ret = read_conf(&s, &f);
	if (!ret)
		ret = finish(&s, "Switches", o, t);
	slurm_free(&s);
	textfile_close(&f);
	return ret;
}

/* ---- YAML ---- */

static yaml_node_t *value_of(struct yaml_file *f, yaml_node_t *node, const char *key)
{
	yaml_node_pair_t *pair;

	if (!node || node->type != YAML_MAPPING_NODE)
		return NULL;
	for (pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++) {
		yaml_node_t *k = yaml_document_get_node(&f->doc, pair->key);

		if (k->type == YAML_SCALAR_NODE && !strcmp((char *)k->data.scalar.value, key))
			return yaml_document_get_node(&f->doc, pair->value);
	}
	return NULL;
}

static int text_of(struct yaml_file *f, yaml_node_t *node, const char *key, const char **text)
{
	yaml_node_t *v = value_of(f, node, key);

	*text = NULL;
	if (!v)
		return 0;
	if (v->type != YAML_SCALAR_NODE)
		return yaml_fail(f, yaml_line(v), "%s: a list or mapping, expected a text", key);
	*text = (const char *)v->data.scalar.value;
	return 0;
}

/* The switches of the first topology in the file that is a tree. */
static int find_tree(struct yaml_file *f, yaml_node_t **switches)
{
	yaml_node_t *root = yaml_root(f);
	size_t n, i;
	int ret = yaml_sequence(f, root, "topologies", 1024, &n);

	for (i = 0; !ret && i < n; i++) {
		yaml_node_t *tree = value_of(f, yaml_item(f, root, i), "tree");

		*switches = value_of(f, tree, "switches");
		if (*switches)
			return 0;
	}
	return ret ? ret :
		     yaml_fail(f, yaml_line(root),
			       "tree: no topology has switches, expected one with tree.switches");
}

static int read_yaml(struct slurm *s, struct yaml_file *f)
{
	yaml_node_t *switches = NULL;
	const char *name, *nodes, *children;
	size_t n = 0, i;
	int ret = find_tree(f, &switches);

	if (!ret)
		ret = yaml_sequence(f, switches, "switches", TOPO_MAX_NODES, &n);
	for (i = 0; !ret && i < n; i++) {
		yaml_node_t *item = yaml_item(f, switches, i);

		if (item->type != YAML_MAPPING_NODE)
			return yaml_fail(f, yaml_line(item), "switches[%zu]: expected a mapping", i);
		ret = text_of(f, item, "switch", &name);
		if (!ret)
			ret = text_of(f, item, "nodes", &nodes);
		if (!ret)
			ret = text_of(f, item, "children", &children);
		if (!ret && (!name || (!nodes && !children)))
			ret = yaml_fail(f, yaml_line(item),
					"switches[%zu].%s: missing, expected it here", i,
					name ? "nodes or children" : "switch");
		if (!ret)
			ret = add_switch(s, yaml_line(item), name, nodes, children, "nodes");
	}
	return ret;
}

int topology_import_slurm_yaml(const char *file, const struct import_options *o, struct topology *t,
			       struct dmsc_error *err)
{
	struct slurm s = { .tree = { .file = file, .err = err } };
	struct yaml_file f;
	int ret = yaml_open(&f, file, err);

	if (ret)
		return ret;
	ret = read_yaml(&s, &f);
	yaml_close(&f);
	if (!ret)
		ret = finish(&s, "children", o, t);
	slurm_free(&s);
	return ret;
}
