/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TAP output. A test is a table of functions; each one is a test point that
 * fails at its first CHECK() that does not hold, and says why.
 */
#ifndef DMSC_SELFTESTS_TAP_H
#define DMSC_SELFTESTS_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define TAP_PASS 0
#define TAP_FAIL 1
#define TAP_SKIP 4

struct tap_test {
	const char *name;
	void (*fn)(void);
};

#define TAP_TEST(fn) { #fn, fn }

static void (*tap_before)(void); /* run before each test, if set */
static void (*tap_after)(void);	 /* run after each that came to its end; may fail it */
static jmp_buf tap_jump;
static char tap_why[256];

__attribute__((noreturn, format(printf, 1, 2))) static inline void tap_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	longjmp(tap_jump, TAP_FAIL);
}

__attribute__((noreturn, format(printf, 1, 2))) static inline void tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tap_why, sizeof(tap_why), fmt, ap);
	va_end(ap);
	longjmp(tap_jump, TAP_SKIP);
}

#define CHECK(cond, fmt, ...)                                                                    \
	do {                                                                                     \
		if (!(cond))                                                                     \
			tap_fail("# %s:%d: %s: " fmt, __FILE__, __LINE__, #cond, ##__VA_ARGS__); \
	} while (0)

#define CHECK_EQ(a, b, fmt, ...)                                                               \
	do {                                                                                   \
		long long a_ = (a), b_ = (b);                                                  \
                                                                                               \
		if (a_ != b_)                                                                  \
			tap_fail("# %s:%d: %s is %lld (0x%llx), expected %lld (0x%llx): " fmt, \
				 __FILE__, __LINE__, #a, a_, a_, b_, b_, ##__VA_ARGS__);       \
	} while (0)

/* In a frame of its own: nothing that it keeps is changed under setjmp(). */
static inline int tap_one(const struct tap_test *test)
{
	int ret = setjmp(tap_jump);

	if (!ret) {
		if (tap_before)
			tap_before();
		test->fn();
		if (tap_after)
			tap_after();
	}
	return ret;
}

static inline int tap_run(const struct tap_test *tests, int n)
{
	int i, ret, failed = 0;

	printf("TAP version 13\n1..%d\n", n);
	for (i = 0; i < n; i++) {
		fflush(stdout);
		ret = tap_one(&tests[i]);
		if (ret == TAP_SKIP)
			printf("ok %d - %s # SKIP %s\n", i + 1, tests[i].name, tap_why);
		else
			printf("%sok %d - %s\n", ret ? "not " : "", i + 1, tests[i].name);
		failed += ret == TAP_FAIL;
	}
	fflush(stdout);
	return failed ? TAP_FAIL : TAP_PASS;
}

#define TAP_RUN(tests) tap_run(tests, sizeof(tests) / sizeof((tests)[0]))

static inline int tap_skip_all(const char *why)
{
	printf("TAP version 13\n1..0 # SKIP %s\n", why);
	return TAP_SKIP;
}

#endif /* DMSC_SELFTESTS_TAP_H */
