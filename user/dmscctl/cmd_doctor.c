// SPDX-License-Identifier: GPL-2.0-or-later
/* Is this machine fit? Every check says ok, or what is missing and what works without. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/magic.h>

#include "dmscctl/table.h"
#include "lib/hostconf.h"
#include "lib/queues.h"

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF	    39
#endif

struct report {
	struct hostconf conf;
	json_t *checks;
	bool bpf_broken; /* something the data path cannot do without */
};

enum grade { OK, MISSING, NOTE };

__attribute__((format(printf, 5, 6))) static void check(struct report *r, const char *name,
							enum grade grade, const char *without,
							const char *fmt, ...)
{
	static const char *const grades[] = { "ok", "missing", "note" };
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	json_array_append_new(r->checks, json_pack("{s:s, s:s, s:s, s:s}", "check", name, "state",
						   grades[grade], "found", text, "without",
						   grade == OK ? "" : without));
}

/* First line of a file; empty when it cannot be read. */
static const char *line_of(const char *file, char *out, size_t size)
{
	FILE *f = fopen(file, "re");

	out[0] = '\0';
	if (f) {
		if (!fgets(out, size, f))
			out[0] = '\0';
		fclose(f);
	}
	out[strcspn(out, "\n")] = '\0';
	return out;
}

static bool in_kallsyms(const char *symbol)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[512], name[256];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%*s %*s %255s", name) == 1 && !strcmp(name, symbol);
	if (f)
		fclose(f);
	return found;
}

static void check_kernel(struct report *r)
{
	unsigned int major = 0, minor = 0;
	struct utsname u;
	bool old;

	uname(&u);
	sscanf(u.release, "%u.%u", &major, &minor);
	old = major < 6 || (major == 6 && minor < 1);
	check(r, "kernel", old ? MISSING : OK,
	      "older than 6.1 is not supported; `dmscctl plan` works", "%s", u.release);
	r->bpf_broken |= old;
	old = access("/sys/kernel/btf/vmlinux", R_OK);
	check(r, "BTF", old ? MISSING : OK,
	      "CONFIG_DEBUG_INFO_BTF; without: queues only, no classification or steering", "%s",
	      old ? "no /sys/kernel/btf/vmlinux" : "/sys/kernel/btf/vmlinux");
	r->bpf_broken |= old;
	if (in_kallsyms("tcx_prog_attach"))
		check(r, "tcx", OK, "", "links that survive");
	else
		check(r, "tcx", NOTE, "clsact is used instead; everything works",
		      "not in this kernel (6.6 has it)");
}

static void check_capabilities(struct report *r)
{
	static const struct {
		int bit;
		const char *name;
	} caps[] = {
		{ CAP_NET_ADMIN, "CAP_NET_ADMIN" },
		{ CAP_BPF, "CAP_BPF" },
		{ CAP_PERFMON, "CAP_PERFMON" },
	};
	unsigned long long have = 0;
	FILE *f = fopen("/proc/self/status", "re");
	char line[256], lacking[128] = "";

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "CapEff: %llx", &have);
	if (f)
		fclose(f);
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		if (!(have >> caps[i].bit & 1))
			snprintf(lacking + strlen(lacking), sizeof(lacking) - strlen(lacking),
				 "%s%s", lacking[0] ? ", " : "", caps[i].name);
	check(r, "capabilities", lacking[0] ? MISSING : OK,
	      "run dmscd as root or by its systemd unit; without: nothing can be programmed",
	      "%s%s", lacking[0] ? "lacking " : "NET_ADMIN, BPF, PERFMON", lacking);
	r->bpf_broken |= lacking[0] != '\0';
}

static bool fs_is(const char *dir, long magic)
{
	struct statfs st;

	return !statfs(dir, &st) && st.f_type == magic;
}

static void check_filesystems(struct report *r)
{
	char root[sizeof(r->conf.cgroup_root)], *slash;
	bool bpffs = fs_is("/sys/fs/bpf", BPF_FS_MAGIC), cgroup;

	check(r, "bpffs", bpffs ? OK : MISSING,
	      "mount -t bpf bpf /sys/fs/bpf; without: no data path", "/sys/fs/bpf");
	strcpy(root, r->conf.cgroup_root);
	slash = strrchr(root, '/');
	if (slash && slash != root)
		*slash = '\0';
	cgroup = fs_is(root, CGROUP2_SUPER_MAGIC);
	check(r, "cgroup2", cgroup ? OK : MISSING,
	      "instances are told apart by cgroup v2; without: no data path", "%s", root);
	r->bpf_broken |= !bpffs || !cgroup;
}

/* Is there a file for this kernel that modprobe would take? */
static bool module_file(char *out, size_t size)
{
	char deps[128], line[1024];
	struct utsname u;
	bool found = false;
	FILE *f;

	uname(&u);
	snprintf(deps, sizeof(deps), "/lib/modules/%s/modules.dep", u.release);
	f = fopen(deps, "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		line[strcspn(line, ":")] = '\0';
		found = strstr(line, "/sch_dmsc.ko") || !strncmp(line, "sch_dmsc.ko", 11);
	}
	if (f)
		fclose(f);
	if (found)
		snprintf(out, size, "%.100s", line);
	return found;
}

