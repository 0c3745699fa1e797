// SPDX-License-Identifier: GPL-2.0-or-later
#include "dmsc_tag.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/dmsc.h>
#include <linux/dmsc_bpf.h>

_Static_assert((int)DMSC_TAG_CONTROL == (int)DMSC_CLASS_CONTROL, "the same numbers");
_Static_assert((int)DMSC_TAG_BULK == (int)DMSC_CLASS_BULK, "the same numbers");

int dmsc_tag(int fd, int tag_class)
{
	return setsockopt(fd, DMSC_SOL, DMSC_SO_CLASS, &tag_class, sizeof(tag_class));
}

int dmsc_tag_name(int fd, const char *name)
{
	static const char *const names[DMSC_NR_CLASSES] = {
		[DMSC_CLASS_DEFAULT] = "default", [DMSC_CLASS_BULK] = "bulk",
		[DMSC_CLASS_DATA] = "data",	  [DMSC_CLASS_PIPELINE] = "pipeline",
		[DMSC_CLASS_EXPERT] = "expert",	  [DMSC_CLASS_TENSOR] = "tensor",
		[DMSC_CLASS_GATEWAY] = "gateway", [DMSC_CLASS_CONTROL] = "control",
	};

	for (int i = 0; i < DMSC_NR_CLASSES; i++)
		if (!strcmp(names[i], name))
			return dmsc_tag(fd, i);
	errno = EINVAL;
	return -1;
}
