// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The simulator against closed forms: rates of flows that share links by class,
 * rank and weight; a ring all-reduce; a pipeline's bubble; and what every run
 * must fulfil (no iteration faster than its critical path, bytes that add up).
 */
#include <errno.h>
#include <math.h>

#include "planner/internal.h"
#include "lib/measured.h"
#include "planner/simulate_internal.h"
#include "selftests/unit/plan_util.h"

#define GBIT 1000000000ULL

static void assert_near(double a, double b, double part)
{
	if (fabs(a - b) > part * fabs(b))
		fail_msg("%.9g, expected %.9g within %g %%", a, b, part * 100);
}

/* @hosts hosts with a GPU and a link each at one switch: edge 2h up, 2h + 1 down. */
static struct topology star(uint32_t hosts, uint64_t rate)
{
	struct topology t = { .nr_nodes = hosts + 1, .nr_links = hosts };
	uint32_t h;

	strcpy(t.name, "star");
	t.nodes = calloc(t.nr_nodes, sizeof(*t.nodes));
	t.links = calloc(t.nr_links, sizeof(*t.links));
	for (h = 0; h < hosts; h++) {
		snprintf(t.nodes[h].name, sizeof(t.nodes[h].name), "host%u", h);
		t.nodes[h].gpus = 1;
		t.links[h].a = h;
		t.links[h].b = hosts;
		t.links[h].rate = rate;
	}
	strcpy(t.nodes[hosts].name, "leaf");
	t.nodes[hosts].kind = NODE_LEAF;
	return t;
}

/* ---- rates ---- */

struct flow_spec {
	uint8_t class;
	uint32_t rank, weight;
	int edges[3]; /* ends with -1 */
};

/* Rates in parts of 1 byte/s links; all flows under way. */
static void check_rates(const struct flow_spec *s, uint32_t n, const double *expect, double part)
{
	struct topology t = star(3, 8);
	uint32_t i, k, uses = 0;
	struct rates r;

	assert_int_equal(rates_open(&r, &t, n, 3 * n, sim_default_classes), 0);
	for (i = 0; i < n; i++) {
		r.flows[i] = (struct rate_flow){ .first_use = uses,
						 .class = s[i].class,
						 .rank = s[i].rank,
						 .weight = s[i].weight };
		for (k = 0; k < 3 && s[i].edges[k] >= 0; k++)
			r.uses[uses++] =
				(struct rate_use){ .edge = s[i].edges[k], .flow = i, .share = 1 };
		r.flows[i].nr_uses = uses - r.flows[i].first_use;
		rates_begin(&r, i);
	}
	assert_true(rates_fill(&r));
	assert_int_equal(r.nr_list, n);
	for (i = 0; i < n; i++) {
		if (fabs(r.flows[i].given - expect[i]) > part)
			fail_msg("flow %u: %.6f, expected %.6f", i, r.flows[i].given, expect[i]);
	}
	rates_close(&r);
	topology_free(&t);
}

static void test_max_min(void **state)
{
	/* Bertsekas and Gallager, example 6.5: a long flow and short ones. */
	static const struct flow_spec s[] = {
		{ DMSC_CLASS_DATA, 0, 1, { 0, 2, -1 } }, { DMSC_CLASS_DATA, 0, 1, { 0, -1 } },
		{ DMSC_CLASS_DATA, 0, 1, { 0, -1 } },	 { DMSC_CLASS_DATA, 0, 1, { 2, -1 } },
		{ DMSC_CLASS_DATA, 0, 3, { 4, -1 } },	 { DMSC_CLASS_DATA, 0, 1, { 4, -1 } },
	};
	static const double expect[] = { 1.0 / 3, 1.0 / 3, 1.0 / 3, 2.0 / 3, 0.75, 0.25 };

	(void)state;
	check_rates(s, 6, expect, 1e-9);
}

