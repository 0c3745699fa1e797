// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/hostconf.h"

#include <errno.h>
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <yaml.h>

#define MIB (1U << 20)

/* The same as the module's; the daemon sets them so that a plan starts from known ones. */
static const struct queue_class class_defaults[DMSC_NR_CLASSES] = {
	[DMSC_CLASS_CONTROL] = { .mode = DMSC_MODE_STRICT, .weight = 16, .limit = MIB },
	[DMSC_CLASS_GATEWAY] = { .mode = DMSC_MODE_STRICT, .weight = 16, .limit = 4 * MIB, .ecn = MIB },
	[DMSC_CLASS_TENSOR] = { .mode = DMSC_MODE_STRICT, .weight = 16, .limit = 4 * MIB, .ecn = MIB },
	[DMSC_CLASS_EXPERT] = { .mode = DMSC_MODE_STRICT, .weight = 16, .limit = 4 * MIB, .ecn = MIB },
	[DMSC_CLASS_PIPELINE] = { .mode = DMSC_MODE_STRICT,
				  .weight = 16,
				  .share = 50,
				  .limit = 4 * MIB,
				  .ecn = MIB },
	[DMSC_CLASS_DATA] = { .mode = DMSC_MODE_WEIGHTED,
			      .weight = 64,
			      .share = 100,
			      .limit = 4 * MIB,
			      .ecn = MIB },
	[DMSC_CLASS_DEFAULT] = { .mode = DMSC_MODE_WEIGHTED,
				 .weight = 16,
				 .share = 50,
				 .limit = 4 * MIB,
				 .ecn = MIB },
	[DMSC_CLASS_BULK] = { .mode = DMSC_MODE_WEIGHTED,
			      .weight = 4,
			      .share = 50,
			      .limit = 4 * MIB,
			      .ecn = MIB },
};

#define SHARE_SUM_MAX 900 /* permille, as dmsc.h says */

static void default_cgroup_root(char *out, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;

	snprintf(out, size, "/sys/fs/cgroup/dmsc");
	while (f && (m = getmntent(f))) {
		if (!strcmp(m->mnt_type, "cgroup2") && strlen(m->mnt_dir) + 6 < size) {
			snprintf(out, size, "%s/dmsc", m->mnt_dir);
			break;
		}
	}
	if (f)
		endmntent(f);
}

void hostconf_defaults(struct hostconf *c)
{
	char *dot;

	memset(c, 0, sizeof(*c));
	if (gethostname(c->host, sizeof(c->host) - 1))
		strcpy(c->host, "localhost");
	dot = strchr(c->host, '.');
	if (dot)
		*dot = '\0';
	strcpy(c->socket, HOSTCONF_SOCKET);
	strcpy(c->state, HOSTCONF_STATE);
	strcpy(c->pin_dir, DMSC_PIN_DIR);
	default_cgroup_root(c->cgroup_root, sizeof(c->cgroup_root));
	profile_find("default", &c->profile, NULL);
	strcpy(c->module, MODULE_BUILTIN);
	c->queues = c->bpf = c->steer = c->mark = c->reapply = true;
	for (uint32_t i = 0; i < DMSC_NR_CLASSES; i++) {
		c->classes[i] = class_defaults[i];
		c->classes[i].id = i;
	}
}

struct reader {
	const char *file;
	yaml_document_t doc;
	struct hostconf *c;
	struct dmsc_error *err;
	const yaml_node_t *dscp, *lossless; /* applied after "profile" */
};

static int bad(struct reader *r, const yaml_node_t *n, const char *field, const char *what)
{
	return dmsc_fail(r->err, -EINVAL, "%s:%zu: %s: %s", r->file, n->start_mark.line + 1, field,
			 what);
}

static const char *scalar(const yaml_node_t *n)
{
	return n->type == YAML_SCALAR_NODE ? (const char *)n->data.scalar.value : NULL;
}

