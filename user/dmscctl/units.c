// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmscctl/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <time.h>

static const char *scaled(double n, double step, const char *const *names, const char *unit,
			  char *out)
{
	int i = 0;

	/* 999.95 would print as 1000. */
	while (n >= step * 0.9995 && names[i + 1]) {
		n /= step;
		i++;
	}
	if (i == 0)
		snprintf(out, UNITS_LEN, "%.0f%s%s", n, *unit ? " " : "", unit);
	else
		snprintf(out, UNITS_LEN, "%.*f %s%s",
			 n >= 100 ? 0 :
			 n >= 10  ? 1 :
				    2,
			 n, names[i], unit);
	return out;
}

const char *units_bytes(uint64_t n, bool exact, char *out)
{
	static const char *const names[] = { "", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", NULL };

	if (exact) {
		snprintf(out, UNITS_LEN, "%" PRIu64, n);
		return out;
	}
	return scaled(n, 1024, names, "B", out);
}

static const char *const thousands[] = { "", "k", "M", "G", "T", "P", "E", NULL };

const char *units_rate(uint64_t bits, bool exact, char *out)
{
	if (exact) {
		snprintf(out, UNITS_LEN, "%" PRIu64, bits);
		return out;
	}
	return scaled(bits, 1000, thousands, "bit/s", out);
}

const char *units_count(uint64_t n, bool exact, char *out)
{
	if (exact || n < 10000) {
		snprintf(out, UNITS_LEN, "%" PRIu64, n);
		return out;
	}
	return scaled(n, 1000, thousands, "", out);
}

const char *units_time(uint64_t ns, bool exact, char *out)
{
	static const char *const names[] = { "n", "u", "m", "", NULL };
	double n = ns;
	int i = 0;

	if (exact) {
		snprintf(out, UNITS_LEN, "%" PRIu64, ns);
		return out;
	}
	while (n >= 999.5 && names[i + 1]) {
		n /= 1000;
		i++;
	}
	snprintf(out, UNITS_LEN, "%.*f %ss", i == 0 || n >= 100 ? 0 : n >= 10 ? 1 : 2, n, names[i]);
	return out;
}

const char *units_date(int64_t seconds, char *out)
{
	time_t t = seconds;
	struct tm tm;

	if (!localtime_r(&t, &tm) || !strftime(out, UNITS_LEN, "%Y-%m-%d %H:%M:%S", &tm))
		snprintf(out, UNITS_LEN, "%" PRId64, seconds);
	return out;
}
