// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/topology_segments.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

bool segment_parse(const char *text, struct dmsc_addr *out)
{
	static const struct dmsc_addr loopback = { .b = { [15] = 1 } };

	if (inet_pton(AF_INET6, text, out->b) != 1 || !dmsc_addr_given(out) || dmsc_addr_is_v4(out))
		return false;
	/* Neither multicast nor link-local. */
	return out->b[0] != 0xff && !(out->b[0] == 0xfe && (out->b[1] & 0xc0) == 0x80) &&
	       memcmp(out, &loopback, sizeof(loopback));
}

bool segment_subnet(const char *text, struct dmsc_addr *a, struct dmsc_addr *b)
{
	const char *slash = strchr(text, '/');
	char addr[INET6_ADDRSTRLEN];

	if (!slash || strcmp(slash, "/127") || (size_t)(slash - text) >= sizeof(addr))
		return false;
	memcpy(addr, text, slash - text);
	addr[slash - text] = '\0';
	if (!segment_parse(addr, a) || a->b[15] & 1)
		return false;
	*b = *a;
	b->b[15] |= 1;
	return true;
}

/* One address and where it stands. */
struct place {
	const struct dmsc_addr *addr;
	uint32_t line;
};

static int by_address(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int order = memcmp(x->addr, y->addr, sizeof(*x->addr));

	return order ? order : x->line < y->line ? -1 : x->line > y->line;
}

static int check_unique(struct yaml_file *f, const struct topology *t)
{
	struct place *p = calloc(t->nr_nodes + 2 * (size_t)t->nr_links + 1, sizeof(*p));
	char text[INET6_ADDRSTRLEN];
	uint32_t n = 0, i;
	int ret = 0;

	if (!p)
		return dmsc_fail(f->err, -ENOMEM, "out of memory");
	for (i = 0; i < t->nr_nodes; i++) {
		if (dmsc_addr_given(&t->nodes[i].segment))
			p[n++] = (struct place){ &t->nodes[i].segment, t->nodes[i].line };
	}
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		if (!dmsc_addr_given(&l->addr6_a))
			continue;
		p[n++] = (struct place){ &l->addr6_a, l->line };
		p[n++] = (struct place){ &l->addr6_b, l->line };
	}
	qsort(p, n, sizeof(*p), by_address);
	for (i = 1; i < n && !ret; i++) {
		if (!memcmp(p[i - 1].addr, p[i].addr, sizeof(*p->addr)))
			ret = yaml_fail(f, p[i].line,
					"address: %s is also on line %u, expected once",
					dmsc_addr_format(p[i].addr, text), p[i - 1].line);
	}
	free(p);
	return ret;
}

int segments_check(struct yaml_file *f, const struct topology *t)
{
	uint32_t i;

	for (i = 0; t->srv6 && i < t->nr_nodes; i++) {
		if (!dmsc_addr_given(&t->nodes[i].segment))
			return yaml_fail(f, t->nodes[i].line,
					 "segment: '%s' has none, expected one for 'paths: srv6'",
					 t->nodes[i].name);
	}
	for (i = 0; t->srv6 && i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		if (t->nodes[l->a].kind == NODE_HOST && !dmsc_addr_given(&l->addr6_a))
			return yaml_fail(f, l->line,
					 "subnet6: %s:%s has none, expected one for 'paths: srv6'",
					 t->nodes[l->a].name, l->if_a);
	}
	return check_unique(f, t);
}
