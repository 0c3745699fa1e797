// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/interrupt.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t pending;

static const int signals[] = { SIGINT, SIGTERM, SIGHUP };

static void on_signal(int signal)
{
	pending = signal;
}

static void set(void (*handler)(int))
{
	/* No SA_RESTART: whoever waits shall wake up. */
	const struct sigaction sa = { .sa_handler = handler };
	size_t i;

	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &sa, NULL);
}

void interrupt_catch(void)
{
	set(on_signal);
}

void interrupt_ignore(void)
{
	set(SIG_IGN);
}

int interrupt_pending(void)
{
	return pending;
}
