/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Topologies that a program makes, from a generator or from another tool's
 * file: names of interfaces and addresses are handed out in order.
 *
 * Node n has loopback address 172.16.0.1 + n, link n the subnet 10.0.0.0/31 +
 * 2n. Interfaces are rail0, rail1, ... on hosts and p0, p1, ... on switches.
 */
#ifndef DMSC_LIB_TOPOLOGY_BUILD_H
#define DMSC_LIB_TOPOLOGY_BUILD_H

#include "lib/error.h"
#include "lib/model.h"

#define TOPO_MAX_HOSTS 65536
#define TOPO_MAX_NODES (1U << 18)
#define TOPO_MAX_LINKS (1U << 21)

struct topo_builder {
	struct topology *topo; /* its name is the caller's */
	uint32_t *degree;      /* by node: interfaces handed out */
	uint32_t room_nodes, room_links;
	bool failed; /* out of memory or too large; topo_build_end() says which */
	bool too_large;
};

void topo_build_begin(struct topo_builder *b, struct topology *topo);

/* Index of the new node; 0 when that failed. The name is cut to what fits. */
uint32_t topo_build_node(struct topo_builder *b, enum node_kind kind, uint32_t gpus, uint32_t line,
			 const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* @low is the host, or the lower switch. @rate: bit/s each way, 0 is a failure */
void topo_build_link(struct topo_builder *b, uint32_t low, uint32_t high, uint64_t rate,
		     uint32_t line);

/*
 * Checks names and that all hosts reach each other over switches; frees what the builder holds.
 * @where: file:line: field, which stands before the message; -EINVAL or -ENOMEM
 */
int topo_build_end(struct topo_builder *b, const char *where, struct dmsc_error *err);

/* The first host that no way leads to from the first host, or MODEL_NONE; -ENOMEM */
int topo_find_cut_off(const struct topology *t, uint32_t *host);

struct yaml_file;

/*
 * The topology of key "generate" or "import" of an own file (dmsc-topology(5)); @node: its value,
 * a yaml_node_t. The name is set already. Errors as yaml_fail() has them.
 */
int topology_generate(struct yaml_file *f, void *node, struct topology *t);
int topology_import(struct yaml_file *f, void *node, struct topology *t);

/* What imports need and the formats do not say. */
struct import_options {
	uint32_t gpus;		    /* of a host */
	uint64_t rate, uplink_rate; /* bit/s: of hosts, between switches */
};

int topology_import_simai(const char *file, const struct import_options *o, struct topology *t,
			  struct dmsc_error *err);
int topology_import_lingjun(const char *file, const struct import_options *o, struct topology *t,
			    struct dmsc_error *err);
int topology_import_slurm_conf(const char *file, const struct import_options *o, struct topology *t,
			       struct dmsc_error *err);
int topology_import_slurm_yaml(const char *file, const struct import_options *o, struct topology *t,
			       struct dmsc_error *err);

#endif /* DMSC_LIB_TOPOLOGY_BUILD_H */
