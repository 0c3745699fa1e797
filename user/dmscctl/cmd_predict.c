// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "dmscctl/modules.h"
#include "dmscctl/predict_classes.h"
#include "dmscctl/units.h"
#include "lib/numbers.h"
#include "planner/period.h"
#include "planner/predict.h"

#define BIN_US 1000

static int show_period(const struct ctl *c, const char *file, const struct numbers *v,
		       double bin_ns, struct dmsc_error *err)
{
	char a[UNITS_LEN], b[UNITS_LEN];
	struct period p;
	int ret;

	ret = period_find(v->v, v->nr, &p);
	if (ret == -EINVAL)
		return dmsc_fail(err, ret, "%s: %u values, expected %u to %u", file, v->nr,
				 3 * PERIOD_MIN, PERIOD_BINS_MAX);
	if (ret)
		return ret == -ENODATA ?
			       dmsc_fail(err, ret, "%s: nothing repeats in these counts", file) :
			       dmsc_fail(err, ret, "out of memory for %s", file);
	if (c->json)
		return ctl_print_json(
			json_pack("{s:f, s:f, s:f, s:f, s:i, s:o, s:o}", "period_ns",
				  p.period * bin_ns, "jitter_ns", p.jitter * bin_ns, "bytes", p.bytes,
				  "strength", p.strength, "iterations", p.iterations, "onset_ns",
				  isfinite(p.onset) ? json_real(p.onset * bin_ns) : json_null(),
				  "next_ns",
				  isfinite(p.next) ? json_real(p.next * bin_ns) : json_null()));
	printf("period:     %s (jitter %s), %u iterations seen, likeness %.2f\n",
	       units_time(p.period * bin_ns, c->exact, a),
	       units_time(p.jitter * bin_ns, c->exact, b), p.iterations, p.strength);
	printf("bytes:      %s an iteration\n", units_bytes(p.bytes, c->exact, a));
	if (isfinite(p.next))
		printf("next burst: %s from the first count on, %s after the last one\n",
		       units_time(p.next * bin_ns, c->exact, a),
		       units_time(fmax(0, p.next - v->nr) * bin_ns, c->exact, b));
	else
		printf("next burst: unknown, the traffic does not pause\n");
	return 0;
}

static int show_times(const struct ctl *c, const struct numbers *v, struct module *m)
{
	json_t *changes = json_array();
	double next = module_predict(m, v->v, v->nr);
	struct watch w;

	watch_init(&w);
	for (uint32_t i = 0; i < v->nr; i++) {
		enum watch_event e = watch_add(&w, v->v[i]);

		if (e == WATCH_NOTHING)
			continue;
		json_array_append_new(changes, json_pack("{s:i, s:s}", "line", i + 1, "what",
							 e == WATCH_SLOWER ? "slower" : "faster"));
		if (!c->json)
			printf("line %u: %s\n", i + 1, e == WATCH_SLOWER ? "slower" : "faster");
	}
	if (c->json)
		return ctl_print_json(json_pack("{s:f, s:s, s:i, s:o}", "next", next, "module",
						m->name, "values", v->nr, "changes", changes));
	printf("next: %.6g (%u values, %zu changes; module %s)\n", next, v->nr,
	       json_array_size(changes), m->name);
	json_decref(changes);
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *bin = NULL, *name = NULL;
	bool times = false, classes = false;
	const struct opt opts[] = {
		{ "bin", 'b', "US", "length of a bin in microseconds (1000)", &bin, NULL },
		{ "module", 'm', "NAME", "who predicts with --times", &name, NULL },
		{ "times", 0, NULL, "the values are iteration times", NULL, &times },
		{ "classes", 0, NULL, "of connections: what each of them serves", NULL, &classes },
		{ 0 }
	};
	unsigned long long bin_us = BIN_US;
	struct numbers v = { .nr = 0 };
	struct module module;
	struct dmsc_error err;
	int ret, status;

	if (ctl_options(c, argc, argv, opts, 1, 1, &status) < 0)
		return status;
	if (bin && (!ctl_number(bin, 1000000000, &bin_us) || !bin_us))
		return ctl_usage(c, "--bin: '%s', expected microseconds, 1..1000000000", bin);
	if (classes && times)
		return ctl_usage(c, "--classes: beside --times, expected one of them");
	if (classes) {
		ret = predict_classes(c, argv[1], bin_us * 1e3, &err);
		return ret ? ctl_fail(ret, &err) : 0;
	}
	ret = numbers_read(argv[1], PERIOD_BINS_MAX, &v, &err);
	if (!ret && times && !v.nr)
		ret = dmsc_fail(&err, -EINVAL, "%s: 0 values, expected at least 1", argv[1]);
	if (!ret && times) {
		ret = ctl_module(name, &module, &err);
		if (!ret)
			ret = show_times(c, &v, &module);
		module_close(&module);
	} else if (!ret) {
		ret = show_period(c, argv[1], &v, bin_us * 1e3, &err);
	}
	numbers_free(&v);
	return ret ? ctl_fail(ret, &err) : 0;
}

const struct command cmd_predict = {
	.name = "predict",
	.usage = "[--bin US] [--times [--module NAME] | --classes] FILE",
	.summary = "period and next burst out of byte counts, or the next iteration's time",
	.details =
		"FILE has one number a line; - is standard input. With --classes it has a line for each\n"
		"direction of a connection: FROM TO here|away COUNT... Works without dmscd.",
	.run = run,
};
