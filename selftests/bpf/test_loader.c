// SPDX-License-Identifier: GPL-2.0-or-later
/* guests: 6.1 */
/*
 * The loader: what it leaves where, what it takes up again, what it refuses and
 * with which words, and that a flush leaves nothing.
 */
#include <linux/capability.h>
#include <sys/syscall.h>

#include "rails.h"

static struct dataplane *dp;

/* ---- what is there ---- */

static int entries(const char *dir)
{
	struct dirent *d;
	DIR *l = opendir(dir);
	int n = 0;

	if (!l)
		return -1;
	while ((d = readdir(l)))
		n += d->d_name[0] != '.';
	closedir(l);
	return n;
}

static bool pinned(const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", env_pins, name);
	return !access(path, F_OK);
}

static uint32_t prog_id(const char *name)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	CHECK(!bpf_obj_get_info_by_fd(dataplane_prog(dp, name), &info, &len), "%s: %s", name,
	      strerror(errno));
	return info.id;
}

static bool prog_alive(uint32_t id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static bool clsact_on(const char *dev)
{
	char line[256];

	return *sh_line(line, "tc qdisc show dev %s clsact", dev);
}

static int filters_on(const char *dev, const char *hook)
{
	char line[256];

	return atoi(sh_line(line, "tc filter show dev %s %s | grep -c ' handle '", dev, hook));
}

static bool tcx(void)
{
	return !strcmp(dataplane_method(dp), "tcx");
}

static void open_and_attach(void)
{
	dp = env_open();
	CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
	CHECK(!dataplane_attach(dp, "r1", &env_err), "%s", env_err.text);
}

static void flush(void)
{
	struct dataplane_config cfg = env_config();

	CHECK(!dataplane_flush(&cfg, &env_err), "%s", env_err.text);
}

/* Removes everything, whatever state the test before has left. */
static void before(void)
{
	socks_close();
	dataplane_close(dp);
	dp = NULL;
	unsetenv("DMSC_TC");
	flush();
}

/* ---- tests ---- */

static void pins(void)
{
	static const char *const maps[] = { "ctl",    "profile", "instances", "endpoints",
					    "groups", "peers",	 "flows",     "paths",
					    "hops",   "sockets", "stats",     "bins" };
	char name[64];
	size_t i;

	open_and_attach();
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		snprintf(name, sizeof(name), "dmsc_%s", maps[i]);
		CHECK(pinned(name), "%s is not pinned", name);
	}
	CHECK(pinned("links/connect4") && pinned("links/sendmsg6"), "cgroup links are not pinned");
	snprintf(name, sizeof(name), "links/egress-%d", rail_here[1]);
	CHECK_EQ(pinned(name), tcx(), "%s", name);
	CHECK_EQ(clsact_on("r1"), !tcx(), "clsact with method %s", dataplane_method(dp));
}

/* Names, not bytes: what bpftool makes of the maps. */
static void readable_maps(void)
{
	struct dmsc_path path[2] = { {}, env_path(rail_here[1], V4(10, 2, 0, 2), 0) };
	struct dataplane_tables t = { .flags = DMSC_CTL_DSCP, .paths = path, .nr_paths = 2 };
	char line[256];

	if (system("bpftool version > /dev/null 2>&1"))
		tap_skip("no bpftool");
	open_and_attach();
	env_program(dp, &t);
	sh_line(line, "bpftool map dump pinned %s/dmsc_ctl | tr -d ' \\n'", env_pins);
	CHECK(strstr(line, "\"generation\":1,\"flags\":2"), "%s", line);
	sh_line(line, "bpftool map dump pinned %s/dmsc_hops | tr -d ' \\n'", env_pins);
	CHECK(strstr(line, "\"ifindex\":") && strstr(line, "\"nexthop\":"), "%s", line);
}

static void memory(void)
{
	static const char *const maps[] = { "ctl",   "profile", "instances", "endpoints", "groups",
					    "peers", "flows",	"paths",     "hops",	  "sockets",
					    "stats", "bins",	"reentry" };
	long sum = 0;
	char name[64], path[64], line[128];
	size_t i;

	open_and_attach();
	for (i = 0; i < sizeof(maps) / sizeof(maps[0]); i++) {
		FILE *f;
		long n;

		snprintf(name, sizeof(name), "dmsc_%s", maps[i]);
		snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", dataplane_map(dp, name));
		f = fopen(path, "re");
		CHECK(f, "%s: %s", path, strerror(errno));
		while (fgets(line, sizeof(line), f)) {
			if (sscanf(line, "memlock: %ld", &n) == 1)
				sum += n;
		}
		fclose(f);
	}
	printf("# %ld kB in empty maps\n", sum / 1024);
	CHECK(sum > 0 && sum < 40 << 20, "%ld bytes", sum);
}

