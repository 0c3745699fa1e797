/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The words that every program shares: what a job is, what a cluster is, and
 * what the planner makes of the two. Plain data; who fills it is said at each
 * struct. Strings are owned by the struct that holds them unless they are
 * arrays. Rates are bits per second, sizes are bytes, times are nanoseconds.
 */
#ifndef DMSC_LIB_MODEL_H
#define DMSC_LIB_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/dmsc.h>
#include <linux/dmsc_bpf.h>

#define MODEL_NAME_LEN 64
#define MODEL_NONE     UINT32_MAX

/* ---- topology: parsed by lib/topology.c ---- */

enum node_kind {
	NODE_HOST, /* sends and receives; with GPUs, or storage when gpus == 0 */
	NODE_LEAF,
	NODE_SPINE,
	NODE_CORE, /* above the spines of several pods */
};

struct topo_node {
	char name[MODEL_NAME_LEN];
	enum node_kind kind;
	uint32_t gpus;		/* hosts: 0..64 */
	struct dmsc_addr addr;	/* loopback address, reachable over every rail */
	struct dmsc_addr addr6; /* hosts: the same of IPv6; zero for none */
	/*
	 * IPv6, zero for none. Switches: End (RFC 8986), the shortest way goes on from here.
	 * Hosts: what takes the outer header off (End.DT46; End.DT4, DX4 without addr6).
	 */
	struct dmsc_addr segment;
	uint32_t line; /* in the file, for messages */
};

/* A full-duplex link; its directed edges are 2 * index (a to b), 2 * index + 1. */
struct topo_link {
	uint32_t a, b; /* nodes; a host is always on side a */
	char if_a[16], if_b[16];
	struct dmsc_addr addr_a, addr_b;   /* of the point-to-point subnet */
	struct dmsc_addr addr6_a, addr6_b; /* the same of IPv6; zero for none */
	uint64_t rate;			   /* bit/s, each direction */
	uint32_t line;
};

struct topology {
	char name[MODEL_NAME_LEN];
	struct topo_node *nodes;
	uint32_t nr_nodes;
	struct topo_link *links;
	uint32_t nr_links;
	bool srv6; /* hosts prescribe paths by segments, which all nodes have */
};

/* The nodes that directed edge @e leads from and to. */
static inline uint32_t topo_edge_from(const struct topology *t, uint32_t e)
{
	return e & 1 ? t->links[e / 2].b : t->links[e / 2].a;
}

static inline uint32_t topo_edge_to(const struct topology *t, uint32_t e)
{
	return topo_edge_from(t, e ^ 1);
}

/* A host's rails are its links in the order of the file: rail 0, rail 1, ... */

/* ---- job: parsed by lib/job.c ---- */

struct job_model {
	uint64_t layers, hidden, ffn, heads, sequence, vocabulary;
	uint64_t experts, topk; /* per MoE layer; 0: dense */
	uint64_t moe_every;	/* every n-th layer is an MoE layer */
	uint32_t param_bytes;	/* 2: bf16 */
	uint32_t grad_bytes;	/* 4: fp32 main gradients (Megatron-LM), 2 */
	uint32_t act_bytes;	/* 2: bf16 */
	uint64_t kv_heads;	/* grouped-query attention; heads when each has its own */
	uint64_t head_size;	/* 0: hidden / heads; multi-head latent attention: without rope */
	uint64_t q_rank, kv_rank, rope, value; /* multi-head latent attention; kv_rank 0: none */
	uint64_t moe_ffn, moe_shared,
		moe_first_dense; /* of an expert; experts that all tokens pass */
	double moe_capacity;	 /* factor on the all-to-alls, 0: dropless */
	bool gated;		 /* MLP of three matrices (SwiGLU) */
	bool bias, rms_norm, learned_positions;
	bool tied; /* the output embedding is the input's */
};

enum job_recompute {
	RECOMPUTE_NONE,
	RECOMPUTE_FULL,	     /* each layer's forward pass, with its exchanges */
	RECOMPUTE_SELECTIVE, /* the attention core only, which exchanges nothing */
};

