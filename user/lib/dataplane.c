// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Load the programs or take up what is pinned, read the counters, take it away.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "lib/dataplane_priv.h"

#include "bpf/dmsc.skel.h"

#define KERNEL_MIN_MAJOR 6
#define KERNEL_MIN_MINOR 1

const char *const dataplane_prog_name[DATAPLANE_NR_DIRS] = {
	[DATAPLANE_EGRESS] = "dmsc_egress",
	[DATAPLANE_INGRESS] = "dmsc_ingress",
};

int dataplane_map(const struct dataplane *dp, const char *name)
{
	return bpf_object__find_map_fd_by_name(dp->skel->obj, name);
}

int dataplane_prog(const struct dataplane *dp, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(dp->skel->obj, name);

	return prog ? bpf_program__fd(prog) : -ENOENT;
}

/* ---- libbpf's messages ---- */

static char log_line[320];

void dataplane_log_reset(void)
{
	log_line[0] = '\0';
}

const char *dataplane_log(void)
{
	return log_line;
}

/* The verifier's last line but for its statistics: why it refused. */
static void keep_verdict(char *text)
{
	char *line, *save, *why = NULL;
	size_t len = strlen(log_line);

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		if (!strncmp(line, "processed ", 10) || strstr(line, "PROG LOAD LOG") || !*line)
			continue;
		why = line;
	}
	if (why)
		snprintf(log_line + len, sizeof(log_line) - len, ": %s", why);
}

/*
 * The first warning says what failed, later ones only that something did. With
 * DMSC_BPF_LOG set everything is shown, the verifier's log included.
 */
static int keep_message(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	char *text;

	if (getenv("DMSC_BPF_LOG")) {
		va_list copy;

		va_copy(copy, ap);
		vfprintf(stderr, fmt, copy);
		va_end(copy);
	}
	if (level != LIBBPF_WARN || vasprintf(&text, fmt, ap) < 0)
		return 0;
	if (strstr(text, "BEGIN PROG LOAD LOG")) {
		keep_verdict(text);
	} else if (!*log_line) {
		char *start = strncmp(text, "libbpf: ", 8) ? text : text + 8;

		start[strcspn(start, "\n")] = '\0';
		snprintf(log_line, sizeof(log_line), "%s", start);
	}
	free(text);
	return 0;
}

/* ---- what is missing ---- */

/* Names the capabilities that the process lacks; false when it has them all. */
static bool missing_capabilities(char *out, size_t len)
{
	static const struct {
		int bit;
		const char *name;
	} need[] = { { 12, "CAP_NET_ADMIN" }, { 38, "CAP_PERFMON" }, { 39, "CAP_BPF" } };
	unsigned long long have = 0;
	char line[128];
	FILE *f = fopen("/proc/self/status", "re");
	size_t i;

	*out = '\0';
	if (!f)
		return false;
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "CapEff: %llx", &have) == 1)
			break;
	}
	fclose(f);
	if (have & (1ULL << 21)) /* CAP_SYS_ADMIN stands for CAP_BPF and CAP_PERFMON */
		have |= 1ULL << 38 | 1ULL << 39;
	for (i = 0; i < sizeof(need) / sizeof(need[0]); i++) {
		if (!(have & (1ULL << need[i].bit)))
			snprintf(out + strlen(out), len - strlen(out), "%s%s", *out ? ", " : "",
				 need[i].name);
	}
	return *out;
}

static int load_failed(struct dmsc_error *err, int ret)
{
	unsigned int major = 0, minor = 0;
	struct utsname un;
	char caps[64];

	if ((ret == -EPERM || ret == -EACCES) && missing_capabilities(caps, sizeof(caps)))
		return dmsc_fail(err, ret, "cannot load the BPF programs: missing %s", caps);
	if (!uname(&un) && sscanf(un.release, "%u.%u", &major, &minor) == 2 &&
	    (major < KERNEL_MIN_MAJOR || (major == KERNEL_MIN_MAJOR && minor < KERNEL_MIN_MINOR)))
		return dmsc_fail(err, ret,
				 "kernel %s is too old for the BPF programs (%d.%d or later)",
				 un.release, KERNEL_MIN_MAJOR, KERNEL_MIN_MINOR);
	return dmsc_fail(err, ret, "cannot load the BPF programs: %s: %s", strerror(-ret),
			 *log_line ? log_line :
				     "libbpf gave no reason (DMSC_BPF_LOG=1 shows its log)");
}

/* ---- open ---- */

/* 0: nothing is pinned; 1: maps of our ABI, 2: of the one before, if that is @older. */
static int check_abi(const char *pin_dir, bool older, struct dmsc_error *err)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info), zero = 0;
	char path[PATH_MAX + 16];
	struct dmsc_ctl ctl;
	int fd, ret = 1;

	snprintf(path, sizeof(path), "%s/dmsc_ctl", pin_dir);
	fd = bpf_obj_get(path);
	if (fd < 0)
		return errno == ENOENT ? 0 : dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	if (bpf_obj_get_info_by_fd(fd, &info, &len) || info.value_size != sizeof(ctl) ||
	    bpf_map_lookup_elem(fd, &zero, &ctl))
		ret = dmsc_fail(err, -EPROTO, "%s: not of this release; flush the data plane first",
				path);
	else if (older && ctl.abi == DMSC_ABI - 1)
		ret = 2;
	else if (ctl.abi && ctl.abi != DMSC_ABI)
		ret = dmsc_fail(err, -EPROTO,
				"%s: data plane of ABI %u is at work, this program needs %u; start dmscd of this release, or switch it off first",
				path, ctl.abi, DMSC_ABI);
	close(fd);
	return ret;
}

