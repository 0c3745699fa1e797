// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does one wrong thing as it is loaded, to prove that the machine
 * runner notices. Used by test_run.sh only.
 */
#include <linux/kernel.h>
#include <linux/module.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "none, warn, oops, panic");

static int __init plant_init(void)
{
	if (!strcmp(fault, "warn"))
		WARN(1, "planted warning\n");
	else if (!strcmp(fault, "oops"))
		*(volatile int *)8UL = 1;
	else if (!strcmp(fault, "panic"))
		panic("planted panic\n");
	else if (strcmp(fault, "none"))
		return -EINVAL;
	return 0;
}

static void __exit plant_exit(void)
{
}

module_init(plant_init);
module_exit(plant_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Plants a fault, to test the tests");