enum job_instances {
	INSTANCES_FIT, /* a rank each, or groups when that makes too many steps */
	INSTANCES_RANK,
	INSTANCES_GROUP, /* the tensor group of a stage of a replica */
};

struct job_parallel {
	uint64_t tensor, pipeline, data, expert; /* expert divides data * context */
	bool sequence_parallel;
	uint32_t zero;			     /* 0..3 */
	uint64_t micro_batch, micro_batches; /* sequences; of one iteration */
	enum job_recompute recompute;
	uint64_t context;    /* ranks that share a sequence */
	uint64_t interleave; /* model chunks of a pipeline stage */
	uint64_t bucket;     /* bytes of gradients in one exchange, 0: those of a group of layers */
	uint64_t exchanges;  /* of a pass over a model chunk; 0: chosen (planner/granularity.h) */
	bool overlap;	     /* gradients are exchanged beside the backward pass */
	bool scatter_gather; /* a stage boundary carries each activation once, not once a tensor rank */
	bool uneven;	     /* stages may differ by a layer */
	enum job_instances instances;
};

struct job_bulk { /* what competes with the iteration */
	char name[MODEL_NAME_LEN];
	char from[MODEL_NAME_LEN], to[MODEL_NAME_LEN]; /* host names, or "*": every GPU host */
	uint64_t bytes;	  /* of one transfer; repeated while the job runs */
	uint32_t streams; /* parallel connections that share the bytes */
	uint32_t line;	  /* in the file, for messages */
};

/* ---- task graph: in a job file in place of a model, lib/taskgraph.c ---- */

struct task {
	char name[MODEL_NAME_LEN];
	char host[MODEL_NAME_LEN]; /* "": wherever it is best */
	uint64_t compute;	   /* ns, of each instance */
	uint64_t deadline;	   /* ns from the start of an iteration to its end, 0 none */
	uint32_t instances, gpus;  /* gpus: of each instance */
	uint32_t line;
};

struct task_flow {
	uint32_t from, to; /* tasks */
	uint64_t bytes;	   /* of all instances together */
	uint64_t deadline; /* ns from the start of an iteration to its arrival, 0 none */
	uint8_t class;
	bool pairs; /* instance i to instance i; else from each to each */
	uint32_t line;
};

struct taskgraph {
	struct task *tasks;
	uint32_t nr_tasks;
	struct task_flow *flows;
	uint32_t nr_flows;
	uint64_t period; /* ns from one iteration to the next, 0 none */
};

/* ---- where ranks run, when that is not the planner's choice: lib/placement.c ---- */

struct job_place { /* ranks that follow each other on one host */
	uint32_t first, last;
	char host[MODEL_NAME_LEN];
	int32_t gpu; /* of the first; -1: those that are free, from the lowest */
	uint32_t line;
};

/* Either hosts that are filled in their order, or a list of ranks. */
struct job_placement {
	char (*hosts)[MODEL_NAME_LEN];
	uint32_t nr_hosts;
	uint32_t per_host; /* ranks on each host, 0: as many as it has GPUs */
	bool cyclic;	   /* one rank a host in turn; else one host after the other */
	struct job_place *places;
	uint32_t nr_places;
	uint32_t line; /* of hosts or ranks */
};

struct job_sid { /* an instance whose SID is given, not handed out */
	char instance[MODEL_NAME_LEN];
	uint32_t sid;
	uint32_t line;
};

struct plan_modules; /* planner/planner.h */

struct job {
	char name[MODEL_NAME_LEN];
	struct job_model model;
	struct job_parallel par;
	struct taskgraph *graph; /* NULL: model and par say what there is to do */
	double gpu_flops;	 /* effective, per GPU, for compute times */
	struct job_bulk *bulk;
	uint32_t nr_bulk;
	uint32_t first_sid; /* SIDs and MIC ids are handed out from here on */
	bool pinned;	    /* hosts prescribe paths to the end, not their first link only */
	const struct plan_modules *ask; /* who answers the planner's questions; NULL: built-in */
	struct job_sid *sids;
	uint32_t nr_sids;
	struct job_placement *fixed; /* NULL: the planner places ranks */
	char module[256];	     /* functional module that plans are made with; "": not said */
	char file[256];		     /* where it was read, for messages */
	struct {		     /* where things stand there */
		uint32_t name, model, parallel, gpu_flops, bulk, first_sid, tasks, period, module;
	} line;
};

