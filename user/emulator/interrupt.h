/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SIGINT and SIGTERM: remembered, so that what was made is taken away in order. */
#ifndef DMSC_EMULATOR_INTERRUPT_H
#define DMSC_EMULATOR_INTERRUPT_H

#include <stdbool.h>

void interrupt_catch(void);

/* From here on they are ignored: the way out is short and has to be whole. */
void interrupt_ignore(void);

/* The signal that came, 0 none. */
int interrupt_pending(void);

#endif /* DMSC_EMULATOR_INTERRUPT_H */