static void check_module(struct report *r)
{
	char file[128], version[64] = "?", taint[64], enforce[8];
	struct dmsc_error err;
	struct queues *q;
	uint32_t abi = 0;

	if (!queues_open(&q, false, &err)) {
		if (queues_version(q, &abi, version, sizeof(version), &err) || abi != DMSC_ABI)
			check(r, "module", MISSING,
			      "load the module of this release; without: stock qdiscs",
			      "sch_dmsc %s has ABI %u, expected %u", version, abi, DMSC_ABI);
		else
			check(r, "module", OK, "", "sch_dmsc %s is loaded, ABI %u", version, abi);
		queues_close(q);
	} else if (module_file(file, sizeof(file))) {
		check(r, "module", NOTE, "modprobe sch_dmsc; dmscd does so when it may",
		      "installed (%s), not loaded", file);
	} else {
		check(r, "module", MISSING,
		      "stock qdiscs are used; classification, DSCP and steering work",
		      "sch_dmsc is neither loaded nor installed for this kernel");
	}
	line_of("/sys/module/sch_dmsc/taint", taint, sizeof(taint));
	line_of("/sys/module/module/parameters/sig_enforce", enforce, sizeof(enforce));
	if (strchr(taint, 'E'))
		check(r, "signature", NOTE,
		      "sign it with a key that the kernel trusts (mokutil --import)",
		      "the loaded module is unsigned or its key is unknown");
	else if (enforce[0] == 'Y')
		check(r, "signature", NOTE,
		      "an unsigned module is refused (\"Key was rejected by service\")",
		      "this kernel loads signed modules only: enrol the signing key");
	else
		check(r, "signature", OK, "", "not enforced%s",
		      access("/sys/module/sch_dmsc", F_OK) ? "" :
							     ", and the loaded module is trusted");
}

static void check_network(struct report *r)
{
	char value[16];

	line_of("/proc/sys/net/ipv4/conf/all/rp_filter", value, sizeof(value));
	if (value[0] == '1')
		check(r, "rp_filter", NOTE,
		      "sysctl net.ipv4.conf.all.rp_filter=2 (or 0) on hosts with several rails",
		      "strict: a packet that comes by another rail than routing's is dropped");
	else
		check(r, "rp_filter", OK, "", "%s", value[0] ? value : "no IPv4");
	line_of("/proc/sys/net/core/bpf_jit_enable", value, sizeof(value));
	if (value[0] == '0')
		check(r, "BPF JIT", NOTE,
		      "sysctl net.core.bpf_jit_enable=1; everything works, slower", "off");
	else
		check(r, "BPF JIT", OK, "", "on");
}

static void check_daemon(struct report *r, const struct ctl *c)
{
	struct ipc_client client;
	struct dmsc_error err;
	json_t *answer;
	int ret;

	ret = ctl_ask(c, &client, json_pack("{s:s}", "cmd", "version"), &answer, &err);
	if (ret) {
		check(r, "daemon", NOTE, "what was programmed stays at work; plan, env and off work",
		      "%.240s", err.text);
		return;
	}
	ipc_disconnect(&client);
	if (strcmp(ctl_str(answer, "version"), DMSC_VERSION) || ctl_int(answer, "abi") != DMSC_ABI)
		check(r, "daemon", NOTE, "restart dmscd after an upgrade",
		      "dmscd is of release %s, dmscctl of %s", ctl_str(answer, "version"),
		      DMSC_VERSION);
	else
		check(r, "daemon", OK, "", "dmscd %s", DMSC_VERSION);
	json_decref(answer);
}

static int run(struct ctl *c, int argc, char **argv)
{
	static const char *const heads[] = { "CHECK", "STATE", "FOUND", "TO DO, OR WITHOUT", NULL };
	struct report r = { .checks = NULL };
	const json_t *k;
	struct table t;
	int status;
	size_t i;

	if (ctl_options(c, argc, argv, NULL, 0, 0, &status) < 0)
		return status;
	r.checks = json_array();
	hostconf_defaults(&r.conf);
	hostconf_read(HOSTCONF_FILE, &r.conf, NULL);
	check_kernel(&r);
	check_capabilities(&r);
	check_filesystems(&r);
	check_module(&r);
	check_network(&r);
	check_daemon(&r, c);
	status = r.bpf_broken ? STATUS_FAILED : 0;
	if (c->json) {
		ctl_print_json(json_pack("{s:b, s:o}", "usable", !r.bpf_broken, "checks", r.checks));
		return status;
	}
	table_init(&t, c, heads);
	json_array_foreach(r.checks, i, k)
	{
		table_add(&t, "%s", ctl_str(k, "check"));
		table_add(&t, "%s", ctl_str(k, "state"));
		table_add(&t, "%s", ctl_str(k, "found"));
		table_add(&t, "%s", ctl_str(k, "without"));
	}
	table_print(&t);
	json_decref(r.checks);
	return status;
}

const struct command cmd_doctor = {
	.name = "doctor",
	.usage = "",
	.summary = "is this machine fit, and what works if not",
	.details = "Exit status 1 when the BPF data path cannot work here.",
	.run = run,
};