/* ---- workload: one iteration's collectives of a file, lib/aicb.c and lib/simai.c ---- */

enum comm_kind {
	COMM_ALL_REDUCE,
	COMM_REDUCE_SCATTER,
	COMM_ALL_GATHER,
	COMM_ALL_TO_ALL,
	COMM_BROADCAST,
	COMM_SEND,
	COMM_RECV,
	COMM_BARRIER,
	COMM_COMPUTE,
};

enum comm_group {
	GROUP_TP,
	GROUP_DP,
	GROUP_PP,
	GROUP_EP,
	GROUP_EDP, /* the replicas of the same experts */
};

struct workload_item {
	enum comm_kind kind;
	enum comm_group group;
	uint64_t bytes; /* payload of the whole message; COMM_COMPUTE: ns */
	uint32_t group_size;
	uint32_t stage; /* pipeline stage whose ranks do this */
	char phase[32]; /* forward, backward, step; init is not kept */
	bool to_next;	/* COMM_SEND, COMM_RECV: the other end is the next stage */
	uint32_t line;
};

struct workload {
	char file[256];
	char source[16];	     /* "aicb" or "simai" */
	struct workload_item *items; /* in the file's order */
	uint32_t nr_items;
	/* As the file's groups say; world and data 0: it does not say. */
	uint32_t world, tensor, pipeline, data, expert;
	uint32_t iterations; /* that the file holds; the items are those of the first */
};

/* ---- plan: made by planner/, written and read by lib/plan_json.c ---- */

struct plan_mic {
	uint32_t id;
	char name[MODEL_NAME_LEN];
};

/*
 * Ranks of a plan are behind each other, and none is before traffic that has no
 * plan: the kernel's rank of a queue is DMSC_RANK_DEFAULT and this. The ranks in
 * front are left to people (dmscctl queue set).
 */
#define PLAN_RANK_MAX (DMSC_RANK_MAX - DMSC_RANK_DEFAULT)

/* A microservice instance: one rank of the job, or one bulk sender or receiver. */
struct plan_instance {
	uint32_t sid;
	uint32_t mic;			 /* a plan_mic's id */
	char name[MODEL_NAME_LEN];	 /* llama.pp1.dp0.tp3 */
	uint32_t host;			 /* index into hosts[] */
	int32_t gpu;			 /* its first one, -1: none */
	uint32_t gpus;			 /* from gpu on: a tensor group has several */
	char cgroup[2 * MODEL_NAME_LEN]; /* below the agent's cgroup root */
	uint8_t class_default, class_mask;
	uint16_t slot[DMSC_NR_CLASSES]; /* queue on its host, 0 none */
	uint16_t port[DMSC_NR_CLASSES]; /* where it listens, host order, 0 none */
	/* of its queues; see plan-format.md */
	uint32_t rank[DMSC_NR_CLASSES]; /* 0..PLAN_RANK_MAX, 0 goes first in the class */
	uint64_t rate[DMSC_NR_CLASSES]; /* bytes a second that keep the rank, 0 all */
	uint64_t ceil[DMSC_NR_CLASSES]; /* bytes a second, 0 none; not below the rate */
};

/* What one instance sends another in one class during an iteration. */
struct plan_flow {
	uint32_t src, dst; /* indexes into instances[] */
	uint8_t class;
	bool bulk;	/* repeats while the iteration runs */
	uint64_t bytes; /* per iteration, wire payload (ring factors applied) */
	uint64_t messages;
	uint32_t order; /* of its first message in the iteration */
	int64_t slack; /* ns it may be late before the iteration is longer, or the deadline missed */
	uint64_t deadline;	     /* ns from the start of the iteration, 0 none */
	uint32_t path;		     /* index into paths[], MODEL_NONE within a host */
	uint32_t first_way, nr_ways; /* into ways[]: several paths; none: path alone */
	uint32_t rank;		     /* within the class, 0..DMSC_RANK_MAX, 0 goes first */
	uint32_t connections;	     /* that carry it, at least 1 */
};

