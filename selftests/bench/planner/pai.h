/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Measured iteration times (PAI trace, cluster-trace-gpu-v2020) from DMSC_DATA
 * or ../shared/data; every worker by itself. The trace is a gauge read every
 * 10 s: a value that stands there again was not measured again.
 */
#ifndef DMSC_BENCH_PAI_H
#define DMSC_BENCH_PAI_H

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "planner/predict.h"

#define PAI_JOBS    4
#define PAI_WORKERS 64
#define PAI_LENGTH  4096
#define PAI_WARM    8 /* values before anything is scored */

struct pai_score { /* mean absolute errors, per cent of the value */
	double ours, last, median;
	uint32_t values;
};

static inline double pai_median(const double *v, uint32_t n)
{
	double s[8];
	uint32_t i, k;

	for (i = 0; i < n; i++) {
		for (k = i; k && s[k - 1] > v[i]; k--)
			s[k] = s[k - 1];
		s[k] = v[i];
	}
	return n % 2 ? s[n / 2] : (s[n / 2 - 1] + s[n / 2]) / 2;
}

/* @fresh: only values that were measured anew. False: the trace is not there. */
static inline bool pai_score(uint32_t job, bool fresh, struct pai_score *out)
{
	static double v[PAI_WORKERS][PAI_LENGTH];
	uint32_t n[PAI_WORKERS] = { 0 }, w, i;
	const char *dir = getenv("DMSC_DATA");
	char path[512], line[256];
	double value;
	FILE *f;

	snprintf(path, sizeof(path), "%s/pai-minibatch/job_%u_norm.csv",
		 dir ? dir : "../shared/data", job);
	f = fopen(path, "re");
	memset(out, 0, sizeof(*out));
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%*u,%u,%*u,%*u,%lf", &w, &value) != 2 || w >= PAI_WORKERS ||
		    n[w] == PAI_LENGTH)
			continue;
		if (!fresh || !n[w] || v[w][n[w] - 1] != value)
			v[w][n[w]++] = value;
	}
	fclose(f);
	for (w = 0; w < PAI_WORKERS; w++) {
		struct series s;

		series_init(&s);
		for (i = 0; i < n[w]; i++) {
			value = v[w][i];
			if (i >= PAI_WARM) {
				out->ours += fabs(series_next(&s) - value) / value;
				out->last += fabs(v[w][i - 1] - value) / value;
				out->median += fabs(pai_median(&v[w][i - 8], 8) - value) / value;
				out->values++;
			}
			series_add(&s, value);
		}
	}
	out->ours *= 100.0 / out->values;
	out->last *= 100.0 / out->values;
	out->median *= 100.0 / out->values;
	return out->values;
}

#endif /* DMSC_BENCH_PAI_H */
