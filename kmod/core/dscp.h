/* SPDX-License-Identifier: GPL-2.0 */
#ifndef DMSC_CORE_DSCP_H
#define DMSC_CORE_DSCP_H

#include "shim.h"

/*
 * Class of a packet that carries no DMSC priority, by its DSCP: the default
 * profile. What is not named is of the default class.
 */
extern const u8 dmsc_class_of_dscp[64];

#endif /* DMSC_CORE_DSCP_H */
