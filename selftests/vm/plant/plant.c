// SPDX-License-Identifier: GPL-2.0
/*
 * A module that does one wrong thing as it is loaded, to prove that the tests
 * notice. test_run.sh has those that every kernel sees, debug.sh those that take
 * a kernel with detectors.
 */
#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *fault = "none";
module_param(fault, charp, 0444);
MODULE_PARM_DESC(fault, "none, warn, oops, panic, uaf, abba, sleep, bounds, rcu, leak");

static void plant_warn(void)
{
	WARN(1, "planted warning\n");
}

static void plant_oops(void)
{
	*(volatile int *)8UL = 1;
}

static void plant_panic(void)
{
	panic("planted panic\n");
}

/* KASAN: the read of what was freed */
static void plant_uaf(void)
{
	int *p = kmalloc(100, GFP_KERNEL);

	if (!p)
		return;
	WRITE_ONCE(*p, 1);
	OPTIMIZER_HIDE_VAR(p);
	kfree(p);
	pr_info("plant: %d\n", READ_ONCE(*p));
}

/* lockdep: two orders of two locks, which need not meet in time */
static void plant_abba(void)
{
	static DEFINE_SPINLOCK(a);
	static DEFINE_SPINLOCK(b);

	spin_lock(&a);
	spin_lock(&b);
	spin_unlock(&b);
	spin_unlock(&a);
	spin_lock(&b);
	spin_lock(&a);
	spin_unlock(&a);
	spin_unlock(&b);
}

/* DEBUG_ATOMIC_SLEEP: an allocation that may sleep, under a spinlock */
static void plant_sleep(void)
{
	static DEFINE_SPINLOCK(lock);

	spin_lock(&lock);
	kfree(kmalloc(64, GFP_KERNEL));
	spin_unlock(&lock);
}

/* UBSAN: an index beyond an array whose size the compiler knows, in memory that is ours */
static void plant_bounds(void)
{
	struct {
		int array[4];
		int more[4];
	} *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int i = 4;

	if (!s)
		return;
	OPTIMIZER_HIDE_VAR(i);
	s->array[i] = 1;
	OPTIMIZER_HIDE_VAR(s);
	kfree(s);
}

/* PROVE_RCU: a pointer read without the lock that protects it */
static void plant_rcu(void)
{
	static int __rcu *protected;

	pr_info("plant: %p\n", rcu_dereference(protected));
}

/* kmemleak: several, because a stale register or stack slot may hide one */
static void plant_leak(void)
{
	int i;

	for (i = 0; i < 32; i++) {
		void *p = kmalloc(200, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(p);
		if (p)
			memset(p, 0, 200);
	}
}

static const struct {
	const char *name;
	void (*plant)(void);
} faults[] = {
	{ "warn", plant_warn },	    { "oops", plant_oops }, { "panic", plant_panic },
	{ "uaf", plant_uaf },	    { "abba", plant_abba }, { "sleep", plant_sleep },
	{ "bounds", plant_bounds }, { "rcu", plant_rcu },   { "leak", plant_leak },
};

static int __init plant_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(faults); i++) {
		if (!strcmp(fault, faults[i].name)) {
			faults[i].plant();
			return 0;
		}
	}
	return strcmp(fault, "none") ? -EINVAL : 0;
}

static void __exit plant_exit(void)
{
}

module_init(plant_init);
module_exit(plant_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Plants a fault, to test the tests");
