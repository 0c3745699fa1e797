// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "lib/neigh.h"
#include "lib/yaml_words.h"

int yaml_one_of(struct yaml_file *f, uint32_t line, const char *where, const char *text,
		const char *const *words, size_t n)
{
	char list[80] = "";
	size_t i, len = 0;

	for (i = 0; i < n; i++) {
		if (!strcmp(text, words[i]))
			return i;
		len += snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", words[i]);
	}
	return yaml_fail(f, line, "%s: '%s', expected one of %s", where, text, list);
}

int yaml_address(struct yaml_file *f, uint32_t line, const char *where, const char *text,
		 bool loopback, struct dmsc_addr *out)
{
	static const struct dmsc_addr one = { { [15] = 1 } };
	uint8_t v4[4];

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, v4) == 1) {
		out->b[10] = out->b[11] = 0xff;
		memcpy(out->b + 12, v4, 4);
		if (v4[0] && (v4[0] != 127 || loopback) && v4[0] < 224)
			return 0;
	} else if (inet_pton(AF_INET6, text, out->b) == 1 && !dmsc_addr_is_v4(out) &&
		   out->b[0] != 0xff) {
		if (out->b[0] || out->b[1] || (loopback && !memcmp(out, &one, sizeof(one))))
			return 0;
	}
	return yaml_fail(f, line, "%s: '%s', expected a unicast IPv4 or IPv6 address", where, text);
}