/* A second open has the contents, new programs in the old links, and no gap. */
static void reopen(void)
{
	struct dataplane_tables t = { .flags = DMSC_CTL_DSCP };
	uint32_t egress, connect4;
	struct dmsc_ctl ctl;
	int i, links;
	char dir[128];

	open_and_attach();
	snprintf(dir, sizeof(dir), "%s/links", env_pins);
	links = entries(dir);
	for (i = 1; i <= 3; i++)
		CHECK_EQ(env_program(dp, &t), (uint32_t)i, "generations");
	for (i = 0; i < 3; i++) {
		egress = prog_id("dmsc_egress");
		connect4 = prog_id("dmsc_connect4");
		dataplane_close(dp);
		CHECK(prog_alive(egress) && prog_alive(connect4), "programs went with the process");
		dp = env_open();
		dataplane_ctl(dp, &ctl);
		CHECK_EQ(ctl.generation, 3, "generation");
		CHECK_EQ(ctl.flags, DMSC_CTL_DSCP, "flags");
		CHECK(prog_id("dmsc_egress") != egress, "no new program was loaded");
		/* The old ones are in no link any more. */
		CHECK(WAIT_FOR(!prog_alive(egress) && !prog_alive(connect4)),
		      "an old program is still attached");
		CHECK_EQ(entries(dir), links, "links");
	}
	CHECK_EQ(env_program(dp, &t), 4, "generations go on");
	/* Attaching again is attaching once. */
	CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
	CHECK_EQ(entries(dir), links, "links");
	if (!tcx())
		CHECK_EQ(filters_on("r0", "egress"), 1, "filters");
}

static void reopen_clsact(void)
{
	setenv("DMSC_TC", "clsact", 1);
	reopen();
}

static void interface_gone(void)
{
	int index;

	open_and_attach();
	sh("ip link add gone0 type veth peer name gone1 && ip link set gone0 up");
	CHECK(!dataplane_attach(dp, "gone0", &env_err), "%s", env_err.text);
	index = if_nametoindex("gone0");
	sh("ip link del gone0");
	dataplane_close(dp);
	dp = env_open();
	/* Its number is given to another one. */
	sh("ip link add gone0 index %d type veth peer name gone1 && ip link set gone0 up", index);
	CHECK(!dataplane_attach(dp, "gone0", &env_err), "%s", env_err.text);
	sh("ip link del gone0");
	CHECK(dataplane_attach(dp, "gone0", &env_err) == -ENODEV, "%s", env_err.text);
	CHECK(strstr(env_err.text, "gone0"), "%s", env_err.text);
}

static void cgroup_replaced(void)
{
	struct dataplane_config cfg = env_config();
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char first[128], path[128];
	int fd;

	snprintf(first, sizeof(first), "%s/first", env_cgroup);
	sh("mkdir %s", first);
	cfg.cgroup = first;
	CHECK(!dataplane_open(&dp, &cfg, &env_err), "%s", env_err.text);
	dataplane_close(dp);
	sh("rmdir %s && mkdir %s.x && mkdir %s", first, first, first);
	CHECK(!dataplane_open(&dp, &cfg, &env_err), "%s", env_err.text);
	snprintf(path, sizeof(path), "%s/links/connect4", env_pins);
	fd = bpf_obj_get(path);
	CHECK(fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len), "%s: %s", path, strerror(errno));
	close(fd);
	CHECK_EQ(info.cgroup.cgroup_id, cgroup_id(first), "attached to the new cgroup");
}