static int read_str(struct reader *r, const yaml_node_t *n, const char *field, char *out,
		    size_t size)
{
	const char *s = scalar(n);
	char what[64];

	if (!s || !*s)
		return bad(r, n, field, "not a string, expected one");
	/* A NUL inside would cut it short without a word. */
	if (strlen(s) != n->data.scalar.length)
		return bad(r, n, field, "holds a NUL byte, expected text");
	if (strlen(s) >= size) {
		snprintf(what, sizeof(what), "too long, expected below %zu bytes", size);
		return bad(r, n, field, what);
	}
	strcpy(out, s);
	return 0;
}

static int read_path(struct reader *r, const yaml_node_t *n, const char *field, char *out,
		     size_t size)
{
	if (scalar(n) && scalar(n)[0] && scalar(n)[0] != '/')
		return bad(r, n, field, "relative path, expected an absolute one");
	return read_str(r, n, field, out, size);
}

static int read_bool(struct reader *r, const yaml_node_t *n, const char *field, bool *out)
{
	const char *s = scalar(n);

	if (s && (!strcmp(s, "true") || !strcmp(s, "yes")))
		*out = true;
	else if (s && (!strcmp(s, "false") || !strcmp(s, "no")))
		*out = false;
	else
		return bad(r, n, field, "not a truth value, expected true or false");
	return 0;
}

static int read_u64(struct reader *r, const yaml_node_t *n, const char *field, uint64_t max,
		    uint64_t *out)
{
	const char *s = scalar(n);
	unsigned long long v;
	char *rest, what[80];

	errno = 0;
	v = s && *s >= '0' && *s <= '9' ? strtoull(s, &rest, 10) : 0;
	if (!s || *s < '0' || *s > '9' || *rest || errno || v > max) {
		snprintf(what, sizeof(what), "'%.24s', expected a number from 0 to %llu",
			 s ? s : "(no scalar)", (unsigned long long)max);
		return bad(r, n, field, what);
	}
	*out = v;
	return 0;
}

static int read_u32(struct reader *r, const yaml_node_t *n, const char *field, uint32_t max,
		    uint32_t *out)
{
	uint64_t v = 0;
	int ret = read_u64(r, n, field, max, &v);

	if (!ret)
		*out = v;
	return ret;
}

/* Visit the pairs of a mapping; refuses what is none, and keys that repeat. */
static int each_key(struct reader *r, const yaml_node_t *n, const char *field,
		    int (*fn)(struct reader *r, const char *key, const yaml_node_t *kn,
			      const yaml_node_t *vn, void *arg),
		    void *arg)
{
	char what[128];

	if (n->type != YAML_MAPPING_NODE)
		return bad(r, n, field, "expected a mapping of keys to values");
	for (yaml_node_pair_t *p = n->data.mapping.pairs.start; p < n->data.mapping.pairs.top; p++) {
		const yaml_node_t *kn = yaml_document_get_node(&r->doc, p->key);
		const yaml_node_t *vn = yaml_document_get_node(&r->doc, p->value);
		int ret;

		if (!scalar(kn))
			return bad(r, kn, field, "key is no scalar, expected a name");
		for (yaml_node_pair_t *q = n->data.mapping.pairs.start; q < p; q++) {
			const yaml_node_t *other = yaml_document_get_node(&r->doc, q->key);

			if (!strcmp(scalar(other), scalar(kn))) {
				snprintf(what, sizeof(what),
					 "given twice, expected once (first in line %zu)",
					 other->start_mark.line + 1);
				return bad(r, kn, scalar(kn), what);
			}
		}
		ret = fn(r, scalar(kn), kn, vn, arg);
		if (ret)
			return ret;
	}
	return 0;
}

static int class_of_key(struct reader *r, const char *key, const yaml_node_t *kn)
{
	int class = dmsc_class_parse(key);

	if (class < 0)
		return bad(r, kn, key,
			   "unknown class, expected control, gateway, tensor, expert, pipeline, data, default or bulk");
	return class;
}

