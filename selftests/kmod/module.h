/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The module comes and goes by system call, without modprobe's search. */
#ifndef DMSC_SELFTESTS_MODULE_H
#define DMSC_SELFTESTS_MODULE_H

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char module_path[256];

static bool module_find(void)
{
	FILE *f = popen("modinfo -n sch_dmsc", "r");
	bool ok = f && fgets(module_path, sizeof(module_path), f);

	if (f)
		pclose(f);
	module_path[strcspn(module_path, "\n")] = '\0';
	return ok;
}

static void module_load(void)
{
	int fd = open(module_path, O_RDONLY | O_CLOEXEC);

	CHECK(fd >= 0, "%s: %s", module_path, strerror(errno));
	CHECK(!syscall(SYS_finit_module, fd, "", 0), "%s", strerror(errno));
	close(fd);
}

/* 0, or -EWOULDBLOCK when it is in use. */
static int module_unload(void)
{
	return syscall(SYS_delete_module, "sch_dmsc", O_NONBLOCK) ? -errno : 0;
}

/* For until(): whoever uses it still may take a while to go. */
static bool module_is_unloaded(void)
{
	return !module_unload();
}

static void module_stays(void)
{
	int ret = module_unload();

	CHECK(ret == -EWOULDBLOCK || ret == -EBUSY, "unloaded while in use: %d", ret);
}

#endif /* DMSC_SELFTESTS_MODULE_H */