/* Strict classes in order, but what lies below gets its guarantee. */
static void test_strict(void **state)
{
	static const struct flow_spec s[] = {
		{ DMSC_CLASS_TENSOR, 0, 1, { 0, -1 } }, { DMSC_CLASS_PIPELINE, 0, 1, { 0, -1 } },
		{ DMSC_CLASS_DATA, 0, 1, { 0, -1 } },	{ DMSC_CLASS_BULK, 0, 1, { 0, -1 } },
		{ DMSC_CLASS_BULK, 0, 1, { 0, -1 } },
	};
	static const double expect[] = { 0.8, 0.05, 0.1, 0.025, 0.025 };
	/* Tensor is held up elsewhere: pipeline takes what it leaves. */
	static const struct flow_spec held[] = {
		{ DMSC_CLASS_TENSOR, 0, 1, { 0, 2, -1 } },
		{ DMSC_CLASS_TENSOR, 0, 1, { 2, -1 } },
		{ DMSC_CLASS_PIPELINE, 0, 1, { 0, -1 } },
	};
	static const double leaves[] = { 0.5, 0.5, 0.5 };

	(void)state;
	check_rates(s, 5, expect, 1e-9);
	check_rates(held, 3, leaves, 1e-9);
}

/* 64 to 4: what is left after the guarantees of 10 and 5 per cent is split so. */
static void test_weighted(void **state)
{
	static const struct flow_spec s[] = { { DMSC_CLASS_DATA, 0, 1, { 0, -1 } },
					      { DMSC_CLASS_BULK, 0, 1, { 0, -1 } } };
	double expect[2] = { 0.1 + 0.85 * 64 / 68, 0.05 + 0.85 * 4 / 68 };
	/* Bulk may have all that data cannot use. */
	static const struct flow_spec held[] = {
		{ DMSC_CLASS_DATA, 0, 1, { 0, 2, -1 } }, { DMSC_CLASS_DATA, 0, 1, { 2, -1 } },
		{ DMSC_CLASS_DATA, 0, 1, { 2, -1 } },	 { DMSC_CLASS_DATA, 0, 1, { 2, -1 } },
		{ DMSC_CLASS_BULK, 0, 1, { 0, -1 } },
	};
	static const double leaves[] = { 0.25, 0.25, 0.25, 0.25, 0.75 };

	(void)state;
	check_rates(s, 2, expect, 1e-9);
	check_rates(held, 5, leaves, 1e-6);
}

static void test_ranks(void **state)
{
	static const struct flow_spec s[] = {
		{ DMSC_CLASS_EXPERT, 1, 1, { 0, -1 } },
		{ DMSC_CLASS_EXPERT, 0, 1, { 0, 2, -1 } },
		{ DMSC_CLASS_EXPERT, 0, 1, { 2, -1 } },
	};
	static const double expect[] = { 0.5, 0.5, 0.5 };

	(void)state;
	check_rates(s, 3, expect, 1e-9);
}

/* Only what can feel a change is calculated again. */
static void test_local(void **state)
{
	struct topology t = star(3, 8);
	struct rates r;
	uint32_t i;

	(void)state;
	assert_int_equal(rates_open(&r, &t, 3, 3, sim_default_classes), 0);
	for (i = 0; i < 3; i++) {
		r.flows[i] = (struct rate_flow){ .first_use = i, .nr_uses = 1, .weight = 1 };
		r.uses[i] = (struct rate_use){ .edge = i / 2, .flow = i, .share = 1 };
		rates_begin(&r, i);
	}
	assert_true(rates_fill(&r));
	assert_int_equal(r.nr_list, 3);
	rates_end(&r, 0);
	assert_true(rates_fill(&r));
	assert_int_equal(r.nr_list, 1);
	assert_near(r.flows[1].given, 1, 1e-9);
	rates_close(&r);
	topology_free(&t);
}

/* ---- plans made by hand ---- */

