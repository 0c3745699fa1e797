/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the scheduler core needs of its surroundings, for the kernel and for
 * userspace, where the core is tested.
 */
#ifndef DMSC_CORE_SHIM_H
#define DMSC_CORE_SHIM_H

#ifdef __KERNEL__
#include <linux/bitops.h>
#include <linux/cache.h>
#include <linux/kernel.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/types.h>

#define core_zalloc(size)	kvzalloc(size, GFP_KERNEL)
#define core_free(p)		kvfree(p)
/* Not by a pointer: with retpolines that costs as much as reading the clock does. */
#define core_clock(ops)		((void)(ops), ktime_get_ns())
#else
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;

#define U32_MAX			UINT32_MAX
#define U64_MAX			UINT64_MAX
#define NSEC_PER_USEC		1000L
#define NSEC_PER_SEC		1000000000L

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define __ffs(x)		((unsigned int)__builtin_ctzl(x))
#define __ffs64(x)		((unsigned int)__builtin_ctzll(x))
#define __fls(x)		(63U - (unsigned int)__builtin_clzl(x))
#define div64_u64(a, b)		((u64)(a) / (u64)(b))

static inline void *core_zalloc(size_t size)
{
	size_t whole = (size + 63) / 64 * 64;
	void *p = aligned_alloc(64, whole);

	return p ? memset(p, 0, whole) : NULL;
}

#define core_free(p)		free(p)
#define core_clock(ops)		((ops)->clock())

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - offsetof(type, member)))
#define min_t(t, a, b)		((t)(a) < (t)(b) ? (t)(a) : (t)(b))
#define max_t(t, a, b)		((t)(a) > (t)(b) ? (t)(a) : (t)(b))
#define clamp_t(t, v, lo, hi)	min_t(t, max_t(t, v, lo), hi)

struct list_head {
	struct list_head *next, *prev;
};

static inline void INIT_LIST_HEAD(struct list_head *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list_head *l)
{
	return l->next == l;
}

static inline void list_add_tail(struct list_head *n, struct list_head *l)
{
	n->prev = l->prev;
	n->next = l;
	l->prev->next = n;
	l->prev = n;
}

static inline void list_del(struct list_head *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
}

static inline void list_move_tail(struct list_head *n, struct list_head *l)
{
	list_del(n);
	list_add_tail(n, l);
}

#define list_first_entry(l, type, member) container_of((l)->next, type, member)
#define list_for_each_entry(pos, l, member) \
	for (pos = list_first_entry(l, typeof(*pos), member); &pos->member != (l); \
	     pos = list_first_entry(&pos->member, typeof(*pos), member))
#endif

#endif /* DMSC_CORE_SHIM_H */
