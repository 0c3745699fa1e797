// SPDX-License-Identifier: GPL-2.0-or-later
/* Helper of test_qdisc.sh: do the books of this network namespace balance? */
#include "balance.h"

int main(void)
{
	struct dmsc_error err;
	struct queues *q;
	size_t n = 0;
	int bad;

	if (queues_open(&q, false, &err)) {
		printf("# %s\n", err.text);
		return 1;
	}
	bad = balance_check(q, &n);
	if (!n)
		printf("# no qdisc\n");
	queues_close(q);
	return bad || !n;
}