static void flush_leaves_nothing(void)
{
	static const char *const methods[] = { "", "clsact" };
	struct dataplane_tables empty = { .flags = DMSC_CTL_DSCP };
	struct sockaddr_storage to;
	uint32_t ids[3];
	socklen_t len;
	size_t i, p;
	int fd;

	for (i = 0; i < 2; i++) {
		setenv("DMSC_TC", methods[i], 1);
		open_and_attach();
		env_program(dp, &empty);
		ids[0] = prog_id("dmsc_egress");
		ids[1] = prog_id("dmsc_ingress");
		ids[2] = prog_id("dmsc_post_bind6");
		fd = sock_make(ns_here, SOCK_DGRAM, HERE, 0);
		len = sock_addr(&to, THERE, 9);
		CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&to, len), 1, "%s", strerror(errno));
		dataplane_close(dp);
		dp = NULL;
		for (p = 0; p < 3; p++)
			CHECK(prog_alive(ids[p]), "program %zu is not at work", p);

		flush();
		CHECK(access(env_pins, F_OK), "%s is still there", env_pins);
		for (p = 0; p < 3; p++)
			CHECK(WAIT_FOR(!prog_alive(ids[p])), "program %zu is still there", p);
		CHECK(!clsact_on("r0") && !clsact_on("r1"), "clsact is still there");
		CHECK_EQ(sendto(fd, "x", 1, 0, (void *)&to, len), 1, "%s", strerror(errno));
		sock_close(fd);
		/* Once more: nothing to do is no error. */
		flush();
	}
}

/* A filter of somebody else: it lets everything pass. */
static int other_filter(const char *dev, int priority)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = if_nametoindex(dev),
		    .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = priority);
	struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int ret;

	ret = bpf_tc_hook_create(&hook);
	if (ret && ret != -EEXIST)
		return ret;
	opts.prog_fd = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "other", "GPL", insns, 2, NULL);
	ret = bpf_tc_attach(&hook, &opts);
	close(opts.prog_fd);
	return ret;
}

/* Filters and pins of others stay, and so does the qdisc that they need. */
static void flush_leaves_others_alone(void)
{
	char path[128];
	int map;

	setenv("DMSC_TC", "clsact", 1);
	open_and_attach();
	CHECK(!other_filter("r0", 7), "cannot add a filter");
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "other", 4, 4, 1, NULL);
	snprintf(path, sizeof(path), "%s/other", env_pins);
	CHECK(!bpf_obj_pin(map, path), "%s: %s", path, strerror(errno));
	close(map);
	dataplane_close(dp);
	dp = NULL;
	flush();
	CHECK(pinned("other"), "somebody else's pin is gone");
	unlink(path);
	CHECK_EQ(filters_on("r0", "egress"), 1, "filters left");
	CHECK_EQ(filters_on("r0", "ingress"), 0, "filters left");
	CHECK(!clsact_on("r1"), "clsact is still there");
	sh("tc qdisc del dev r0 clsact");
	rmdir(env_pins);
}

/* Somebody else's filter at our place is not overwritten. */
static void place_is_taken(void)
{
	setenv("DMSC_TC", "clsact", 1);
	dp = env_open();
	CHECK(!other_filter("r0", 0xd5c), "cannot add a filter");
	CHECK(dataplane_attach(dp, "r0", &env_err) < 0, "the filter was replaced");
	CHECK(strstr(env_err.text, "tc filter"), "%s", env_err.text);
	CHECK_EQ(filters_on("r0", "egress"), 1, "filters");
	CHECK_EQ(filters_on("r0", "ingress"), 0, "half attached");
	sh("tc qdisc del dev r0 clsact");
}

/* An upgrade of the kernel: what was attached by clsact is taken over by tcx. */
static void clsact_to_tcx(void)
{
	setenv("DMSC_TC", "clsact", 1);
	open_and_attach();
	dataplane_close(dp);
	unsetenv("DMSC_TC");
	dp = env_open();
	if (!tcx())
		tap_skip("this kernel has no tcx");
	CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
	CHECK(!clsact_on("r0"), "attached twice");
	CHECK(clsact_on("r1"), "nobody asked for r1");
}

static void other_abi(void)
{
	struct dataplane_config cfg = env_config();
	struct dataplane *other;

	dp = env_open();
	dp->ctl->abi = DMSC_ABI + 1;
	CHECK_EQ(dataplane_open(&other, &cfg, &env_err), -EPROTO, "%s", env_err.text);
	CHECK(strstr(env_err.text, "ABI"), "%s", env_err.text);
	CHECK(!other, "a data plane was returned");
	CHECK(pinned("dmsc_ctl") && pinned("links/connect4"), "what is at work was removed");
	dp->ctl->abi = DMSC_ABI;
	CHECK(!dataplane_open(&other, &cfg, &env_err), "%s", env_err.text);
	dataplane_close(other);
}

/* The program in the pinned link @name, 0 for none. */
static uint32_t prog_in(const char *name)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/links/%s", env_pins, name);
	fd = bpf_obj_get(path);
	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.prog_id = 0;
	close(fd);
	return info.prog_id;
}

