/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses of IPv6 in topology files: of hosts, segments of nodes, and links to reach them by. */
#ifndef DMSC_LIB_TOPOLOGY_SEGMENTS_H
#define DMSC_LIB_TOPOLOGY_SEGMENTS_H

#include "lib/yaml.h"

/** segment_parse - a unicast address beyond the link, in network byte order; false: it is none */
bool segment_parse(const char *text, struct dmsc_addr *out);

/**
 * segment_subnet - the two addresses of a point-to-point link (RFC 6164): "fd00:1::/127"
 * @a, @b: the even and the odd one; false: it is no such subnet
 */
bool segment_subnet(const char *text, struct dmsc_addr *a, struct dmsc_addr *b);

/**
 * segments_check - is no address of IPv6 missing?
 *
 * Where paths are srv6 every node needs a segment, every link of a host a subnet; a host with an
 * address of IPv6 needs subnets, too, for next hops. -EINVAL with the line of the node or link.
 */
int segments_check(struct yaml_file *f, const struct topology *t);

#endif /* DMSC_LIB_TOPOLOGY_SEGMENTS_H */
