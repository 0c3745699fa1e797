// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/profile.h"

#include <errno.h>
#include <string.h>

#include "lib/model.h"

#define RANGE(from, to) ((~0ULL >> (63 - (to))) & (~0ULL << (from)))

/*
 * default:  code points of RFC 4594 where it has one for such traffic; the
 *           module's own table for packets that carry no DMSC priority and the
 *           emulated fabric's filters are the same.
 * nvidia:   Cumulus Linux trusts DSCP, priority = DSCP / 8; RoCE is lossless on
 *           priority 3 (DSCP 24..31), CNP strict on priority 6. Pipeline leaves 26
 *           for AF42, which shares expert's priority on the switch.
 * broadcom: Thor2 puts RoCE on DSCP 26, priority 3, and CNP on 48, priority 7.
 * sonic:    DSCP_TO_TC_MAP "AZURE": DSCP 3 and 4 are the lossless TCs 3 and 4.
 */
static const struct profile profiles[] = {
	{
		.name = "default",
		.dscp = {
			[DMSC_CLASS_DEFAULT] = 0, [DMSC_CLASS_BULK] = 8,
			[DMSC_CLASS_DATA] = 18, [DMSC_CLASS_PIPELINE] = 26,
			[DMSC_CLASS_EXPERT] = 34, [DMSC_CLASS_TENSOR] = 46,
			[DMSC_CLASS_GATEWAY] = 40, [DMSC_CLASS_CONTROL] = 48,
		},
	},
	{
		.name = "nvidia",
		.dscp = {
			[DMSC_CLASS_DEFAULT] = 0, [DMSC_CLASS_BULK] = 8,
			[DMSC_CLASS_DATA] = 18, [DMSC_CLASS_PIPELINE] = 36,
			[DMSC_CLASS_EXPERT] = 34, [DMSC_CLASS_TENSOR] = 46,
			[DMSC_CLASS_GATEWAY] = 40, [DMSC_CLASS_CONTROL] = 48,
		},
		.lossless = RANGE(24, 31),
	},
	{
		.name = "broadcom",
		.dscp = {
			[DMSC_CLASS_DEFAULT] = 0, [DMSC_CLASS_BULK] = 8,
			[DMSC_CLASS_DATA] = 18, [DMSC_CLASS_PIPELINE] = 36,
			[DMSC_CLASS_EXPERT] = 34, [DMSC_CLASS_TENSOR] = 46,
			[DMSC_CLASS_GATEWAY] = 40, [DMSC_CLASS_CONTROL] = 48,
		},
		.lossless = RANGE(26, 26),
	},
	{
		.name = "sonic",
		.dscp = {
			[DMSC_CLASS_DEFAULT] = 0, [DMSC_CLASS_BULK] = 8,
			[DMSC_CLASS_DATA] = 18, [DMSC_CLASS_PIPELINE] = 26,
			[DMSC_CLASS_EXPERT] = 34, [DMSC_CLASS_TENSOR] = 46,
			[DMSC_CLASS_GATEWAY] = 40, [DMSC_CLASS_CONTROL] = 48,
		},
		.lossless = RANGE(3, 4),
	},
};

#define NR_PROFILES (sizeof(profiles) / sizeof(profiles[0]))

int profile_find(const char *name, struct profile *out, struct dmsc_error *err)
{
	for (size_t i = 0; i < NR_PROFILES; i++) {
		if (!strcmp(name, profiles[i].name)) {
			*out = profiles[i];
			return 0;
		}
	}
	if (!strcmp(name, "custom")) {
		*out = profiles[0];
		strcpy(out->name, "custom");
		return 0;
	}
	return dmsc_fail(err, -EINVAL, "profile: unknown profile '%s', expected one of %s", name,
			 PROFILE_NAMES);
}

int profile_check(const struct profile *p, bool allow_lossless, struct dmsc_error *err)
{
	for (unsigned int c = 0; c < DMSC_NR_CLASSES; c++) {
		if (p->dscp[c] > 63)
			return dmsc_fail(err, -EINVAL,
					 "profile %s: class %s: DSCP %u, expected 0..63", p->name,
					 dmsc_class_name(c), p->dscp[c]);
		if (!allow_lossless && (p->lossless >> p->dscp[c] & 1))
			return dmsc_fail(err, -EINVAL,
					 "profile %s: class %s: DSCP %u is lossless in this fabric, expected a lossy one (TCP would make it pause; allow_lossless: true overrides)",
					 p->name, dmsc_class_name(c), p->dscp[c]);
		for (unsigned int o = 0; o < c; o++)
			if (p->dscp[o] == p->dscp[c])
				return dmsc_fail(err, -EINVAL,
						 "profile %s: classes %s and %s: both DSCP %u, expected one DSCP a class",
						 p->name, dmsc_class_name(o), dmsc_class_name(c),
						 p->dscp[c]);
	}
	return 0;
}

void profile_tables(const struct profile *p, struct dmsc_profile *out)
{
	memset(out->class_of, 0xff, sizeof(out->class_of));
	for (unsigned int c = 0; c < DMSC_NR_CLASSES; c++) {
		out->dscp[c] = p->dscp[c];
		out->class_of[p->dscp[c]] = c;
	}
}
