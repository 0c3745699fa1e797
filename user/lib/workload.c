// SPDX-License-Identifier: GPL-2.0-or-later
/* Which of the workload formats a file is in, by its first line. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lib/spec.h"

int workload_read(const char *file, struct workload *out, struct dmsc_error *err)
{
	char head[8] = "";
	struct stat st;
	FILE *in;

	in = fopen(file, "re");
	if (!in)
		return dmsc_fail(err, -errno, "%s: %s", file, strerror(errno));
	if (fstat(fileno(in), &st) < 0 || !S_ISREG(st.st_mode)) {
		fclose(in);
		return dmsc_fail(err, -EINVAL, "%s: is not a file", file);
	}
	if (!fgets(head, sizeof(head), in))
		head[0] = '\0';
	fclose(in);
	if (!strncmp(head, "HYBRID_", 7))
		return workload_read_simai(file, out, err);
	return workload_read_aicb(file, out, err);
}
