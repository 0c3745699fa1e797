// SPDX-License-Identifier: GPL-2.0
/*
 * The module's only interface: to the parameter "run" a test's name and its
 * arguments are written, and the answer is read from there.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rtnetlink.h>

#include "bench.h"

static const struct {
	const char *name;
	int (*run)(const char *request, char *answer);
} tests[] = {
	{ "cost ", bench_cost },
	{ "cores ", bench_cores },
	{ "share ", bench_share },
};

static DEFINE_MUTEX(lock);
static char answer[ANSWER_MAX] = "none\n";

static int run_set(const char *text, const struct kernel_param *kp)
{
	int err = -EINVAL;
	size_t i, len;

	for (i = 0; i < ARRAY_SIZE(tests); i++) {
		len = strlen(tests[i].name);
		if (strncmp(text, tests[i].name, len))
			continue;
		mutex_lock(&lock);
		rtnl_lock();
		strscpy(answer, "failed\n", sizeof(answer));
		err = tests[i].run(text + len, answer);
		rtnl_unlock();
		mutex_unlock(&lock);
	}
	return err;
}

static int run_get(char *buffer, const struct kernel_param *kp)
{
	int n;

	mutex_lock(&lock);
	n = scnprintf(buffer, PAGE_SIZE, "%s", answer);
	mutex_unlock(&lock);
	return n;
}

static const struct kernel_param_ops run_ops = { .set = run_set, .get = run_get };
module_param_cb(run, &run_ops, NULL, 0644);
MODULE_PARM_DESC(run, "a test and its arguments, see bench.h");

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("What a qdisc costs and gives");