static void open_plan(struct plan *p, struct builder *b, const struct topology *t, uint32_t ranks)
{
	struct dmsc_error err;
	uint32_t i;

	memset(p, 0, sizeof(*p));
	strcpy(p->job, "made");
	strcpy(p->source, "job");
	builder_init(b, p);
	assert_int_equal(place_hosts(p, t, &err), 0);
	builder_mic(b, 1, "made");
	for (i = 0; i < ranks; i++)
		builder_instance(b, 1, i, 0, "made.%u", i);
}

static void close_plan(struct plan *p, struct builder *b)
{
	struct dmsc_error err;
	struct job job = { .nr_bulk = 0 };

	if (builder_finish(b, &job, "test:1", &err) || plan_derive(p, "test:1", &err))
		fail_msg("%s", err.text);
}

static struct sim_result run(const struct plan *const *plans, uint32_t nr, enum sim_kind kind,
			     uint32_t iterations)
{
	struct sim_options o = { .iterations = iterations };
	struct sim_result r = { .jobs = NULL };
	struct sim_setup s;
	struct dmsc_error err;

	if (sim_setup(kind, plans, nr, 8, false, 1, NULL, &s, &err) ||
	    simulate(&plans[0]->topo, &s, &o, &r, &err))
		fail_msg("%s", err.text);
	sim_setup_free(&s);
	return r;
}

/* A ring all-reduce of S bytes between n hosts takes 2(n-1)/n * S / B (Thakur et al. 2005). */
static void test_ring(void **state)
{
	static const uint32_t sizes[] = { 2, 3, 8, 33 };
	const uint64_t payload = 99 * 1024 * 1024 * 8;
	uint32_t i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		uint32_t n = sizes[i], members[64];
		struct topology t = star(n, 10 * GBIT);
		const struct after none = { .n = 0 };
		const struct plan *list;
		struct sim_result r;
		struct builder b;
		struct plan p;

		open_plan(&p, &b, &t, n);
		for (k = 0; k < n; k++)
			members[k] = k;
		for (k = 0; k < n; k++) {
			builder_begin(&b, k);
			builder_ring(&b, members, n, k, DMSC_CLASS_DATA, payload, 2 * (n - 1),
				     &none, PHASE_GRADIENT, 0);
		}
		close_plan(&p, &b);
		list = &p;
		r = run(&list, 1, SIM_DMSC, 3);
		assert_int_equal(r.jobs[0].iterations, 3);
		assert_near(r.jobs[0].mean, 2.0 * (n - 1) / n * payload * 8 / 10e9, 1e-6);
		assert_near(r.jobs[0].worst, r.jobs[0].mean, 1e-6);
		/* All links are full all the time. */
		assert_near(r.busiest, 1, 1e-6);
		sim_result_free(&r);
		plan_free(&p);
		topology_free(&t);
	}
}

/* One-forward-one-backward (Narayanan et al., SC 2021, section 2.2) of stage @s of @p. */
static void stage(struct builder *b, uint32_t s, uint32_t p, uint32_t m, uint64_t f, uint64_t g,
		  uint64_t bytes)
{
	uint32_t warm = p - 1 - s < m ? p - 1 - s : m, i, fwd = 0, bwd = 0;
	struct after a = { .n = 0 };

	builder_begin(b, s);
	for (i = 0; i < 2 * m; i++) {
		bool forward = fwd < m && (fwd < warm || fwd - bwd <= warm);

		if (forward) {
			if (s)
				a = after_one(builder_recv(b, s - 1, DMSC_CLASS_PIPELINE, bytes, &a,
							   PHASE_FORWARD, fwd));
			a = after_one(builder_compute(b, f, &a, PHASE_FORWARD, fwd));
			if (s + 1 < p)
				builder_send(b, s + 1, DMSC_CLASS_PIPELINE, bytes, &a,
					     PHASE_FORWARD, fwd);
			fwd++;
		} else {
			if (s + 1 < p)
				a = after_one(builder_recv(b, s + 1, DMSC_CLASS_PIPELINE, bytes, &a,
							   PHASE_BACKWARD, bwd));
			a = after_one(builder_compute(b, g, &a, PHASE_BACKWARD, bwd));
			if (s)
				builder_send(b, s - 1, DMSC_CLASS_PIPELINE, bytes, &a,
					     PHASE_BACKWARD, bwd);
			bwd++;
		}
	}
}

