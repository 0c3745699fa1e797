// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What BPF cannot do for RDMA: verbs traffic bypasses the kernel, so its class
 * is set by the library that sends it and by the NIC. The variables are those
 * of NCCL (NCCL_IB_TC is the IPv4 TOS / traffic class byte: DSCP * 4), UCX,
 * Open MPI and Gloo.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "dmscctl/ctl.h"
#include "lib/hostconf.h"

/* "rail0,rail1"; empty when there is no plan. */
static void join_interfaces(const json_t *status, char *out, size_t size)
{
	const json_t *i;
	size_t n, len = 0;

	out[0] = '\0';
	json_array_foreach(json_object_get(status, "interfaces"), n, i) if (len < size) len +=
		snprintf(out + len, size - len, "%s%s", len ? "," : "", ctl_str(i, "name"));
}

static void put(json_t *env, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void put(json_t *env, const char *name, const char *fmt, ...)
{
	char value[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	json_object_set_new(env, name, json_string(value));
}

static json_t *variables(const char *interfaces, int dscp)
{
	json_t *env = json_object();

	if (*interfaces) {
		/* "=": these names exactly, not as prefixes. */
		put(env, "NCCL_SOCKET_IFNAME", "=%s", interfaces);
		put(env, "GLOO_SOCKET_IFNAME", "%s", interfaces);
		put(env, "OMPI_MCA_btl_tcp_if_include", "%s", interfaces);
	}
	put(env, "NCCL_IB_TC", "%d", dscp * 4);
	put(env, "UCX_IB_TRAFFIC_CLASS", "%d", dscp * 4);
	return env;
}

static int print_env(struct ctl *c, const char *class, int dscp, bool lossless, const char *profile,
		     const char *interfaces)
{
	json_t *env = variables(interfaces, dscp), *v;
	const char *key;

	if (c->json)
		return ctl_print_json(json_pack("{s:s, s:s, s:i, s:i, s:b, s:o}", "profile", profile,
						"class", class, "dscp", dscp, "traffic_class",
						dscp * 4, "lossless", lossless, "env", env));
	printf("# class %s, profile %s: DSCP %d, traffic class %d%s\n", class, profile, dscp,
	       dscp * 4, lossless ? ", lossless" : "");
	printf("# RDMA bypasses the kernel: these settings, not BPF, mark it.\n");
	json_object_foreach(env, key, v) printf("%s=%s\n", key, json_string_value(v));
	for (const char *p = interfaces; *p;) {
		size_t len = strcspn(p, ",");

		printf("# dcb app replace dev %.*s dscp-prio %d:%d\n", (int)len, p, dscp, dscp >> 3);
		p += len + (p[len] == ',');
	}
	json_decref(env);
	return 0;
}

static int run(struct ctl *c, int argc, char **argv)
{
	const char *class = "data", *profile_name = NULL, *rdma = NULL;
	const struct opt opts[] = {
		{ "class", 'k', "CLASS", "the class of the traffic (default data)", &class, NULL },
		{ "profile", 'p', "NAME", "DSCP by class: " PROFILE_NAMES, &profile_name, NULL },
		{ "dscp", 0, "N", "use this DSCP, such as that of the fabric's RoCE class", &rdma,
		  NULL },
		{ 0 }
	};
	unsigned long long dscp = 0;
	char interfaces[1024] = "";
	struct ipc_client client;
	struct dmsc_error err;
	json_t *status = NULL;
	struct hostconf conf;
	int id, ret, code;

	if (ctl_options(c, argc, argv, opts, 0, 0, &code) < 0)
		return code;
	id = dmsc_class_parse(class);
	if (id < 0)
		return ctl_usage(c,
				 "--class: '%s', expected control, gateway, tensor, expert, pipeline, data, default or bulk",
				 class);
	if (rdma && !ctl_number(rdma, 63, &dscp))
		return ctl_usage(c, "--dscp: '%s', expected 0..63", rdma);
	hostconf_defaults(&conf);
	ret = hostconf_read(HOSTCONF_FILE, &conf, &err);
	if (ret && ret != -ENOENT)
		return ctl_fail(ret, &err);
	if (profile_name && strcmp(profile_name, conf.profile.name)) {
		ret = profile_find(profile_name, &conf.profile, &err);
		if (ret)
			return ctl_fail(ret, &err);
	}
	/* The daemon knows the interfaces; without it the variables are still right. */
	if (!ctl_ask(c, &client, json_pack("{s:s}", "cmd", "status"), &status, &err)) {
		const json_t *p = json_object_get(status, "profile");

		join_interfaces(status, interfaces, sizeof(interfaces));
		if (!profile_name) {
			conf.profile.dscp[id] = ctl_int(json_object_get(p, "dscp"), class);
			snprintf(conf.profile.name, sizeof(conf.profile.name), "%s",
				 ctl_str(p, "name"));
		}
		ipc_disconnect(&client);
	}
	json_decref(status);
	if (!rdma)
		dscp = conf.profile.dscp[id];
	return print_env(c, class, dscp, conf.profile.lossless >> dscp & 1, conf.profile.name,
			 interfaces);
}

const struct command cmd_env = {
	.name = "env",
	.usage = "",
	.summary = "settings for traffic that bypasses the kernel (RDMA)",
	.details =
		"NAME=VALUE lines for a job's environment or /etc/nccl.conf; NCCL_IB_TC is DSCP * 4.\n"
		"Lines that begin with # say what to set on the NIC.",
	.run = run,
};
