// SPDX-License-Identifier: GPL-2.0-or-later
#include "emulator/leftovers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <mntent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "emulator/cluster.h"

#define KILL_TRIES 200 /* of 50 ms, until killed processes are gone */

int leftovers_cgroup_root(char *out, size_t size, const char *id)
{
	FILE *f = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	int ret = -1;

	while (f && (m = getmntent(f))) {
		if (!strcmp(m->mnt_type, "cgroup2")) {
			ret = snprintf(out, size, "%s/%s", m->mnt_dir, id) < (int)size ? 0 : -1;
			break;
		}
	}
	if (f)
		endmntent(f);
	return ret;
}

static unsigned int nr_killed;

static int kill_members(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	char file[4096];
	int pid;
	FILE *f;

	(void)st, (void)ftw;
	if (type != FTW_D && type != FTW_DP)
		return 0;
	snprintf(file, sizeof(file), "%s/cgroup.procs", path);
	f = fopen(file, "re");
	while (f && fscanf(f, "%d", &pid) == 1) {
		/* 0: of another pid namespace, none of ours */
		if (pid > 0 && pid != getpid() && !kill(pid, SIGKILL))
			nr_killed++;
	}
	if (f)
		fclose(f);
	return 0;
}

static int remove_dir(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_DP && rmdir(path) && errno != ENOENT)
		return errno;
	return 0;
}

static int remove_any(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	if (remove(path) && errno != ENOENT)
		fprintf(stderr, "emulator: %s: %s\n", path, strerror(errno));
	return 0;
}

static void remove_cgroups(const char *id)
{
	const struct timespec pause = { 0, 50 * 1000 * 1000 };
	char root[512];
	int ret = 0, i;

	if (leftovers_cgroup_root(root, sizeof(root), id) || access(root, F_OK))
		return;
	for (i = 0; i < KILL_TRIES; i++) {
		nr_killed = 0;
		nftw(root, kill_members, 16, FTW_PHYS);
		/* A cgroup can go a little after its last process has. */
		ret = nr_killed ? EBUSY : nftw(root, remove_dir, 16, FTW_PHYS | FTW_DEPTH);
		if (!ret)
			return;
		nanosleep(&pause, NULL);
	}
	fprintf(stderr, "emulator: %s: %s\n", root, strerror(ret > 0 ? ret : errno));
}

static void remove_namespaces(const char *id)
{
	DIR *d = opendir("/run/netns");
	size_t len = strlen(id);
	struct dirent *e;
	char path[300];

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, id, len) || e->d_name[len] != '-')
			continue;
		snprintf(path, sizeof(path), "/run/netns/%s", e->d_name);
		if ((umount2(path, MNT_DETACH) && errno != EINVAL) || unlink(path))
			fprintf(stderr, "emulator: %s: %s\n", path, strerror(errno));
	}
	if (d)
		closedir(d);
}

void leftovers_remove(const char *id)
{
	char path[300];

	remove_cgroups(id);
	snprintf(path, sizeof(path), CLUSTER_DIR "/%s/bpf", id);
	if (umount2(path, MNT_DETACH) && errno != EINVAL && errno != ENOENT)
		fprintf(stderr, "emulator: %s: %s\n", path, strerror(errno));
	remove_namespaces(id);
	snprintf(path, sizeof(path), CLUSTER_DIR "/%s", id);
	nftw(path, remove_any, 16, FTW_PHYS | FTW_DEPTH | FTW_MOUNT);
	rmdir(CLUSTER_DIR); /* stays while other runs are in it */
}

void leftovers_sweep(void)
{
	DIR *d = opendir(CLUSTER_DIR);
	struct dirent *e;
	char path[300];

	while (d && (e = readdir(d))) {
		int fd, pid;

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), CLUSTER_DIR "/%s/lock", e->d_name);
		fd = open(path, O_RDWR | O_CLOEXEC);
		/* Without a lock yet: one that is just starting, unless its process is gone. */
		if (fd < 0 &&
		    (errno != ENOENT || sscanf(e->d_name, "dmsc-em%d", &pid) != 1 || !kill(pid, 0)))
			continue;
		if (fd < 0 || !flock(fd, LOCK_EX | LOCK_NB)) {
			fprintf(stderr, "emulator: removing what run %s left behind\n", e->d_name);
			leftovers_remove(e->d_name);
		}
		if (fd >= 0)
			close(fd);
	}
	if (d)
		closedir(d);
}