/* (m + p - 1)(f + g): the bubble is (p - 1)/m of the rest (Narayanan et al., section 2.2.1). */
static void test_bubble(void **state)
{
	static const uint32_t cases[][2] = { { 2, 1 }, { 4, 4 }, { 4, 16 }, { 8, 32 } };
	const uint64_t f = 10000000, g = 20000000; /* ns */
	uint32_t i, s;

	(void)state;
	for (i = 0; i < 4; i++) {
		uint32_t p = cases[i][0], m = cases[i][1];
		struct topology t = star(p, 1000 * GBIT);
		const struct plan *list;
		struct sim_result r;
		struct builder b;
		struct plan plan;

		open_plan(&plan, &b, &t, p);
		for (s = 0; s < p; s++)
			stage(&b, s, p, m, f, g, 1000);
		close_plan(&plan, &b);
		list = &plan;
		r = run(&list, 1, SIM_DMSC, 2);
		assert_near(r.jobs[0].mean, (m + p - 1) * (f + g) / 1e9, 1e-4);
		assert_near(r.jobs[0].utilisation, (double)m / (m + p - 1), 1e-4);
		assert_near(plan.critical_path / 1e9, r.jobs[0].mean, 1e-4);
		sim_result_free(&r);
		plan_free(&plan);
		topology_free(&t);
	}
}

/* Messages of one flow go one after the other; a coarse grid costs no more than its steps. */
static void test_queue_of_messages(void **state)
{
	struct topology t = star(2, 8 * GBIT); /* 1 GB/s */
	struct after none = { .n = 0 };
	struct sim_options o = { .iterations = 1 };
	const struct plan *list;
	struct sim_result r;
	struct sim_setup s;
	struct dmsc_error err;
	struct builder b;
	struct plan p;
	uint32_t i;

	(void)state;
	open_plan(&p, &b, &t, 2);
	builder_begin(&b, 0);
	for (i = 0; i < 4; i++)
		builder_send(&b, 1, DMSC_CLASS_DATA, 250000000, &none, PHASE_FORWARD, 0);
	builder_begin(&b, 1);
	for (i = 0; i < 4; i++)
		builder_recv(&b, 0, DMSC_CLASS_DATA, 250000000, &none, PHASE_FORWARD, 0);
	close_plan(&p, &b);
	list = &p;
	r = run(&list, 1, SIM_DMSC, 1);
	assert_near(r.jobs[0].mean, 1, 1e-9);
	sim_result_free(&r);

	assert_int_equal(sim_setup(SIM_DMSC, &list, 1, 8, false, 1, NULL, &s, &err), 0);
	o.resolution = 0.02;
	assert_int_equal(simulate(&p.topo, &s, &o, &r, &err), 0);
	assert_true(r.jobs[0].mean >= 1 && r.jobs[0].mean <= 1 + 5 * 0.02);
	sim_result_free(&r);
	sim_setup_free(&s);
	plan_free(&p);
	topology_free(&t);
}