static int dscp_key(struct reader *r, const char *key, const yaml_node_t *kn, const yaml_node_t *vn,
		    void *arg)
{
	int class = class_of_key(r, key, kn), ret;
	uint32_t v;

	(void)arg;
	if (class < 0)
		return class;
	ret = read_u32(r, vn, key, 63, &v);
	if (!ret)
		r->c->profile.dscp[class] = v;
	return ret;
}

static int class_option(struct reader *r, const struct queue_class_option *o, const yaml_node_t *vn,
			struct queue_class *c)
{
	uint64_t v = 0;
	int ret = read_u64(r, vn, o->name, o->max, &v);

	if (!ret)
		queue_class_option_set(c, o->given, v);
	return ret;
}

static int class_attr(struct reader *r, const char *key, const yaml_node_t *kn,
		      const yaml_node_t *vn, void *arg)
{
	struct queue_class *c = arg;

	if (!strcmp(key, "mode")) {
		const char *s = scalar(vn);

		if (s && !strcmp(s, "strict"))
			c->mode = DMSC_MODE_STRICT;
		else if (s && !strcmp(s, "weighted"))
			c->mode = DMSC_MODE_WEIGHTED;
		else
			return bad(r, vn, key, "unknown mode, expected strict or weighted");
		return 0;
	}
	if (!strcmp(key, "weight"))
		return read_u32(r, vn, key, UINT32_MAX, &c->weight);
	if (!strcmp(key, "share"))
		return read_u32(r, vn, key, UINT32_MAX, &c->share);
	if (!strcmp(key, "limit"))
		return read_u32(r, vn, key, UINT32_MAX, &c->limit);
	if (!strcmp(key, "ecn"))
		return read_u32(r, vn, key, UINT32_MAX, &c->ecn);
	for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
		if (!strcmp(key, queue_class_options[i].name))
			return class_option(r, &queue_class_options[i], vn, c);
	}
	return bad(r, kn, key,
		   "unknown key, expected mode, weight, share, limit, ecn, ceil, codel, "
		   "target, interval, fair or starve");
}

static int classes_key(struct reader *r, const char *key, const yaml_node_t *kn,
		       const yaml_node_t *vn, void *arg)
{
	int class = class_of_key(r, key, kn), ret;
	char where[320];

	(void)arg;
	if (class < 0)
		return class;
	ret = each_key(r, vn, key, class_attr, &r->c->classes[class]);
	if (ret)
		return ret;
	snprintf(where, sizeof(where), "%s:%zu: %s", r->file, kn->start_mark.line + 1, key);
	return hostconf_class_check(where, &r->c->classes[class], r->err);
}

/* @names: of HOSTCONF_MAX_INTERFACES */
static int read_interfaces(struct reader *r, const yaml_node_t *n, const char *key,
			   char (*names)[16], uint32_t *nr)
{
	if (n->type != YAML_SEQUENCE_NODE)
		return bad(r, n, key, "expected a list of interface names");
	*nr = 0;
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		int ret;

		if (*nr == HOSTCONF_MAX_INTERFACES)
			return bad(r, n, key, "too many, expected at most 64");
		ret = read_str(r, yaml_document_get_node(&r->doc, *i), key, names[*nr],
			       sizeof(names[*nr]));
		if (ret)
			return ret;
		++*nr;
	}
	return 0;
}

static int read_lossless(struct reader *r, const yaml_node_t *n)
{
	uint32_t v;
	int ret;

	if (n->type != YAML_SEQUENCE_NODE)
		return bad(r, n, "lossless_dscp", "expected a list of DSCPs");
	r->c->profile.lossless = 0;
	for (yaml_node_item_t *i = n->data.sequence.items.start; i < n->data.sequence.items.top;
	     i++) {
		ret = read_u32(r, yaml_document_get_node(&r->doc, *i), "lossless_dscp", 63, &v);
		if (ret)
			return ret;
		r->c->profile.lossless |= 1ULL << v;
	}
	return 0;
}

