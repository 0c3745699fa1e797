// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/report_page.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Length of the UTF-8 sequence at @s and its code point; the parser has checked it. */
static size_t decode(const unsigned char *s, uint32_t *point)
{
	size_t len = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4, i;

	*point = len == 1 ? *s : *s & (0xff >> (len + 1));
	for (i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*point = 0;
			return i;
		}
		*point = *point << 6 | (s[i] & 0x3f);
	}
	return len;
}

/* Not allowed in HTML, or able to make text look like something else. */
static bool unwanted(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff ||
	       (c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe;
}

void page_text(struct text *t, const char *s, size_t max)
{
	const unsigned char *p = (const unsigned char *)(s ? s : "");
	const unsigned char *end = p + max;
	uint32_t point;
	size_t len;

	for (; *p; p += len) {
		len = decode(p, &point);
		if (p + len > end) {
			text_add(t, "\u2026");
			return;
		}
		switch (point) {
		case '&':
			text_add(t, "&amp;");
			break;
		case '<':
			text_add(t, "&lt;");
			break;
		case '>':
			text_add(t, "&gt;");
			break;
		case '"':
			text_add(t, "&quot;");
			break;
		case '\'':
			text_add(t, "&#39;");
			break;
		default:
			if (unwanted(point))
				text_add(t, "\ufffd");
			else
				text_add(t, "%.*s", (int)len, (const char *)p);
		}
	}
}

static struct number significant(double n, const char *unit)
{
	struct number out;
	int digits = fabs(n) >= 99.95 ? 0 : fabs(n) >= 9.995 ? 1 : 2;

	if (!isfinite(n) || fabs(n) >= 1e15)
		snprintf(out.s, sizeof(out.s), "\u2013");
	else
		snprintf(out.s, sizeof(out.s), "%.*f%s%s", n == 0 ? 0 : digits, n,
			 *unit ? "\u00a0" : "", unit);
	return out;
}

static struct number scaled(double n, const char *const *units, double first)
{
	double unit = first;

	while (units[1] && n >= 999.5 * unit) {
		unit *= 1000;
		units++;
	}
	return significant(n / unit, *units);
}

struct number number_time(double ns)
{
	static const char *const units[] = { "\u00b5s", "ms", "s", NULL };

	return scaled(ns, units, 1e3);
}

struct number number_bytes(double bytes)
{
	static const char *const units[] = { "kB", "MB", "GB", "TB", "PB", NULL };

	return scaled(bytes, units, 1e3);
}

struct number number_rate(double rate)
{
	static const char *const units[] = { "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", NULL };

	return scaled(rate, units, 1e3);
}

struct number number_percent(double share)
{
	struct number out;

	if (!isfinite(share) || fabs(share) > 1e9)
		snprintf(out.s, sizeof(out.s), "\u2013");
	else
		snprintf(out.s, sizeof(out.s), "%.0f\u00a0%%", share * 100);
	return out;
}

struct number number_change(double from, double to)
{
	struct number out;
	double percent = (to / from - 1) * 100;

	if (!isfinite(percent) || fabs(percent) > 1e9)
		snprintf(out.s, sizeof(out.s), "\u2013");
	else
		snprintf(out.s, sizeof(out.s), "%s%.*f\u00a0%%", percent < 0 ? "\u2212" : "+",
			 fabs(percent) < 99.95 ? 1 : 0, fabs(percent));
	return out;
}

struct number number_points(double from, double to)
{
	struct number out;
	double points = round((to - from) * 100);

	if (!isfinite(points) || fabs(points) > 1e9)
		snprintf(out.s, sizeof(out.s), "\u2013");
	else
		snprintf(out.s, sizeof(out.s), "%s%.0f\u00a0points",
			 points < 0 ? "\u2212" :
			 points > 0 ? "+" :
				      "",
			 fabs(points));
	return out;
}

struct number number_plain(double n)
{
	struct number out;

	if (isfinite(n) && n == floor(n) && fabs(n) < 1e15)
		snprintf(out.s, sizeof(out.s), "%.0f", n);
	else
		out = significant(n, "");
	return out;
}

struct number number_xy(double n)
{
	struct number out;
	size_t len;

	if (!isfinite(n) || fabs(n) > 1e6)
		n = 0;
	snprintf(out.s, sizeof(out.s), "%.2f", n);
	len = strlen(out.s);
	while (out.s[len - 1] == '0')
		out.s[--len] = '\0';
	if (out.s[len - 1] == '.')
		out.s[len - 1] = '\0';
	if (!strcmp(out.s, "-0"))
		strcpy(out.s, "0");
	return out;
}