/* One of the paths that a flow's connections are spread over. */
struct plan_way {
	uint32_t path;	 /* index into paths[] */
	uint32_t weight; /* 1..PLAN_WEIGHT_MAX; its share is that of the sum */
};

#define PLAN_WEIGHT_MAX 65535

/*
 * Paths of all pairs of instances at these ends, in one class, that have no flow of
 * their own. An end is one instance or those of a cluster.
 */
struct plan_group {
	uint32_t from, to; /* a SID, or a MIC's id */
	bool from_mic, to_mic;
	uint8_t class;
	uint32_t first_way, nr_ways; /* into ways[]; of any hosts that the ends are on */
};

/* How packets are made to take a path that routing would not choose. */
enum plan_path_kind {
	PATH_ROUTE, /* interface and next hop; switches decide the rest */
	PATH_SRV6,  /* IPv6 with a segment routing header around it */
	PATH_UDP,   /* UDP around it, whose source port leads ECMP */
	PATH_LABEL, /* IPv6's flow label, which leads ECMP */
};

/* What a path of another kind than PATH_ROUTE needs besides. */
struct plan_encap {
	enum plan_path_kind kind;
	struct dmsc_addr source;  /* of the outer header; zero: the host's own */
	struct dmsc_addr target;  /* PATH_UDP: where it is taken off; zero: the host's own */
	struct dmsc_addr nexthop; /* zero: the link's */
	struct dmsc_addr segments[DMSC_MAX_SEGMENTS]; /* PATH_SRV6, in the order of the way */
	uint32_t nr_segments;
	uint16_t port;	  /* PATH_UDP: destination port, host order */
	uint32_t entropy; /* UDP source port or flow label; 0: as the flow hashes */
};

/* A way through the fabric: what the host decides is interface and next hop. */
struct plan_path {
	uint32_t src_host, dst_host; /* indexes into hosts[] */
	uint32_t link;		     /* topology link it leaves by */
	uint32_t *edges;	     /* directed edges, all those that may carry it */
	double *share;		     /* of the path's traffic on each (ECMP splits below) */
	uint32_t nr_edges;
	struct plan_encap *encap; /* NULL: PATH_ROUTE */
	bool pinned; /* the edges are one way from end to end, which the host prescribes */
};

enum op_kind { OP_COMPUTE, OP_SEND, OP_RECV };

/*
 * One step of one instance. Steps of an instance stand together and in an
 * order that respects their dependencies, which are steps of the same
 * instance; between instances, the n-th OP_RECV of a flow waits for its n-th
 * OP_SEND, and both have the same size.
 */
struct plan_op {
	enum op_kind kind;
	uint32_t flow;		     /* OP_SEND, OP_RECV */
	uint64_t amount;	     /* bytes; OP_COMPUTE: ns */
	uint32_t first_dep, nr_deps; /* into deps[], values are op indexes */
	uint8_t phase;		     /* enum plan_phase */
	uint32_t micro_batch;
};

enum plan_phase { PHASE_FORWARD, PHASE_BACKWARD, PHASE_GRADIENT, PHASE_PARAMETER };

struct plan_host {
	char name[MODEL_NAME_LEN];
	uint32_t node; /* topology node */
};

/* Payload per rank and iteration, by what it is for; for people and tests. */
struct plan_totals {
	uint64_t tp_all_reduce_forward, tp_all_reduce_backward;
	uint64_t tp_all_gather, tp_reduce_scatter; /* sequence parallelism */
	uint64_t dp_reduce_scatter, dp_all_gather, dp_all_reduce;
	uint64_t pp_send_forward, pp_send_backward; /* of one boundary */
	uint64_t ep_all_to_all;
	uint64_t pp_tensor_all_gather;	  /* behind scatter/gather at the boundaries */
	uint64_t pp_embedding_all_reduce; /* tied embedding, first and last stage */
	uint64_t cp_all_gather, cp_reduce_scatter;
	uint64_t tp_all_to_all; /* of tokens among tensor ranks, in workload files */
};

