/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where a test runs: in a child with network and mount namespaces of its own, a
 * BPF file system of its own and a cgroup of its own. The parent waits, kills
 * what is left in the cgroup and removes it, however the child ended; the rest
 * goes with the namespaces.
 */
#ifndef DMSC_SELFTESTS_ENV_H
#define DMSC_SELFTESTS_ENV_H

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"
#include "tap.h"

static char env_dir[32], env_cgroup[96], env_pins[64];

__attribute__((format(printf, 1, 2))) static inline void sh(const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	int ret;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	ret = system(cmd);
	CHECK(ret == 0, "%s: status %d", cmd, ret);
}

/* The first line that a command prints. */
__attribute__((format(printf, 2, 3))) static inline const char *sh_line(char line[256],
									const char *fmt, ...)
{
	char cmd[1024];
	va_list ap;
	FILE *f;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	f = popen(cmd, "re");
	if (!f || !fgets(line, 256, f))
		*line = '\0';
	if (f)
		pclose(f);
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static inline uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000ULL + ts.tv_nsec / 1000000;
}

static inline void sleep_ms(int ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000L };

	nanosleep(&ts, NULL);
}

/* Waits until @cond holds, at most a minute: an upper bound only. */
#define WAIT_FOR(cond)                                       \
	({                                                   \
		uint64_t until_ = now_ms() + 60000;          \
		bool ok_;                                    \
                                                             \
		while (!(ok_ = (cond)) && now_ms() < until_) \
			sleep_ms(5);                         \
		ok_;                                         \
	})

static inline void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	CHECK(ok, "%s: %s", path, strerror(errno));
}

static inline uint64_t cgroup_id(const char *path)
{
	struct stat st;

	CHECK(!stat(path, &st), "%s: %s", path, strerror(errno));
	return st.st_ino;
}

/* Moves this process. */
static inline void cgroup_enter(const char *path)
{
	char procs[256], pid[16];

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	snprintf(pid, sizeof(pid), "%d", getpid());
	write_file(procs, pid);
}

/* Kills whoever is in the cgroup @name of @parent or below, and removes all of it. */
static inline void cgroup_remove(int parent, const char *name)
{
	int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC), kill, i;
	struct dirent *d;
	DIR *dir;

	if (fd < 0)
		return;
	kill = openat(fd, "cgroup.kill", O_WRONLY | O_CLOEXEC);
	if (kill >= 0) {
		if (write(kill, "1", 1) < 0)
			perror("cgroup.kill");
		close(kill);
	}
	dir = fdopendir(fd);
	while (dir && (d = readdir(dir))) {
		if (d->d_type == DT_DIR && d->d_name[0] != '.')
			cgroup_remove(fd, d->d_name);
	}
	if (dir)
		closedir(dir);
	for (i = 0; i < 200 && unlinkat(parent, name, AT_REMOVEDIR) && errno == EBUSY; i++)
		sleep_ms(10);
}

static inline int env_child(int (*fn)(void))
{
	char bpf[48];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		printf("Bail out! namespaces: %s\n", strerror(errno));
		return TAP_FAIL;
	}
	snprintf(bpf, sizeof(bpf), "%s/bpf", env_dir);
	snprintf(env_pins, sizeof(env_pins), "%s/dmsc", bpf);
	if (mkdir(bpf, 0700) || mount("bpf", bpf, "bpf", 0, NULL) ||
	    mount("sysfs", "/sys", "sysfs", 0, NULL)) {
		printf("Bail out! %s: %s\n", bpf, strerror(errno));
		return TAP_FAIL;
	}
	if (system("ip link set lo up")) {
		printf("Bail out! no iproute2\n");
		return TAP_FAIL;
	}
	return fn();
}

