// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/addr.h"

#include <arpa/inet.h>
#include <string.h>

bool dmsc_addr_is_v4(const struct dmsc_addr *a)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return !memcmp(a->b, mapped, sizeof(mapped));
}

bool dmsc_addr_given(const struct dmsc_addr *a)
{
	static const struct dmsc_addr none;

	return memcmp(a, &none, sizeof(none));
}

const char *dmsc_addr_format(const struct dmsc_addr *a, char *out)
{
	if (dmsc_addr_is_v4(a))
		return inet_ntop(AF_INET, a->b + 12, out, INET6_ADDRSTRLEN);
	return inet_ntop(AF_INET6, a->b, out, INET6_ADDRSTRLEN);
}
