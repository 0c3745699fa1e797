// SPDX-License-Identifier: GPL-2.0-or-later
/* Several paths of a flow, of groups, and of other kinds than a route: written, read, refused. */
#include "plan_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>

/* The example with what it does not use itself. */
static char *with_ways(struct plan *p)
{
	struct plan_encap *e = calloc(1, sizeof(*e));
	uint32_t f = 0, path, other = MODEL_NONE, i;
	struct dmsc_error err;
	char *text;

	while (p->flows[f].path == MODEL_NONE)
		f++;
	path = p->flows[f].path;
	for (i = 0; i < p->nr_paths; i++) {
		if (i != path && p->paths[i].src_host == p->paths[path].src_host &&
		    p->paths[i].dst_host == p->paths[path].dst_host)
			other = i;
	}
	assert_int_not_equal(other, MODEL_NONE);
	e->kind = PATH_SRV6;
	e->nr_segments = 2;
	e->entropy = 77;
	inet_pton(AF_INET6, "fd00::5", e->segments[0].b);
	inet_pton(AF_INET6, "fd00::6", e->segments[1].b);
	inet_pton(AF_INET6, "fd00::1", e->source.b);
	inet_pton(AF_INET6, "fe80::1", e->nexthop.b);
	p->paths[other].encap = e;
	p->ways = calloc(4, sizeof(*p->ways));
	p->ways[0] = (struct plan_way){ path, 3 };
	p->ways[1] = (struct plan_way){ other, 1 };
	p->ways[2] = (struct plan_way){ other, 5 };
	p->nr_ways = 3;
	p->flows[f].first_way = 0;
	p->flows[f].nr_ways = 2;
	/* By class, and the same in all: a list, and a number. */
	p->instances[0].rank[DMSC_CLASS_DATA] = 2;
	for (i = 0; i < DMSC_NR_CLASSES; i++)
		p->instances[1].rank[i] = 3;
	p->groups = calloc(1, sizeof(*p->groups));
	p->nr_groups = 1;
	p->groups[0] = (struct plan_group){ .from = p->instances[p->flows[f].src].sid,
					    .to = p->mics[1].id,
					    .to_mic = true,
					    .class = DMSC_CLASS_DATA,
					    .first_way = 2,
					    .nr_ways = 1 };
	text = plan_to_text(p, &err);
	assert_non_null(text);
	return text;
}

static void test_round_trip(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), back;
	char *text = with_ways(&p), *again;
	struct dmsc_error err;

	(void)state;
	if (plan_from_text(text, strlen(text), &back, &err))
		fail_msg("%s", err.text);
	again = plan_to_text(&back, &err);
	assert_string_equal(text, again);
	assert_int_equal(back.nr_ways, 3);
	assert_memory_equal(back.instances[0].rank, p.instances[0].rank,
			    sizeof(p.instances[0].rank));
	assert_memory_equal(back.instances[1].rank, p.instances[1].rank,
			    sizeof(p.instances[1].rank));
	assert_int_equal(back.nr_groups, 1);
	assert_true(back.groups[0].to_mic && !back.groups[0].from_mic);
	free(text);
	free(again);
	plan_free(&p);
	plan_free(&back);
}

struct refusal {
	const char *from, *to, *says;
};

#define WAYS9                                                                            \
	"{\"path\":0,\"weight\":1},{\"path\":0,\"weight\":1},{\"path\":0,\"weight\":1}," \
	"{\"path\":0,\"weight\":1},{\"path\":0,\"weight\":1},{\"path\":0,\"weight\":1}," \
	"{\"path\":0,\"weight\":1},{\"path\":0,\"weight\":1},"

