/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking away all that a run made, by its id alone: processes in its cgroups,
 * the cgroups, the bpffs with what is pinned there, namespaces, files.
 */
#ifndef DMSC_EMULATOR_LEFTOVERS_H
#define DMSC_EMULATOR_LEFTOVERS_H

#include <stddef.h>

/** leftovers_cgroup_root - <first cgroup2 mount>/ID; -1: there is none */
int leftovers_cgroup_root(char *out, size_t size, const char *id);

/** leftovers_remove - goes on after a failure, says on stderr what stayed */
void leftovers_remove(const char *id);

/** leftovers_sweep - of all runs that hold their lock no more */
void leftovers_sweep(void);

#endif /* DMSC_EMULATOR_LEFTOVERS_H */