/* A number of exchanges of a pass, and what it costs an iteration. */
struct plan_choice {
	uint32_t exchanges;
	uint64_t overhead_ns; /* of starting them */
	uint64_t exposed_ns;  /* gradients that no computation conceals */
};

#define PLAN_CHOICES 20

/* planner/granularity.h; no choices: the traffic was not decomposed from a model */
struct plan_granularity {
	uint32_t exchanges; /* that was taken */
	bool given;	    /* by the job file */
	uint32_t nr_choices;
	struct plan_choice choices[PLAN_CHOICES];
};

/* How good the paths are: seconds an iteration on the most loaded link, and the least possible. */
struct plan_certificate {
	double worst, bound; /* 0: nothing leaves a host */
	uint32_t edge;	     /* the most loaded, MODEL_NONE: none is */
	char cut[128];	     /* what the bound stands on: "out of host3" */
	bool core;	     /* paths were found by the path core, not flow by flow */
};

/* What a placement that was given costs against the planner's own; others left out: 0. */
struct plan_placement {
	bool given;
	bool compared;		   /* the planner could place the job, too */
	double worst, own_worst;   /* seconds an iteration on the most loaded link */
	uint64_t bytes, own_bytes; /* between hosts, of an iteration, without bulk */
	uint64_t path, own_path;   /* critical path, ns */
};

struct plan {
	char job[MODEL_NAME_LEN];
	char source[16]; /* "job", "aicb", "simai" or "tasks" */
	struct plan_totals totals;
	struct plan_granularity granularity;
	struct topology topo; /* a copy: a plan is complete by itself */
	struct plan_host *hosts;
	uint32_t nr_hosts;
	struct plan_mic *mics;
	uint32_t nr_mics;
	struct plan_instance *instances;
	uint32_t nr_instances;
	struct plan_flow *flows;
	uint32_t nr_flows;
	struct plan_path *paths;
	uint32_t nr_paths;
	struct plan_way *ways;
	uint32_t nr_ways;
	struct plan_group *groups;
	uint32_t nr_groups;
	struct plan_op *ops; /* instance i: op_start[i] .. op_start[i + 1] - 1 */
	uint32_t nr_ops;
	uint32_t *op_start; /* nr_instances + 1 */
	uint32_t *deps;
	uint32_t nr_deps;
	double *edge_load; /* bytes per iteration on each directed edge */
	struct plan_certificate certificate;
	struct plan_placement placement;
	bool pinned;			/* the job asks for paths that hosts prescribe to the end */
	const struct plan_modules *ask; /* while the plan is made; else NULL */
	uint64_t critical_path;		/* ns, with the network at its stated rates */
	uint32_t *critical;		/* the steps that make it up, in their order */
	uint32_t nr_critical;
	char **notes; /* what a reader of the plan should know */
	uint32_t nr_notes;
};

void topology_free(struct topology *t);
void job_free(struct job *j);
void taskgraph_free(struct taskgraph *g); /* and @g itself; NULL does nothing */
void workload_free(struct workload *w);
void plan_free(struct plan *p);

/*
 * lib/plan_ways.c: over how many paths a flow is spread (0 within a host), the share of its bytes
 * on the @i-th of them, and @factor times its bytes added to each directed edge that it uses.
 */
uint32_t plan_flow_paths(const struct plan_flow *f);
double plan_flow_share(const struct plan *p, const struct plan_flow *f, uint32_t i, uint32_t *path);
void plan_flow_load(const struct plan *p, const struct plan_flow *f, double factor, double *by_edge);

const char *dmsc_class_name(unsigned int class); /* "tensor"; "?" outside 0..7 */
int dmsc_class_parse(const char *name);		 /* -1: unknown */

#endif /* DMSC_LIB_MODEL_H */