static const struct refusal refusals[] = {
	{ ",\"weight\":3}", ",\"weight\":0}", "paths[0].weight: expected a whole number, 1 to" },
	{ ",\"weight\":3}", ",\"weight\":3},{\"path\":99999,\"weight\":3}",
	  "paths[1].path: expected a whole number" },
	{ "\"paths\":[{\"path\"", "\"paths\":[" WAYS9 "{\"path\"",
	  "paths: 10 of them, expected a list of 1 to 8" },
	{ "\"kind\":\"srv6\"", "\"kind\":\"magic\"", "kind: expected route, srv6, udp or label" },
	{ "\"segments\":[\"fd00::5\",", "\"segments\":[\"10.0.0.1\",",
	  "segments: expected a list of IPv6 addresses" },
	{ "\"segments\":[\"fd00::5\",\"fd00::6\"]", "\"segments\":[]",
	  "segments: 0 of them, expected a list of 1 to 8 IPv6 addresses" },
	{ "\"nexthop\":\"fe80::1\"", "\"nexthop\":\"10.0.0.1\"", "nexthop: expected an IPv6" },
	{ "\"source\":\"fd00::1\",", "", "source: expected an IPv6 address" },
	{ "\"ranks\":[", "\"rank\":1,\"ranks\":[", "ranks: expected none beside rank" },
	{ "\"ranks\":[0,", "\"ranks\":[31,", "ranks: expected a list of 8 numbers in range" },
	{ "\"ranks\":[0,", "\"ranks\":[", "ranks: expected a list of 8 numbers" },
	{ "\"entropy\":77", "\"entropy\":1048576", "entropy: expected a whole number, 1 to 1048575" },
	{ "\"from\":{\"sid\":", "\"from\":{\"sid\":4", "groups[0].from: SID 4" },
	{ "\"to\":{\"mic\":", "\"to\":{\"mic\":4", "is unknown, expected one of mics" },
	{ "\"to\":{\"mic\":", "\"to\":{\"who\":", "groups[0].to: expected an object of sid or mic" },
};

static void test_refusals(void **state)
{
	struct plan p = make_plan(EXAMPLE_JOB, EXAMPLE_TOPO, NULL), back;
	char *good = with_ways(&p);

	(void)state;
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		const struct refusal *c = &refusals[i];
		char *at = strstr(good, c->from), *text;
		struct dmsc_error err;

		if (!at)
			fail_msg("no '%s' in the plan", c->from);
		if (asprintf(&text, "%.*s%s%s", (int)(at - good), good, c->to,
			     at + strlen(c->from)) < 0)
			fail();
		assert_int_equal(plan_from_text(text, strlen(text), &back, &err), -EINVAL);
		if (!strstr(err.text, c->says))
			fail_msg("'%s' does not say '%s'", err.text, c->says);
		free(text);
	}
	free(good);
	plan_free(&p);
}

/* The example, with the text @from of its job or topology replaced. */
static struct plan changed_plan(const char *from, const char *to, const char *rail1)
{
	size_t len;
	char *job = slurp(EXAMPLE_JOB, &len), *topo = slurp(EXAMPLE_TOPO, &len), *text, *at;
	char *job_file, *topo_file;
	struct plan p;

	at = strstr(job, from);
	assert_non_null(at);
	assert_true(asprintf(&text, "%.*s%s%s", (int)(at - job), job, to, at + strlen(from)) > 0);
	job_file = temp_file(text, strlen(text));
	/* The second rail of every host at another rate. */
	for (at = topo; rail1 && (at = strstr(at, ":rail1\"")); at++) {
		char *rate = strstr(at, "400Gbit");

		assert_non_null(rate);
		memcpy(rate, rail1, strlen("400Gbit"));
	}
	topo_file = temp_file(topo, strlen(topo));
	p = make_plan(job_file, topo_file, NULL);
	unlink(job_file);
	unlink(topo_file);
	free(job_file);
	free(topo_file);
	free(job);
	free(topo);
	free(text);
	return p;
}

/* Worst load by hand, from the flows' paths and weights. */
static double worst_load(const struct plan *p)
{
	double *load = calloc(2 * p->topo.nr_links, sizeof(*load)), worst = 0;

	for (uint32_t i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];
		double sum = 0;

		for (uint32_t w = 0; w < f->nr_ways; w++)
			sum += p->ways[f->first_way + w].weight;
		for (uint32_t w = 0; f->path != MODEL_NONE && w < (f->nr_ways ? f->nr_ways : 1);
		     w++) {
			const struct plan_way *way = &p->ways[f->first_way + w];
			const struct plan_path *path = &p->paths[f->nr_ways ? way->path : f->path];

			for (uint32_t k = 0; k < path->nr_edges; k++)
				load[path->edges[k]] += f->bytes * path->share[k] *
							(f->nr_ways ? way->weight / sum : 1);
		}
	}
	for (uint32_t e = 0; e < 2 * p->topo.nr_links; e++) {
		assert_true(fabs(load[e] - p->edge_load[e]) <= 1e-6 * load[e] + 1);
		worst = fmax(worst, 8 * load[e] / p->topo.links[e / 2].rate);
	}
	free(load);
	return worst;
}