static int top_key(struct reader *r, const char *key, const yaml_node_t *kn, const yaml_node_t *vn,
		   void *arg)
{
	struct hostconf *c = r->c;
	const struct {
		const char *key;
		bool *value;
	} bools[] = {
		{ "allow_lossless", &c->allow_lossless },
		{ "queues", &c->queues },
		{ "bpf", &c->bpf },
		{ "steer", &c->steer },
		{ "mark", &c->mark },
		{ "reapply", &c->reapply },
		{ "install_qdisc", &c->install_qdisc },
		{ "refuse_findings", &c->refuse_findings },
	};
	struct dmsc_error e;

	(void)arg;
	for (size_t i = 0; i < sizeof(bools) / sizeof(bools[0]); i++)
		if (!strcmp(key, bools[i].key))
			return read_bool(r, vn, key, bools[i].value);
	if (!strcmp(key, "host"))
		return read_str(r, vn, key, c->host, sizeof(c->host));
	if (!strcmp(key, "socket"))
		return read_path(r, vn, key, c->socket, sizeof(c->socket));
	if (!strcmp(key, "state"))
		return read_path(r, vn, key, c->state, sizeof(c->state));
	if (!strcmp(key, "pin_dir"))
		return read_path(r, vn, key, c->pin_dir, sizeof(c->pin_dir));
	if (!strcmp(key, "cgroup_root"))
		return read_path(r, vn, key, c->cgroup_root, sizeof(c->cgroup_root));
	if (!strcmp(key, "module"))
		return read_str(r, vn, key, c->module, sizeof(c->module));
	if (!strcmp(key, "interfaces"))
		return read_interfaces(r, vn, key, c->interfaces, &c->nr_interfaces);
	if (!strcmp(key, "trust_dscp"))
		return read_interfaces(r, vn, key, c->trusted, &c->nr_trusted);
	if (!strcmp(key, "profile")) {
		if (!scalar(vn) || profile_find(scalar(vn), &c->profile, &e))
			return bad(r, vn, key, "unknown profile, expected one of " PROFILE_NAMES);
		return 0;
	}
	if (!strcmp(key, "dscp")) {
		r->dscp = vn;
		return 0;
	}
	if (!strcmp(key, "lossless_dscp")) {
		r->lossless = vn;
		return 0;
	}
	if (!strcmp(key, "classes"))
		return each_key(r, vn, key, classes_key, NULL);
	if (!strcmp(key, "policy")) {
		struct yaml_file f = { .name = r->file, .doc = r->doc, .err = r->err };

		return policy_read(&f, (yaml_node_t *)vn, &c->policy);
	}
	return bad(r, kn, key,
		   "unknown key, expected host, socket, state, pin_dir, cgroup_root, module, refuse_findings, interfaces, trust_dscp, profile, dscp, lossless_dscp, allow_lossless, queues, bpf, steer, mark, reapply, install_qdisc, classes or policy");
}

static int read_document(struct reader *r)
{
	const yaml_node_t *root = yaml_document_get_root_node(&r->doc);
	int ret;

	if (!root || (scalar(root) && !*scalar(root)))
		return 0; /* nothing but comments */
	ret = each_key(r, root, "document", top_key, NULL);
	if (ret)
		return ret;
	/* Only custom may differ: else the name would lie about the fabric. */
	if ((r->dscp || r->lossless) && strcmp(r->c->profile.name, "custom"))
		return bad(r, r->dscp ? r->dscp : r->lossless, r->dscp ? "dscp" : "lossless_dscp",
			   "given with a vendor's profile, expected profile: custom");
	if (r->lossless)
		ret = read_lossless(r, r->lossless);
	if (!ret && r->dscp)
		ret = each_key(r, r->dscp, "dscp", dscp_key, NULL);
	return ret;
}

static int check_numbers(const struct hostconf *c, struct dmsc_error *err);