/* The pinned map's number, and the size of its values. */
static uint32_t map_pinned(const char *name, uint32_t *value_size)
{
	struct bpf_map_info info = {};
	__u32 len = sizeof(info);
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", env_pins, name);
	fd = bpf_obj_get(path);
	CHECK(fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len), "%s", name);
	close(fd);
	*value_size = info.value_size;
	return info.id;
}

/* What is at work becomes that of the version before: its number, and a map of another layout. */
static void make_older(void)
{
	char path[128];
	int map;

	snprintf(path, sizeof(path), "%s/dmsc_paths", env_pins);
	CHECK(!unlink(path), "%s", path);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dmsc_paths", 4, 24, 8, NULL);
	CHECK(map >= 0 && !bpf_obj_pin(map, path), "%s: %s", path, strerror(errno));
	close(map);
	dp->ctl->abi = DMSC_ABI - 1;
	dataplane_close(dp);
	dp = NULL;
}

static void upgrade(void)
{
	struct dataplane_config cfg = env_config();
	struct dmsc_path path[2] = { {}, env_path(rail_here[1], V4(10, 2, 0, 2), 0) };
	struct dataplane_tables t = { .flags = DMSC_CTL_DSCP, .paths = path, .nr_paths = 2 };
	uint32_t connect, egress, ctl, choices, size;
	char link[32];
	int i;

	open_and_attach();
	env_program(dp, &t);
	env_program(dp, &t);
	snprintf(link, sizeof(link), "egress-%d", rail_here[1]);
	connect = prog_in("connect4");
	egress = prog_in(link);
	ctl = map_pinned("dmsc_ctl", &size);
	choices = map_pinned("dmsc_choices", &size);
	make_older();
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EPROTO, "%s", env_err.text);

	/* Until there is a generation nothing changes; who is killed before has changed nothing. */
	cfg.upgrade = true;
	for (i = 0; i < 2; i++) {
		dataplane_close(dp);
		CHECK(!dataplane_open(&dp, &cfg, &env_err), "%s", env_err.text);
		CHECK(!dataplane_attach(dp, "r1", &env_err), "%s", env_err.text);
		CHECK(!dataplane_attach(dp, "r0", &env_err), "%s", env_err.text);
		CHECK_EQ(dp->ctl->generation, 0, "a generation of its own");
		CHECK_EQ(prog_in("connect4"), connect, "the program of connect4");
		CHECK_EQ(prog_in(link), egress, "the program of %s", link);
		CHECK_EQ(map_pinned("dmsc_ctl", &size), ctl, "the pinned dmsc_ctl");
	}
	CHECK_EQ(env_program(dp, &t), 1, "the first generation");
	CHECK(prog_in("connect4") && prog_in("connect4") != connect, "connect4 has the old program");
	CHECK_EQ(prog_in(link) != egress, tcx(), "the program of %s", link);
	CHECK(map_pinned("dmsc_ctl", &size) != ctl, "the old dmsc_ctl is pinned");
	map_pinned("dmsc_paths", &size);
	CHECK_EQ(size, sizeof(struct dmsc_path), "the layout of dmsc_paths");
	CHECK_EQ(map_pinned("dmsc_choices", &size), choices, "choices are kept");
	CHECK(!pinned("dmsc_next"), "a pin is left");
	dataplane_close(dp);

	/* From now on it is this version's, for everybody. */
	dp = env_open();
	CHECK_EQ(dp->ctl->generation, 1, "the generation in force");
	CHECK_EQ(env_program(dp, &t), 2, "the next generation");

	/* Two versions are too many. */
	dp->ctl->abi = DMSC_ABI - 2;
	dataplane_close(dp);
	dp = NULL;
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EPROTO, "%s", env_err.text);
}

/* A map of an older release, whose entries had another size. */
static void other_layout(void)
{
	struct dataplane_config cfg = env_config();
	char path[128];
	int map;

	sh("mkdir -p %s", env_pins);
	map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "dmsc_ctl", 4, 4, 1, NULL);
	snprintf(path, sizeof(path), "%s/dmsc_ctl", env_pins);
	CHECK(!bpf_obj_pin(map, path), "%s: %s", path, strerror(errno));
	close(map);
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EPROTO, "%s", env_err.text);
	CHECK(pinned("dmsc_ctl"), "somebody's map was removed");
	unlink(path);
}