/* Flows of one class between two instances name the same ways; returns how many have any. */
static uint32_t check_groups(const struct plan *p)
{
	uint32_t spread = 0;

	for (uint32_t i = 0; i < p->nr_flows; i++) {
		const struct plan_flow *f = &p->flows[i];
		bool among = !f->nr_ways;

		spread += f->nr_ways > 0;
		assert_true(f->nr_ways != 1 && f->nr_ways <= DMSC_MAX_WAYS);
		for (uint32_t w = 0; w < f->nr_ways; w++) {
			const struct plan_way *way = &p->ways[f->first_way + w];

			assert_true(way->weight >= 1 && way->weight <= PLAN_WEIGHT_MAX);
			assert_int_equal(p->paths[way->path].src_host, p->instances[f->src].host);
			assert_int_equal(p->paths[way->path].dst_host, p->instances[f->dst].host);
			among |= way->path == f->path;
		}
		assert_true(among);
		for (uint32_t k = 0; k < i; k++) {
			const struct plan_flow *g = &p->flows[k];

			if (g->src != f->src || g->dst != f->dst || g->class != f->class)
				continue;
			assert_int_equal(g->path, f->path);
			assert_int_equal(g->nr_ways, f->nr_ways);
			for (uint32_t w = 0; w < f->nr_ways; w++)
				assert_memory_equal(&p->ways[f->first_way + w],
						    &p->ways[g->first_way + w], sizeof(*p->ways));
		}
	}
	return spread;
}

#define CHECKPOINT "bytes: 4GiB"

