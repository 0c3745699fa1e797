// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/topology_segments.h"

#include <arpa/inet.h>
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
	for (i = 0; i < t->nr_links; i++) {
		const struct topo_link *l = &t->links[i];

		if (dmsc_addr_given(&t->nodes[l->a].addr6) && !dmsc_addr_given(&l->addr6_a))
			return yaml_fail(f, l->line,
					 "subnet6: %s:%s has none, expected one, as %s has an address6",
					 t->nodes[l->a].name, l->if_a, t->nodes[l->a].name);
	}
	return 0;
}
