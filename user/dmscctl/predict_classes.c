// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/predict_classes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "dmscctl/table.h"
#include "dmscctl/units.h"
#include "lib/flowcounts.h"
#include "planner/classify.h"
#include "planner/period.h"

/* Of all that comes and goes together; what goes one way (bulk) has no period and is left out. */
static int find_period(const struct flowcounts *f, const char *file, double *period,
		       struct dmsc_error *err)
{
	double *sum = calloc((size_t)f->bins + 1, sizeof(*sum));
	bool *receives = calloc((size_t)f->nr_names + 1, sizeof(*receives));
	struct period p;
	uint32_t i, b;
	int ret = sum && receives ? 0 : -ENOMEM;

	for (i = 0; !ret && i < f->nr; i++)
		receives[f->lines[i].to] = true;
	for (i = 0; !ret && i < f->nr; i++) {
		for (b = 0; receives[f->lines[i].from] && receives[f->lines[i].to] && b < f->bins;
		     b++)
			sum[b] += f->counts[(size_t)i * f->bins + b];
	}
	if (!ret)
		ret = period_find(sum, f->bins, &p);
	free(sum);
	free(receives);
	*period = ret ? 0 : p.period;
	if (ret == -EINVAL)
		return dmsc_fail(err, ret, "%s: %u counts a line, expected %u to %u", file, f->bins,
				 3 * PERIOD_MIN, PERIOD_BINS_MAX);
	return ret ? dmsc_fail(err, ret,
			       ret == -ENODATA ? "nothing repeats in these counts" :
						 "out of memory") :
		     0;
}

static void show(const struct ctl *c, const struct flowcounts *f, const uint8_t *class,
		 double period_ns)
{
	static const char *const heads[] = { "FROM", "TO", "CLASS", NULL };
	json_t *list = json_array();
	char text[UNITS_LEN];
	struct table t;

	table_init(&t, c, heads);
	for (uint32_t i = 0; i < f->nr; i++) {
		const char *from = f->names[f->lines[i].from], *to = f->names[f->lines[i].to];

		if (c->json) {
			json_array_append_new(list,
					      json_pack("{s:s, s:s, s:s}", "from", from, "to", to,
							"class", dmsc_class_name(class[i])));
			continue;
		}
		table_add(&t, "%s", from);
		table_add(&t, "%s", to);
		table_add(&t, "%s", dmsc_class_name(class[i]));
	}
	if (c->json) {
		ctl_print_json(json_pack("{s:f, s:o}", "period_ns", period_ns, "flows", list));
		return;
	}
	table_print(&t);
	printf("\nperiod: %s\n", units_time(period_ns, c->exact, text));
	json_decref(list);
}

int predict_classes(struct ctl *c, const char *file, double bin_ns, struct dmsc_error *err)
{
	struct counted_flow *flows = NULL;
	uint8_t *class = NULL;
	struct flowcounts f;
	double period = 0;
	uint32_t i;
	int ret = flowcounts_read(file, &f, err);

	if (ret)
		return ret == -ENOMEM ? ret : -EINVAL;
	flows = calloc(f.nr, sizeof(*flows));
	class = calloc(f.nr, sizeof(*class));
	ret = flows && class ? find_period(&f, file, &period, err) :
			       dmsc_fail(err, -ENOMEM, "out of memory");
	for (i = 0; !ret && i < f.nr; i++)
		flows[i] = (struct counted_flow){ f.lines[i].from, f.lines[i].to, f.lines[i].here,
						  f.counts + (size_t)i * f.bins };
	if (!ret && classify_flows(flows, f.nr, f.bins, period, class))
		ret = dmsc_fail(err, -EINVAL,
				"%s: %u counts a line, expected two iterations of %.0f", file,
				f.bins, period);
	if (!ret)
		show(c, &f, class, period * bin_ns);
	free(flows);
	free(class);
	flowcounts_free(&f);
	return ret;
}
