/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fields of YAML files that several formats have: words of a list, addresses. */
#ifndef DMSC_LIB_YAML_WORDS_H
#define DMSC_LIB_YAML_WORDS_H

#include <linux/dmsc_bpf.h>

#include "lib/yaml.h"

/** yaml_one_of - the place of @text among @words; -EINVAL with a message about @where */
int yaml_one_of(struct yaml_file *f, uint32_t line, const char *where, const char *text,
		const char *const *words, size_t n);

/**
 * yaml_address - a unicast address of either family, IPv4 as ::ffff:a.b.c.d
 * @loopback: whether one of the host itself (127.0.0.0/8, ::1) will do
 *
 * Returns 0, or -EINVAL with a message about @where.
 */
int yaml_address(struct yaml_file *f, uint32_t line, const char *where, const char *text,
		 bool loopback, struct dmsc_addr *out);

#endif /* DMSC_LIB_YAML_WORDS_H */