static int map_memory(struct dataplane *dp, struct dmsc_error *err)
{
	size_t paths = 2 * DMSC_MAX_PATHS * sizeof(struct dmsc_path);
	void *p;

	p = mmap(NULL, sizeof(struct dmsc_ctl), PROT_READ | PROT_WRITE, MAP_SHARED,
		 dataplane_map(dp, "dmsc_ctl"), 0);
	if (p == MAP_FAILED)
		return dmsc_fail(err, -errno, "dmsc_ctl: mmap: %s", strerror(errno));
	dp->ctl = p;
	p = mmap(NULL, paths, PROT_READ | PROT_WRITE, MAP_SHARED, dataplane_map(dp, "dmsc_paths"),
		 0);
	if (p == MAP_FAILED)
		return dmsc_fail(err, -errno, "dmsc_paths: mmap: %s", strerror(errno));
	dp->paths = p;
	p = mmap(NULL, 2 * DMSC_MAX_SETS * sizeof(struct dmsc_set), PROT_READ | PROT_WRITE,
		 MAP_SHARED, dataplane_map(dp, "dmsc_sets"), 0);
	if (p == MAP_FAILED)
		return dmsc_fail(err, -errno, "dmsc_sets: mmap: %s", strerror(errno));
	dp->sets = p;
	p = mmap(NULL, sizeof(struct dmsc_stats_room), PROT_READ | PROT_WRITE, MAP_SHARED,
		 dataplane_map(dp, "dmsc_stats_room"), 0);
	if (p == MAP_FAILED)
		return dmsc_fail(err, -errno, "dmsc_stats_room: mmap: %s", strerror(errno));
	dp->room = p;
	return 0;
}

int dataplane_open(struct dataplane **out, const struct dataplane_config *cfg,
		   struct dmsc_error *err)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts);
	struct dataplane *dp;
	int ret, reuse = 1;

	*out = NULL;
	libbpf_set_print(keep_message);
	dataplane_log_reset();
	dp = calloc(1, sizeof(*dp));
	if (!dp)
		return dmsc_fail(err, -ENOMEM, "out of memory");

	ret = dataplane_pin_dir(dp->pin_dir, sizeof(dp->pin_dir), cfg, err);
	if (!ret)
		ret = dataplane_pin_prepare(dp->pin_dir, err);
	if (ret)
		goto failed;
	ret = check_abi(dp->pin_dir, cfg->upgrade, err);
	if (ret < 0)
		goto failed;
	reuse = ret;

	opts.pin_root_path = dp->pin_dir;
	if (getenv("DMSC_BPF_LOG"))
		opts.kernel_log_level = 1;
	dp->skel = dmsc__open_opts(&opts);
	if (!dp->skel) {
		ret = load_failed(err, -errno);
		goto failed;
	}
	if (reuse == 2) {
		ret = dataplane_upgrade_begin(dp, dp->skel->obj, cfg->cgroup, err);
		if (ret)
			goto failed;
	}
	ret = dmsc__load(dp->skel);
	if (ret) {
		ret = load_failed(err, ret);
		goto failed;
	}
	ret = map_memory(dp, err);
	if (ret)
		goto failed;
	dp->ctl->abi = DMSC_ABI;
	dp->tcx = dataplane_have_tcx(dp);
	if (!dp->upgrade)
		ret = dataplane_attach_cgroup(dp, cfg->cgroup, err);
	if (!ret && !dp->upgrade)
		ret = dataplane_reattach(dp, err);
	if (ret)
		goto failed;
	*out = dp;
	return 0;

failed:
	/* What this call pinned goes again; what was there before stays at work. */
	if (!reuse) {
		dataplane_pin_remove(dp->pin_dir);
		rmdir(dp->pin_dir);
	}
	dataplane_close(dp);
	return ret;
}

void dataplane_close(struct dataplane *dp)
{
	if (!dp)
		return;
	if (dp->ctl)
		munmap(dp->ctl, sizeof(*dp->ctl));
	if (dp->paths)
		munmap(dp->paths, 2 * DMSC_MAX_PATHS * sizeof(*dp->paths));
	if (dp->sets)
		munmap(dp->sets, 2 * DMSC_MAX_SETS * sizeof(*dp->sets));
	if (dp->room)
		munmap(dp->room, sizeof(*dp->room));
	dataplane_events_close(dp);
	dataplane_tables_forget(dp);
	dataplane_upgrade_free(dp);
	dmsc__destroy(dp->skel);
	free(dp);
}

const char *dataplane_method(const struct dataplane *dp)
{
	return dp->tcx ? "tcx" : "clsact";
}

int dataplane_ctl(struct dataplane *dp, struct dmsc_ctl *ctl)
{
	union {
		uint64_t word;
		struct {
			uint32_t generation, flags;
		};
	} u;

	u.word = __atomic_load_n((uint64_t *)dp->ctl, __ATOMIC_ACQUIRE);
	memset(ctl, 0, sizeof(*ctl));
	ctl->generation = u.generation;
	ctl->flags = u.flags;
	ctl->abi = dp->ctl->abi;
	return 0;
}

int dataplane_flush(const struct dataplane_config *cfg, struct dmsc_error *err)
{
	char dir[PATH_MAX];
	int ret;

	libbpf_set_print(keep_message);
	dataplane_log_reset();
	ret = dataplane_pin_dir(dir, sizeof(dir), cfg, err);
	if (ret)
		return ret;
	dataplane_pin_remove(dir);
	if (!access(dir, F_OK) && rmdir(dir) && errno != ENOTEMPTY && errno != EBUSY &&
	    errno != ENOTDIR)
		return dmsc_fail(err, -errno, "%s: %s", dir, strerror(errno));
	return dataplane_clsact_detach_all(err);
}