/* One message between two hosts, cut into packets: the time that its links need for them all. */
static void test_packets(void **state)
{
	/* mss 1448; 66 bytes of headers a packet, and as an acknowledgement of every second one */
	static const struct {
		uint64_t bytes;
		double scale, packets, last;
	} cases[] = {
		{ 1448 * 1000, 1, 1000, 1514 },
		{ 100, 1, 1, 166 },
		{ 1449, 1, 2, 1514 },
		{ 1448 * 100000, 1000, 100, 1514 },
	};
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct topology t = star(2, 10 * GBIT);
		const struct sim_packets packets = { .mtu = 1500, .scale = cases[i].scale };
		struct sim_options o = { .iterations = 2, .packets = &packets };
		const struct after none = { .n = 0 };
		const struct plan *list;
		struct sim_setup setup;
		struct sim_result r;
		struct dmsc_error err;
		double wire, seconds;
		struct builder b;
		struct plan p;

		open_plan(&p, &b, &t, 2);
		builder_begin(&b, 0);
		builder_send(&b, 1, DMSC_CLASS_DATA, cases[i].bytes, &none, PHASE_FORWARD, 0);
		builder_begin(&b, 1);
		builder_recv(&b, 0, DMSC_CLASS_DATA, cases[i].bytes, &none, PHASE_FORWARD, 0);
		close_plan(&p, &b);
		list = &p;
		assert_int_equal(sim_setup(SIM_DMSC, &list, 1, 8, false, 1, NULL, &setup, &err), 0);
		assert_int_equal(simulate(&p.topo, &setup, &o, &r, &err), 0);
		wire = cases[i].bytes + 66 * cases[i].packets * cases[i].scale;
		/* The switch sends the last packet once more. */
		seconds = (wire + cases[i].last * cases[i].scale) * 8 / 1e10;
		assert_near(r.jobs[0].mean, seconds, 1e-6);
		sim_result_free(&r);
		sim_setup_free(&setup);
		plan_free(&p);
		topology_free(&t);
	}
}

/* ---- plans of the planner ---- */

/*
 * Instances that stand for eight GPUs each: the job has no fewer, and computes as much,
 * but that the exchanges among those eight are part of it.
 */
static void test_groups(void **state)
{
	struct dmsc_error err;
	struct topology topo;
	double computed[2];
	uint32_t i;
	struct job job;

	(void)state;
	assert_int_equal(job_read(EXAMPLE_JOB, &job, &err), 0);
	assert_int_equal(topology_read(EXAMPLE_TOPO, &topo, &err), 0);
	for (i = 0; i < 2; i++) {
		const struct plan *list;
		struct sim_result r;
		struct plan p;

		job.par.instances = i ? INSTANCES_GROUP : INSTANCES_RANK;
		assert_int_equal(plan_job(&job, &topo, &p, &err), 0);
		list = &p;
		r = run(&list, 1, SIM_ECMP, 2);
		assert_int_equal(r.jobs[0].gpus, 32);
		computed[i] = r.jobs[0].utilisation * (r.jobs[0].times[0] + r.jobs[0].times[1]);
		sim_result_free(&r);
		plan_free(&p);
	}
	assert_true(computed[1] > computed[0] && computed[1] < 1.2 * computed[0]);
	topology_free(&topo);
	job_free(&job);
}

