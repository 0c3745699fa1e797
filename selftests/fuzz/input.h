/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a fuzzer reads its input from: bytes first to last, then zeros, so that
 * every input means something and a longer one continues a shorter one.
 */
#ifndef DMSC_SELFTESTS_FUZZ_INPUT_H
#define DMSC_SELFTESTS_FUZZ_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct input {
	const uint8_t *data;
	size_t left;
};

static inline uint8_t input_u8(struct input *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static inline uint16_t input_u16(struct input *in)
{
	uint16_t high = input_u8(in);

	return high << 8 | input_u8(in);
}

static inline uint32_t input_u32(struct input *in)
{
	uint32_t high = input_u16(in);

	return high << 16 | input_u16(in);
}

/* A promise that is broken ends the run, as a memory error does. */
#define FUZZ_CHECK(cond, fmt, ...)                                                         \
	do {                                                                               \
		if (!(cond)) {                                                             \
			fprintf(stderr, "%s:%d: %s: " fmt "\n", __FILE__, __LINE__, #cond, \
				##__VA_ARGS__);                                            \
			abort();                                                           \
		}                                                                          \
	} while (0)

#endif /* DMSC_SELFTESTS_FUZZ_INPUT_H */
