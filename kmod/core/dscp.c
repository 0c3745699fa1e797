// SPDX-License-Identifier: GPL-2.0
#include "dscp.h"

#include <linux/dmsc.h>

/* RFC 4594 code points; the same as "default" of user/lib/profile.c, which a unit test compares. */
const u8 dmsc_class_of_dscp[64] = {
	[8]  = DMSC_CLASS_BULK,		/* CS1 */
	[18] = DMSC_CLASS_DATA,		/* AF21 */
	[26] = DMSC_CLASS_PIPELINE,	/* AF31 */
	[34] = DMSC_CLASS_EXPERT,	/* AF41 */
	[46] = DMSC_CLASS_TENSOR,	/* EF */
	[40] = DMSC_CLASS_GATEWAY,	/* CS5 */
	[48] = DMSC_CLASS_CONTROL,	/* CS6 */
};