static void test_examples(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	const struct plan *list = &p;
	double bytes[64] = { 0 }, total = 0;
	uint32_t kind, i, k;

	(void)state;
	for (kind = 0; kind <= SIM_MODULE; kind++) {
		struct sim_result r = run(&list, 1, kind, 2);

		assert_int_equal(r.jobs[0].gpus, 32);
		for (i = 0; i < r.jobs[0].iterations; i++)
			assert_true(r.jobs[0].times[i] >= p.critical_path / 1e9 * (1 - 1e-9));
		assert_true(r.jobs[0].utilisation > 0 && r.jobs[0].utilisation < 1);
		assert_true(r.nr_bins > 0 && r.nr_bins <= SIM_BINS);
		for (i = 0; i < r.nr_links; i++) {
			double sum = 0;

			for (k = 0; k < SIM_BINS; k++) {
				assert_true(r.links[i].load[k] <= 1 + 1e-6);
				sum += r.links[i].load[k] * r.bin;
			}
			assert_near(sum * p.topo.links[r.links[i].edge / 2].rate / 8,
				    r.links[i].bytes, 1e-6);
			assert_true(r.links[i].utilisation <= r.busiest * (1 + 1e-9));
		}
		sim_result_free(&r);
	}
	/* Every way leads from the source to the target, and hosts do not forward. */
	for (kind = 0; kind <= SIM_MODULE; kind++) {
		struct dmsc_error err;
		struct sim_setup s;

		assert_int_equal(sim_setup(kind, &list, 1, 8, false, 3, NULL, &s, &err), 0);
		for (i = 0; i < p.nr_flows; i++) {
			const struct sim_flow *f = &s.jobs[0].flows[i];
			uint32_t at = p.hosts[p.instances[p.flows[i].src].host].node;

			for (k = 0; k < f->nr_uses; k++) {
				uint32_t e = s.jobs[0].uses[f->first_use + k].edge;
				const struct topo_link *l = &p.topo.links[e / 2];

				assert_int_equal(e & 1 ? l->b : l->a, at);
				at = e & 1 ? l->a : l->b;
				assert_true(k + 1 == f->nr_uses ||
					    p.topo.nodes[at].kind != NODE_HOST);
				bytes[e] += kind == SIM_DMSC ? p.flows[i].bytes : 0;
			}
			assert_int_equal(at, p.hosts[p.instances[p.flows[i].dst].host].node);
			if (kind == SIM_DMSC && f->nr_uses) {
				total += p.flows[i].bytes;
				assert_int_equal(s.jobs[0].uses[f->first_use].edge / 2,
						 p.paths[p.flows[i].path].link);
			}
		}
		sim_setup_free(&s);
	}
	/* What leaves the hosts is what the plan says. */
	for (i = 0; i < p.topo.nr_links; i++)
		total -= p.topo.nodes[p.topo.links[i].a].kind == NODE_HOST ? bytes[2 * i] : 0;
	assert_true(fabs(total) < 1);
	plan_free(&p);
}

/* Training does not wait for bulk where classes hold, and does where they do not. */
static void test_bulk_waits(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	const struct plan *list = &p;
	struct sim_result ours = run(&list, 1, SIM_DMSC, 2), plain = run(&list, 1, SIM_ECMP, 2);

	(void)state;
	assert_true(ours.jobs[0].mean < plain.jobs[0].mean);
	assert_true(ours.utilisation > plain.utilisation);
	sim_result_free(&ours);
	sim_result_free(&plain);
	plan_free(&p);
}

/*
 * Bulk is all that Crux's set-up is ahead by on one job: it lets bulk starve while training
 * sends. With the same for bulk, ours is no slower.
 */
static void test_crux_starves(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	const struct plan *list = &p;
	struct sim_options o = { .iterations = 2 };
	struct sim_result crux = run(&list, 1, SIM_CRUX, 2), ours;
	struct dmsc_error err;
	struct sim_setup s;
	uint32_t c;

	(void)state;
	assert_int_equal(sim_setup(SIM_DMSC, &list, 1, 8, false, 1, NULL, &s, &err), 0);
	for (c = 0; c < DMSC_NR_CLASSES; c++) {
		s.classes[c].share = 0;
		s.classes[c].strict |= c != DMSC_CLASS_BULK;
	}
	assert_int_equal(simulate(&p.topo, &s, &o, &ours, &err), 0);
	assert_true(ours.jobs[0].mean <= crux.jobs[0].mean * 1.005);
	assert_true(ours.bulk > 0 && crux.bulk > 0);
	sim_result_free(&ours);
	sim_result_free(&crux);
	sim_setup_free(&s);
	plan_free(&p);
}

static void refuse_report(const char *text, const char *says)
{
	char *file = temp_file(text, strlen(text));
	struct dmsc_error err;
	struct measured m;

	assert_int_equal(measured_read(file, &m, &err), -EINVAL);
	if (strncmp(err.text, file, strlen(file)) || !strstr(err.text, says))
		fail_msg("got '%s', expected '%s'", err.text, says);
	unlink(file);
	free(file);
}