static void plain_words(void)
{
	struct dataplane_config cfg = env_config();

	cfg.pin_dir = "/tmp/dmsc-not-a-bpffs/x";
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EINVAL, "%s", env_err.text);
	CHECK(strstr(env_err.text, "mount -t bpf"), "%s", env_err.text);
	CHECK(access("/tmp/dmsc-not-a-bpffs", F_OK), "a directory was left");
	cfg.pin_dir = "relative";
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EINVAL, "%s", env_err.text);
	cfg = env_config();
	cfg.cgroup = "/tmp";
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -EINVAL, "%s", env_err.text);
	CHECK(strstr(env_err.text, "cgroup v2"), "%s", env_err.text);
	CHECK(access(env_pins, F_OK), "a failed open left %s", env_pins);
	cfg.cgroup = "/nowhere";
	CHECK_EQ(dataplane_open(&dp, &cfg, &env_err), -ENOENT, "%s", env_err.text);
	CHECK(access(env_pins, F_OK), "a failed open left %s", env_pins);

	dp = env_open();
	CHECK_EQ(dataplane_attach(dp, "lo", &env_err), -EINVAL, "%s", env_err.text);
	CHECK(strstr(env_err.text, "lo: not an Ethernet interface"), "%s", env_err.text);
	CHECK_EQ(dataplane_attach(dp, "nosuchdev0", &env_err), -ENODEV, "%s", env_err.text);
	CHECK_EQ(dataplane_attach(dp, "a-name-that-is-too-long", &env_err), -ENODEV, "%s",
		 env_err.text);
}

/* Without the capabilities, and with exactly those that are named. */
static int open_with(uint64_t caps)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {
		{ .effective = caps, .permitted = caps },
		{ .effective = caps >> 32, .permitted = caps >> 32 },
	};
	struct dataplane_config cfg = env_config();
	int status;
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (syscall(SYS_capset, &head, data))
			_exit(99);
		if (!dataplane_open(&dp, &cfg, &env_err))
			_exit(dataplane_attach(dp, "r0", &env_err) ? 3 : 0);
		_exit(strstr(env_err.text, "CAP_BPF") ? 1 : 2);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 98;
}

static void capabilities(void)
{
	uint64_t need = 1ULL << CAP_NET_ADMIN | 1ULL << CAP_BPF | 1ULL << CAP_PERFMON;

	CHECK_EQ(open_with(1ULL << CAP_NET_ADMIN | 1ULL << CAP_DAC_OVERRIDE), 1,
		 "the missing capability is named");
	CHECK_EQ(open_with(need | 1ULL << CAP_DAC_OVERRIDE), 0, "these are enough");
}

/* As egress does: a number for @key, and something counted there on each CPU. */
static uint32_t count(const struct dmsc_stats_key *key, const struct dmsc_stats *values)
{
	uint32_t index = dataplane_stats_index(dp, key);
	int ret = index ? bpf_map_update_elem(dataplane_map(dp, "dmsc_stats"), &index, values, 0) :
			  -1;

	CHECK(!ret, "SID %u: number %u: %s", key->sid, index, strerror(errno));
	return index;
}