static void test_streams(void **state)
{
	static const struct {
		uint32_t streams;
		const char *rail1;
		double ratio; /* at most */
	} cases[] = {
		{ 2, NULL, 1.0001 },
		{ 4, NULL, 1.0001 },
		/* A connection is not split: 2 and 1, 32 and 31. */
		{ 3, NULL, 1.06 },
		{ 63, NULL, 1.003 },
		{ 64, NULL, 1.0001 },
		/* What an iteration exchanges alone needs more than the bound where rails differ. */
		{ 8, "200Gbit", 1.35 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct plan p, back;
		struct dmsc_error err;
		uint64_t bytes = 0;
		char bulk[80], *text;

		snprintf(bulk, sizeof(bulk), CHECKPOINT ", streams: %u", cases[i].streams);
		p = changed_plan(CHECKPOINT, bulk, cases[i].rail1);
		assert_true(check_groups(&p) >= 4 * cases[i].streams);
		assert_true(fabs(worst_load(&p) - p.certificate.worst) <= 1e-9 * p.certificate.worst);
		assert_true(p.certificate.worst >= p.certificate.bound * (1 - 1e-9));
		if (p.certificate.worst > p.certificate.bound * cases[i].ratio)
			fail_msg("%u streams, %s: %.4f of the bound", cases[i].streams,
				 cases[i].rail1 ? cases[i].rail1 : "equal rails",
				 p.certificate.worst / p.certificate.bound);
		/* As many connections as there are, if those are few. */
		for (uint32_t k = 0; k < p.nr_flows; k++) {
			const struct plan_flow *f = &p.flows[k];
			uint32_t sum = 0;

			for (uint32_t w = 0; w < f->nr_ways; w++)
				sum += p.ways[f->first_way + w].weight;
			if (f->bulk && f->nr_ways)
				assert_int_equal(cases[i].streams % sum, 0);
		}
		/* The streams share the bytes: four checkpoints of 4 GiB, four loads of 1 GiB. */
		for (uint32_t k = 0; k < p.nr_flows; k++)
			bytes += p.flows[k].bulk ? p.flows[k].bytes : 0;
		assert_int_equal(bytes, 20ULL << 30);
		text = plan_to_text(&p, &err);
		assert_non_null(text);
		if (plan_from_text(text, strlen(text), &back, &err))
			fail_msg("%s", err.text);
		assert_true(check_groups(&back) == check_groups(&p));
		free(text);
		plan_free(&back);
		plan_free(&p);
	}
}

/* One connection is not split, and says so by the certificate. */
static void test_one_connection(void **state)
{
	struct plan p = changed_plan(CHECKPOINT, CHECKPOINT ", streams: 1", NULL);

	(void)state;
	assert_int_equal(check_groups(&p), 0);
	assert_int_equal(p.nr_ways, 0);
	assert_true(p.certificate.worst > 1.1 * p.certificate.bound);
	assert_true(fabs(worst_load(&p) - p.certificate.worst) <= 1e-9 * p.certificate.worst);
	plan_free(&p);
}

/* What the note about streams says of @job (text) on @topo; "" when there is none. */
static void advice(const char *job_text, const char *topo_file, char *out, size_t size)
{
	char *file = temp_file(job_text, strlen(job_text));
	struct dmsc_error err;
	struct topology topo;
	struct job job;
	struct plan p;
	uint32_t before;

	assert_int_equal(job_read(file, &job, &err), 0);
	assert_int_equal(topology_read(topo_file, &topo, &err), 0);
	assert_int_equal(plan_job(&job, &topo, &p, &err), 0);
	before = p.nr_notes;
	assert_int_equal(plan_streams(&p, &job, NULL, &topo, &err), 0);
	assert_in_range(p.nr_notes, before, before + 1);
	snprintf(out, size, "%s", p.nr_notes > before ? p.notes[before] : "");
	plan_free(&p);
	job_free(&job);
	topology_free(&topo);
	unlink(file);
	free(file);
}

/* The job with @to in place of @from, planned: worst load by bound. */
static double ratio_with(const char *from, const char *to)
{
	struct plan p = changed_plan(from, to, NULL);
	double ratio = p.certificate.worst / p.certificate.bound;

	plan_free(&p);
	return ratio;
}

/* Where more streams would reach the bound, a note says how many, of what, and what it brings. */
static void test_streams_advised(void **state)
{
	char said[512], want[512], *job, *at;
	size_t len;

	(void)state;
	job = slurp(EXAMPLE_JOB, &len);
	advice(job, EXAMPLE_TOPO, said, sizeof(said));
	snprintf(want, sizeof(want),
		 "with streams: 2 for checkpoint the worst link load would be %.4f x its bound, not %.4f",
		 ratio_with(CHECKPOINT, CHECKPOINT ", streams: 2"),
		 ratio_with(CHECKPOINT, CHECKPOINT));
	assert_string_equal(said, want);
	assert_non_null(strstr(said, "1.0000 x its bound, not 1.1733"));
	/* Done as it says, there is nothing to say any more. */
	at = strstr(job, CHECKPOINT);
	assert_true(asprintf(&at, "%.*s%s%s", (int)(at - job), job, CHECKPOINT ", streams: 2",
			     at + strlen(CHECKPOINT)) > 0);
	advice(at, EXAMPLE_TOPO, said, sizeof(said));
	assert_string_equal(said, "");
	free(at);
	/* Nor without bulk. */
	at = strstr(job, "bulk:");
	*at = '\0';
	advice(job, EXAMPLE_TOPO, said, sizeof(said));
	assert_string_equal(said, "");
	free(job);
}

/* Instances of eight ranks: a connection each, spread as the core split their flows. */
static void test_tensor_groups(void **state)
{
	struct plan p = changed_plan("  micro_batches: 8\n",
				     "  micro_batches: 8\n  instances: group\n", NULL);
	uint32_t spread = 0, gpus = 0;
	struct dmsc_error err;
	struct plan back;
	char *text, *at;

	(void)state;
	check_groups(&p);
	/* What a group stands for is all of its GPUs, in the file as well. */
	for (uint32_t i = 0; i < p.nr_instances; i++)
		gpus += p.instances[i].gpus;
	assert_int_equal(gpus, 32);
	text = plan_to_text(&p, &err);
	assert_non_null(text);
	if (plan_from_text(text, strlen(text), &back, &err))
		fail_msg("%s", err.text);
	assert_int_equal(back.instances[0].gpus, 8);
	assert_int_equal(back.instances[back.nr_instances - 1].gpus, 0);
	plan_free(&back);
	for (at = strstr(text, "\"instances\":"); *at && strncmp(at, "\"gpus\":8", 8); at++)
		;
	assert_true(*at);
	at[7] = '9';
	assert_int_equal(plan_from_text(text, strlen(text), &back, &err), -EINVAL);
	assert_non_null(strstr(err.text, "instances[0].gpus: expected as many as the host has"));
	free(text);
	for (uint32_t i = 0; i < p.nr_flows; i++) {
		assert_int_equal(p.flows[i].connections, p.flows[i].bulk ? 1 : 8);
		spread += !p.flows[i].bulk && p.flows[i].nr_ways > 1;
	}
	assert_true(spread > 0);
	assert_true(fabs(worst_load(&p) - p.certificate.worst) <= 1e-9 * p.certificate.worst);
	plan_free(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams),		cmocka_unit_test(test_one_connection),
		cmocka_unit_test(test_streams_advised), cmocka_unit_test(test_tensor_groups),
		cmocka_unit_test(test_round_trip),	cmocka_unit_test(test_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
