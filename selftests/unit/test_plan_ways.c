// SPDX-License-Identifier: GPL-2.0-or-later
/* Several paths of a flow, of groups, and of other kinds than a route: written, read, refused. */
#include "plan_util.h"

#include <arpa/inet.h>
#include <errno.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