/* main() of a test. */
static inline int env_main(int (*fn)(void))
{
	char root[48], bpf[48];
	int status = 0;
	pid_t pid;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (geteuid())
		return tap_skip_all("needs root");
	snprintf(env_dir, sizeof(env_dir), "/tmp/dmsc-test.XXXXXX");
	if (!mkdtemp(env_dir)) {
		printf("Bail out! %s: %s\n", env_dir, strerror(errno));
		return TAP_FAIL;
	}
	/* A mount of our own: wherever this machine has its cgroups, they are there. */
	snprintf(root, sizeof(root), "%s/cgroup", env_dir);
	snprintf(env_cgroup, sizeof(env_cgroup), "%s/dmsc-test-%d", root, getpid());
	if (mkdir(root, 0700) || mount("cgroup2", root, "cgroup2", 0, NULL) ||
	    mkdir(env_cgroup, 0700)) {
		printf("Bail out! %s: %s\n", root, strerror(errno));
		status = TAP_FAIL;
	} else {
		fflush(stdout);
		pid = fork();
		if (!pid)
			exit(env_child(fn));
		if (waitpid(pid, &status, 0) < 0)
			status = TAP_FAIL;
		else if (WIFEXITED(status))
			status = WEXITSTATUS(status);
		else {
			printf("# killed by signal %d\n", WTERMSIG(status));
			status = TAP_FAIL;
		}
	}
	cgroup_remove(AT_FDCWD, env_cgroup);
	umount2(root, MNT_DETACH);
	rmdir(root);
	snprintf(bpf, sizeof(bpf), "%s/bpf", env_dir);
	rmdir(bpf);
	if (rmdir(env_dir)) {
		printf("# %s: %s\n", env_dir, strerror(errno));
		status = status ?: TAP_FAIL;
	}
	return status;
}

/* ---- the data plane under test ---- */

static struct dmsc_error env_err;

static inline struct dataplane_config env_config(void)
{
	return (struct dataplane_config){ .pin_dir = env_pins, .cgroup = env_cgroup };
}

static inline struct dataplane *env_open(void)
{
	struct dataplane_config cfg = env_config();
	struct dataplane *dp;
	int ret = dataplane_open(&dp, &cfg, &env_err);

	CHECK(!ret, "%s", env_err.text);
	return dp;
}

static inline uint32_t env_program(struct dataplane *dp, const struct dataplane_tables *t)
{
	int ret = dataplane_program(dp, t, &env_err);

	CHECK(ret > 0, "%s", env_err.text);
	return ret;
}

static inline struct dmsc_stats env_counter(struct dataplane *dp, uint32_t sid, int class, int dir)
{
	struct dataplane_counter *list;
	struct dmsc_stats sum = {};
	size_t n, i;
	int ret = dataplane_counters(dp, &list, &n, &env_err);

	CHECK(!ret, "%s", env_err.text);
	for (i = 0; i < n; i++) {
		if ((sid == UINT32_MAX || list[i].key.sid == sid) && list[i].key.dir == dir &&
		    (class < 0 || list[i].key.class == class)) {
			sum.packets += list[i].sum.packets;
			sum.bytes += list[i].sum.bytes;
			sum.steered += list[i].sum.steered;
			sum.moved += list[i].sum.moved;
		}
	}
	free(list);
	return sum;
}

/* What the next hop of path @path of the generation in force has carried. */
static inline struct dmsc_stats env_path_counter(struct dataplane *dp, uint32_t path)
{
	struct dataplane_counter *list;
	struct dmsc_stats sum;
	size_t n;

	CHECK(!dataplane_counters(dp, &list, &n, &env_err), "%s", env_err.text);
	dataplane_path_stats(list, n, dataplane_path_number(dp, path), &sum);
	free(list);
	return sum;
}

#define ANY_SID	  UINT32_MAX
#define ANY_CLASS (-1)

/* ::ffff:a.b.c.d */
#define V4(a, b, c, d) \
	((struct dmsc_addr){ { [10] = 0xff, [11] = 0xff, [12] = (a), (b), (c), (d) } })

/* A path without anything around packets. */
static inline struct dmsc_path env_path(uint32_t ifindex, struct dmsc_addr nexthop, uint8_t flags)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	return (struct dmsc_path){
		.ifindex = ifindex,
		.family = memcmp(nexthop.b, mapped, sizeof(mapped)) ? AF_INET6 : AF_INET,
		.flags = flags,
		.nexthop = nexthop,
	};
}

#endif /* DMSC_SELFTESTS_ENV_H */