#define REPORT(setups)                                                                                \
	"{\"job\": \"x\", \"scale\": {\"rate\": 4, \"bytes\": 2, \"mtu\": 1500}, \"setups\": " setups \
	"}"

static void test_measured(void **state)
{
	static const char report[] = REPORT(
		"[{\"name\": \"dmsc\", \"iterations\": ["
		"{\"time_ns\": 3e9, \"cpu_idle\": 0.5}, {\"time_ns\": 1e9, \"cpu_idle\": 0.1}, "
		"{\"time_ns\": 2e9, \"cpu_idle\": 0.3}, {\"time_ns\": 9e9, \"cpu_idle\": 0.1}]}]");
	struct dmsc_error err;
	struct measured m;
	char *file;

	(void)state;
	/* One that the emulator wrote */
	assert_int_equal(measured_read("selftests/unit/report.json", &m, &err), 0);
	assert_int_equal(m.nr_setups, 3);
	measured_free(&m);
	file = temp_file(report, sizeof(report) - 1);
	assert_int_equal(measured_read(file, &m, &err), 0);
	assert_near(m.setups[0].median, 2.5, 1e-9);
	assert_near(m.setups[0].most, 9, 1e-9);
	assert_near(m.setups[0].idle, 0.25, 1e-9);
	measured_free(&m);
	unlink(file);
	free(file);
	refuse_report("{", ":1: ");
	refuse_report("[]", ": report: expected an object");
	refuse_report("{\"job\": 3}", ": job: expected a name");
	refuse_report("{\"job\": \"x\", \"scale\": {\"rate\": 0}}", ": scale.rate: expected");
	refuse_report(REPORT("[]"), ": setups: expected a list of 1 to 8");
	refuse_report(REPORT("[{\"name\": \"dmsc\", \"iterations\": []}]"),
		      ": setups[0].iterations: expected a list");
	refuse_report(REPORT("[{\"name\": \"dmsc\", \"iterations\": [{\"time_ns\": -1}]}]"),
		      ": setups[0].iterations[0].time_ns: expected nanoseconds");
	assert_int_equal(measured_read("/nowhere/report.json", &m, &err), -ENOENT);
}

static bool stop(void *arg, double part)
{
	assert_true(part >= 0 && part <= 1);
	return ++*(int *)arg < 2;
}

static void test_refusals(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL);
	const struct plan *list = &p;
	struct dmsc_error err;
	struct sim_options o = { .iterations = 1000 };
	struct sim_result r;
	struct sim_setup s;
	int calls = 0;

	(void)state;
	assert_int_equal(sim_setup(SIM_DMSC, &list, 1, 8, false, 1, NULL, &s, &err), 0);
	o.progress = stop;
	o.arg = &calls;
	assert_int_equal(simulate(&p.topo, &s, &o, &r, &err), -EINTR);
	assert_int_equal(calls, 2);
	o.iterations = 0;
	assert_int_equal(simulate(&p.topo, &s, &o, &r, &err), -EINVAL);
	sim_setup_free(&s);
	plan_free(&p);
	assert_int_equal(sim_kind_parse("crux"), SIM_CRUX);
	assert_int_equal(sim_kind_parse("tcp"), -1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_max_min),	   cmocka_unit_test(test_strict),
		cmocka_unit_test(test_weighted),   cmocka_unit_test(test_ranks),
		cmocka_unit_test(test_local),	   cmocka_unit_test(test_ring),
		cmocka_unit_test(test_bubble),	   cmocka_unit_test(test_queue_of_messages),
		cmocka_unit_test(test_groups),	   cmocka_unit_test(test_examples),
		cmocka_unit_test(test_bulk_waits), cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_packets),	   cmocka_unit_test(test_crux_starves),
		cmocka_unit_test(test_measured),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