static void counters(void)
{
	struct dmsc_instance_key ik = { .cgroup_id = 1 };
	struct dmsc_instance inst = { .sid = 7, .class_mask = 1 };
	struct dataplane_tables t = { .instance_keys = &ik, .instances = &inst, .nr_instances = 1 };
	int cpus = libbpf_num_possible_cpus(), cpu;
	struct dmsc_stats values[cpus];
	struct dmsc_stats_key key = { .sid = 7, .class = 3, .dir = DMSC_DIR_TX };
	struct dataplane_counter *list;
	uint32_t sid, first;
	size_t n;

	dp = env_open();
	CHECK(!dataplane_counters(dp, &list, &n, &env_err), "%s", env_err.text);
	CHECK_EQ(n, 0, "counters of an idle data plane");
	free(list);

	for (cpu = 0; cpu < cpus; cpu++)
		values[cpu] = (struct dmsc_stats){ 1, 100, 10, 1000 };
	first = count(&key, values);
	CHECK_EQ(env_counter(dp, 7, 3, DMSC_DIR_TX).packets, cpus, "over all CPUs");
	CHECK_EQ(env_counter(dp, 7, 3, DMSC_DIR_TX).bytes, 100 * cpus, "over all CPUs");
	CHECK_EQ(env_counter(dp, 7, 3, DMSC_DIR_TX).moved, 1000 * cpus, "over all CPUs");
	key.path = 1;
	CHECK(count(&key, values) != first, "another next hop has another counter");
	CHECK_EQ(env_counter(dp, 7, 3, DMSC_DIR_TX).packets, 2 * cpus, "over all next hops");
	key.path = 0;
	CHECK_EQ(count(&key, values), first, "a number stays");

	/* Gone instances: kept while there is room, forgotten when it gets scarce. */
	for (sid = 1000; sid < 1100; sid++) {
		key.sid = sid;
		count(&key, values);
	}
	env_program(dp, &t);
	CHECK_EQ(env_counter(dp, 1000, 3, DMSC_DIR_TX).packets, cpus, "kept");
	for (sid = 1100; sid < 1000 + DMSC_MAX_STATS / 2 - 2; sid++) {
		key.sid = sid;
		count(&key, values);
	}
	key.sid++;
	CHECK_EQ(dataplane_stats_index(dp, &key), 0, "the rest is for who has traffic");
	key.sid = 7;
	key.path = 2;
	first = DMSC_STATS_NOBODY + dp->room->next++; /* by a packet */
	CHECK(!bpf_map_update_elem(dataplane_map(dp, "dmsc_counters"), &key, &first, 0), "%s",
	      strerror(errno));
	env_program(dp, &t);
	CHECK_EQ(env_counter(dp, ANY_SID, ANY_CLASS, DMSC_DIR_TX).packets, 2 * cpus,
		 "only the instance of the generation is left");
	key.sid = 1000;
	memset(values, 0, sizeof(values));
	values[0].packets = 5;
	first = dataplane_stats_index(dp, &key);
	CHECK(first && first < dp->room->next, "number %u is one that was given back", first);
	CHECK_EQ(env_counter(dp, 1000, ANY_CLASS, DMSC_DIR_TX).packets, 0, "and starts with 0");
	count(&key, values);
	CHECK_EQ(env_counter(dp, 1000, ANY_CLASS, DMSC_DIR_TX).packets, 5, "and counts");
}

/* Full tables fit, and a generation later they are all gone again. */
static void largest_tables(void)
{
	static struct dmsc_endpoint_key keys[DMSC_MAX_ENDPOINTS + 1];
	static struct dmsc_endpoint values[DMSC_MAX_ENDPOINTS + 1];
	struct dataplane_tables t = { .endpoint_keys = keys,
				      .endpoints = values,
				      .nr_endpoints = DMSC_MAX_ENDPOINTS };
	struct dataplane_tables empty = {};
	struct dmsc_endpoint_key key;
	uint32_t i;
	int g;

	dp = env_open();
	for (i = 0; i < DMSC_MAX_ENDPOINTS; i++) {
		keys[i].addr = V4(10, i >> 14, i >> 7 & 127, i & 127);
		keys[i].port = htons(1);
		keys[i].proto = IPPROTO_TCP;
		values[i].sid = i + 1;
	}
	g = env_program(dp, &t);
	key = keys[DMSC_MAX_ENDPOINTS - 1];
	key.side = g & 1;
	CHECK(!bpf_map_lookup_elem(dataplane_map(dp, "dmsc_endpoints"), &key, &values[0]),
	      "the last entry is not there");
	CHECK_EQ(values[0].sid, DMSC_MAX_ENDPOINTS, "the last entry");
	t.nr_endpoints++;
	CHECK_EQ(dataplane_program(dp, &t, &env_err), -E2BIG, "%s", env_err.text);
	for (g = 0; g < 2; g++)
		env_program(dp, &empty);
	CHECK(bpf_map_get_next_key(dataplane_map(dp, "dmsc_endpoints"), NULL, &key),
	      "entries of an old generation are left");
}

static void set_up(void)
{
	rails_up();
	tap_before = before;
}

static int run(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(set_up),
		TAP_TEST(pins),
		TAP_TEST(readable_maps),
		TAP_TEST(memory),
		TAP_TEST(reopen),
		TAP_TEST(reopen_clsact),
		TAP_TEST(interface_gone),
		TAP_TEST(cgroup_replaced),
		TAP_TEST(flush_leaves_nothing),
		TAP_TEST(flush_leaves_others_alone),
		TAP_TEST(place_is_taken),
		TAP_TEST(clsact_to_tcx),
		TAP_TEST(other_abi),
		TAP_TEST(other_layout),
		TAP_TEST(upgrade),
		TAP_TEST(plain_words),
		TAP_TEST(capabilities),
		TAP_TEST(counters),
		TAP_TEST(largest_tables),
	};

	return TAP_RUN(tests);
}

int main(void)
{
	return env_main(run);
}