int hostconf_read(const char *file, struct hostconf *c, struct dmsc_error *err)
{
	struct hostconf next = *c;
	struct reader r = { .file = file, .c = &next, .err = err };
	yaml_parser_t parser;
	struct dmsc_error e;
	FILE *f;
	int ret;

	f = fopen(file, "re");
	if (!f)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (!yaml_parser_initialize(&parser)) {
		fclose(f);
		return dmsc_fail(err, -ENOMEM, "%s: no memory", file);
	}
	yaml_parser_set_input_file(&parser, f);
	if (!yaml_parser_load(&parser, &r.doc)) {
		ret = dmsc_fail(err, -EINVAL, "%s:%zu: YAML: %s, expected well-formed YAML", file,
				parser.problem_mark.line + 1,
				parser.problem ? parser.problem : "cannot be read");
	} else {
		ret = read_document(&r);
		yaml_document_delete(&r.doc);
	}
	yaml_parser_delete(&parser);
	fclose(f);
	if (!ret && check_numbers(&next, &e))
		ret = dmsc_fail(err, -EINVAL, "%s:1: %.400s", file, e.text);
	if (!ret)
		*c = next;
	return ret;
}

int hostconf_class_check(const char *where, const struct queue_class *c, struct dmsc_error *err)
{
	if (c->mode != DMSC_MODE_STRICT && c->mode != DMSC_MODE_WEIGHTED)
		return dmsc_fail(err, -EINVAL, "%s: mode: %u, expected strict or weighted", where,
				 c->mode);
	if (c->weight < DMSC_WEIGHT_MIN || c->weight > DMSC_WEIGHT_MAX)
		return dmsc_fail(err, -EINVAL, "%s: weight: %u, expected %u..%u", where, c->weight,
				 DMSC_WEIGHT_MIN, DMSC_WEIGHT_MAX);
	if (c->share > SHARE_SUM_MAX)
		return dmsc_fail(err, -EINVAL, "%s: share: %u permille, expected 0..%u", where,
				 c->share, SHARE_SUM_MAX);
	if (c->limit < DMSC_LIMIT_MIN || c->limit > DMSC_LIMIT_MAX)
		return dmsc_fail(err, -EINVAL, "%s: limit: %u bytes, expected %u..%u", where,
				 c->limit, DMSC_LIMIT_MIN, DMSC_LIMIT_MAX);
	for (int i = 0; i < QUEUE_CLASS_OPTIONS; i++) {
		const struct queue_class_option *o = &queue_class_options[i];
		uint64_t v = queue_class_option_get(c, o->given);

		if ((c->given & o->given) && !(o->zero && !v) && (v < o->min || v > o->max))
			return dmsc_fail(err, -EINVAL, "%s: %s: %llu, expected %s%llu..%llu", where,
					 o->name, (unsigned long long)v,
					 o->zero && o->min ? "0 or " : "",
					 (unsigned long long)o->min, (unsigned long long)o->max);
	}
	return 0;
}

static int check_numbers(const struct hostconf *c, struct dmsc_error *err)
{
	uint32_t sum = 0;

	for (uint32_t i = 0; i < DMSC_NR_CLASSES; i++)
		sum += c->classes[i].share;
	if (sum > SHARE_SUM_MAX)
		return dmsc_fail(err, -EINVAL,
				 "classes: shares add up to %u permille, expected at most %u", sum,
				 SHARE_SUM_MAX);
	return profile_check(&c->profile, c->allow_lossless, err);
}

static int check_names(const char *key, const char (*names)[16], uint32_t nr, struct dmsc_error *err)
{
	for (uint32_t i = 0; i < nr; i++)
		for (uint32_t k = 0; k < i; k++)
			if (!strcmp(names[i], names[k]))
				return dmsc_fail(err, -EINVAL, "%s: %s given twice, expected once",
						 key, names[i]);
	return 0;
}

int hostconf_check(const struct hostconf *c, struct dmsc_error *err)
{
	if (!c->host[0])
		return dmsc_fail(err, -EINVAL, "host: empty, expected this host's name in plans");
	if (check_names("interfaces", c->interfaces, c->nr_interfaces, err) ||
	    check_names("trust_dscp", c->trusted, c->nr_trusted, err))
		return -EINVAL;
	return check_numbers(c, err);
}
