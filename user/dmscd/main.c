// SPDX-License-Identifier: GPL-2.0-or-later
/* dmscd: the daemon of one host. Options, start, signals, stop. */
#include <argp.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "dmscd/apply.h"
#include "dmscd/control.h"
#include "dmscd/daemon.h"
#include "dmscd/datapath.h"
#include "dmscd/functional.h"
#include "dmscd/policy.h"
#include "dmscd/queuectl.h"
#include "dmscd/rhythm.h"
#include "dmscd/watch.h"
#include "lib/log.h"

enum {
	OPT_HOST = 'H',
	OPT_CONFIG = 'c',
	OPT_INTERFACE = 'i',
	OPT_FOREGROUND = 'f',
	OPT_VERBOSE = 'v',
	OPT_SOCKET = 256,
	OPT_STATE,
	OPT_PIN_DIR,
	OPT_CGROUP_ROOT,
	OPT_PROFILE,
	OPT_NO_QUEUES,
	OPT_NO_BPF,
	OPT_FLUSH,
	OPT_CHECK,
};

struct options {
	const char *config; /* NULL: the default file, if it is there */
	const char *host, *socket, *state, *pin_dir, *cgroup_root, *profile;
	const char *interfaces[HOSTCONF_MAX_INTERFACES];
	uint32_t nr_interfaces;
	bool no_queues, no_bpf, flush, check, foreground, verbose;
};

static const struct argp_option options[] = {
	{ "host", OPT_HOST, "NAME", 0, "this host's name in plans (default: the machine's)", 0 },
	{ "config", OPT_CONFIG, "FILE", 0, "configuration (default " HOSTCONF_FILE ")", 0 },
	{ "socket", OPT_SOCKET, "PATH", 0, "control socket (default " HOSTCONF_SOCKET ")", 0 },
	{ "state", OPT_STATE, "DIR", 0, "registry (default " HOSTCONF_STATE ")", 0 },
	{ "pin-dir", OPT_PIN_DIR, "DIR", 0, "BPF maps and links (default " DMSC_PIN_DIR ")", 0 },
	{ "cgroup-root", OPT_CGROUP_ROOT, "DIR", 0,
	  "the instances' cgroups (default: dmsc below the cgroup2 mount)", 0 },
	{ "interface", OPT_INTERFACE, "IF", 0,
	  "use this interface; may repeat (default: the host's links in the plan)", 0 },
	{ "profile", OPT_PROFILE, "NAME", 0, "DSCP by class: " PROFILE_NAMES, 0 },
	{ "no-queues", OPT_NO_QUEUES, NULL, 0, "leave scheduling queues alone", 0 },
	{ "no-bpf", OPT_NO_BPF, NULL, 0, "load no BPF programs", 0 },
	{ "flush", OPT_FLUSH, NULL, 0, "remove the data path and exit", 0 },
	{ "check", OPT_CHECK, NULL, 0, "check the configuration and exit", 0 },
	{ "foreground", OPT_FOREGROUND, NULL, 0, "stay in the foreground, messages on stderr", 0 },
	{ "verbose", OPT_VERBOSE, NULL, 0, "say more", 0 },
	{ 0 }
};

const char *argp_program_version = "dmscd " DMSC_VERSION;

static error_t on_option(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case OPT_HOST:
		o->host = arg;
		break;
	case OPT_CONFIG:
		o->config = arg;
		break;
	case OPT_SOCKET:
		o->socket = arg;
		break;
	case OPT_STATE:
		o->state = arg;
		break;
	case OPT_PIN_DIR:
		o->pin_dir = arg;
		break;
	case OPT_CGROUP_ROOT:
		o->cgroup_root = arg;
		break;
	case OPT_PROFILE:
		o->profile = arg;
		break;
	case OPT_INTERFACE:
		if (o->nr_interfaces == HOSTCONF_MAX_INTERFACES)
			argp_error(state, "--interface: more than %d", HOSTCONF_MAX_INTERFACES);
		o->interfaces[o->nr_interfaces++] = arg;
		break;
	case OPT_NO_QUEUES:
		o->no_queues = true;
		break;
	case OPT_NO_BPF:
		o->no_bpf = true;
		break;
	case OPT_FLUSH:
		o->flush = true;
		break;
	case OPT_CHECK:
		o->check = true;
		break;
	case OPT_FOREGROUND:
		o->foreground = true;
		break;
	case OPT_VERBOSE:
		o->verbose = true;
		break;
	case ARGP_KEY_ARG:
		argp_error(state, "unexpected argument '%s'", arg);
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static int take(const char *option, const char *value, char *out, size_t size, bool path,
		struct dmsc_error *err)
{
	if (!value)
		return 0;
	if (!*value || strlen(value) >= size)
		return dmsc_fail(err, -EINVAL, "%s: '%.64s', expected 1 to %zu bytes", option,
				 value, size - 1);
	if (path && value[0] != '/')
		return dmsc_fail(err, -EINVAL, "%s: '%.64s', expected an absolute path", option,
				 value);
	strcpy(out, value);
	return 0;
}

/* Defaults, then the file, then the command line. */
static int load_conf(const struct options *o, struct hostconf *c, struct dmsc_error *err)
{
	int ret;

	hostconf_defaults(c);
	ret = hostconf_read(o->config ? o->config : HOSTCONF_FILE, c, err);
	if (ret == -ENOENT && !o->config)
		ret = 0;
	if (ret)
		return ret;
	ret = take("--host", o->host, c->host, sizeof(c->host), false, err);
	if (!ret)
		ret = take("--socket", o->socket, c->socket, sizeof(c->socket), true, err);
	if (!ret)
		ret = take("--state", o->state, c->state, sizeof(c->state), true, err);
	if (!ret)
		ret = take("--pin-dir", o->pin_dir, c->pin_dir, sizeof(c->pin_dir), true, err);
	if (!ret)
		ret = take("--cgroup-root", o->cgroup_root, c->cgroup_root, sizeof(c->cgroup_root),
			   true, err);
	for (uint32_t i = 0; i < o->nr_interfaces && !ret; i++) {
		c->nr_interfaces = i + 1;
		ret = take("--interface", o->interfaces[i], c->interfaces[i],
			   sizeof(c->interfaces[i]), false, err);
	}
	/* The file's own DSCPs go with its own profile. */
	if (!ret && o->profile && strcmp(o->profile, c->profile.name))
		ret = profile_find(o->profile, &c->profile, err);
	if (o->no_queues)
		c->queues = false;
	if (o->no_bpf)
		c->bpf = false;
	return ret ? ret : hostconf_check(c, err);
}

/* One daemon a state directory; also what --flush must not cut in on. */
static int take_lock(struct daemon *d, struct dmsc_error *err)
{
	char path[sizeof(d->conf.state) + 8], pid[32] = "";
	ssize_t n;

	snprintf(path, sizeof(path), "%s/lock", d->conf.state);
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (d->lock < 0)
		return dmsc_fail(err, -errno, "%s: %s", path, strerror(errno));
	if (flock(d->lock, LOCK_EX | LOCK_NB)) {
		n = read(d->lock, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return dmsc_fail(err, -EBUSY, "dmscd is already running%s%s with --state %s",
				 pid[0] ? " as process " : "", pid, d->conf.state);
	}
	snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
	if (ftruncate(d->lock, 0) || write(d->lock, pid, strlen(pid)) < 0)
		log_debug("%s: %s", path, strerror(errno));
	return 0;
}

static int open_all(struct daemon *d, struct dmsc_error *err)
{
	int ret;

	ret = registry_open(&d->registry, d->conf.state, err);
	if (!ret)
		ret = take_lock(d, err);
	if (!ret)
		ret = rtnl_open(&d->rtnl, err);
	if (!ret && sd_event_default(&d->event) < 0)
		ret = dmsc_fail(err, -ENOMEM, "no event loop");
	return ret;
}

static void close_all(struct daemon *d)
{
	apply_cancel(d);
	control_stop(d);
	rhythm_stop(d);
	functional_close(d);
	watch_stop(d);
	queuectl_close(d);
	hostplan_free(d->current);
	policy_unwatch(d);
	dataplane_close(d->dp);
	rtnl_close(d->rtnl);
	registry_close(d->registry);
	sd_event_unref(d->event);
	if (d->lock >= 0)
		close(d->lock);
}

struct running {
	struct daemon d;
	const struct options *options;
};

static int on_stop(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	struct running *r = arg;

	(void)s;
	log_info("stopping on signal %u; the data path stays", si->ssi_signo);
	sd_notify(0, "STOPPING=1");
	return sd_event_exit(r->d.event, 0);
}

/* What a running daemon cannot change about itself stays, and is named. */
static void keep_identity(const struct hostconf *old, struct hostconf *next)
{
	const struct {
		const char *name;
		const char *old;
		char *next;
		size_t size;
	} fixed[] = {
		{ "host", old->host, next->host, sizeof(next->host) },
		{ "socket", old->socket, next->socket, sizeof(next->socket) },
		{ "state", old->state, next->state, sizeof(next->state) },
		{ "pin_dir", old->pin_dir, next->pin_dir, sizeof(next->pin_dir) },
		{ "cgroup_root", old->cgroup_root, next->cgroup_root, sizeof(next->cgroup_root) },
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (!strcmp(fixed[i].old, fixed[i].next))
			continue;
		log_warn("configuration: %s changes only with a restart", fixed[i].name);
		memcpy(fixed[i].next, fixed[i].old, fixed[i].size);
	}
	if (old->bpf != next->bpf) {
		log_warn("configuration: bpf changes only with a restart");
		next->bpf = old->bpf;
	}
}

static int on_hup(sd_event_source *s, const struct signalfd_siginfo *si, void *arg)
{
	struct running *r = arg;
	struct hostconf next;
	struct dmsc_error err;

	(void)s, (void)si;
	if (load_conf(r->options, &next, &err)) {
		log_err("configuration: %s; the old one stays", err.text);
		return 0;
	}
	keep_identity(&r->d.conf, &next);
	r->d.conf = next;
	log_info("configuration read again");
	if (!next.queues)
		queuectl_close(&r->d);
	if (apply_stored(&r->d) == -EBUSY)
		log_warn("configuration: an apply is under way; what changed takes effect with the next");
	return 0;
}

static int add_signals(struct running *r)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	sigset_t mask;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&mask);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&mask, signals[i]);
	if (sigprocmask(SIG_BLOCK, &mask, NULL))
		return -errno;
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
		int ret = sd_event_add_signal(r->d.event, NULL, signals[i],
					      signals[i] == SIGHUP ? on_hup : on_stop, r);

		if (ret < 0)
			return ret;
	}
	return 0;
}

/*
 * Into the background: the parent waits for a byte that says the daemon serves.
 * Returns the pipe's end to write it to, or does not return (parent).
 */
static int go_background(void)
{
	int fds[2], status;
	pid_t pid;
	char ok;

	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (pid < 0)
		return -errno;
	if (pid) {
		close(fds[1]);
		if (read(fds[0], &ok, 1) == 1)
			_exit(0);
		_exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) :
									     1);
	}
	close(fds[0]);
	setsid();
	return fds[1];
}

static void tell_ready(int pipe)
{
	int null;

	sd_notify(0, "READY=1");
	if (pipe < 0)
		return;
	log_background();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 || chdir("/") ||
	    write(pipe, "", 1) != 1)
		log_warn("cannot leave the terminal: %s", strerror(errno));
	if (null > 2)
		close(null);
	close(pipe);
}

static int run(struct running *r, int pipe, struct dmsc_error *err)
{
	struct daemon *d = &r->d;
	int ret;

	ret = open_all(d, err);
	if (!ret && add_signals(r) < 0)
		ret = dmsc_fail(err, -EIO, "cannot watch signals");
	if (!ret)
		ret = watch_start(d, err);
	if (!ret)
		ret = rhythm_start(d, err);
	if (ret)
		return ret;
	if (datapath_is_pinned(d) && datapath_open(d))
		log_warn("bpf: %s", d->dp_why.text);
	apply_recover(d);
	ret = control_start(d, err);
	if (ret)
		return ret;
	sd_event_set_watchdog(d->event, true);
	if (apply_stored(d))
		log_err("the stored plan is not in force: %s", d->plan_why.text);
	log_info("%s: serving %s, generation %u", d->conf.host, d->conf.socket,
		 datapath_generation(d));
	tell_ready(pipe);
	ret = sd_event_loop(d->event);
	return ret < 0 ? dmsc_fail(err, ret, "event loop: %s", strerror(-ret)) : 0;
}

static int flush(struct daemon *d, struct dmsc_error *err)
{
	int ret = open_all(d, err);

	return ret ? ret : datapath_remove(d, err);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {
		options,
		on_option,
		NULL,
		"Classifies, steers and schedules the traffic of training jobs on this host.\v"
		"SIGTERM ends the daemon and leaves the data path at work; --flush removes it. "
		"SIGHUP reads the configuration again.",
		NULL,
		NULL,
		NULL
	};
	struct options o = { 0 };
	struct running r = { .d = { .lock = -1 }, .options = &o };
	struct dmsc_error err = { "" };
	int ret, pipe = -1;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, 0, NULL, &o);
	log_open("dmscd", o.verbose ? LOG_DEBUG : LOG_INFO);
	ret = load_conf(&o, &r.d.conf, &err);
	if (ret || o.check) {
		if (ret)
			fprintf(stderr, "dmscd: %s\n", err.text);
		else
			printf("configuration is good: host %s, profile %s\n", r.d.conf.host,
			       r.d.conf.profile.name);
		return ret ? 2 : 0;
	}
	r.d.started = time(NULL);
	if (!o.foreground && !o.flush && !getenv("NOTIFY_SOCKET")) {
		pipe = go_background();
		if (pipe < 0) {
			fprintf(stderr, "dmscd: cannot fork: %s\n", strerror(-pipe));
			return 1;
		}
	}
	ret = o.flush ? flush(&r.d, &err) : run(&r, pipe, &err);
	if (ret)
		log_err("%s", err.text);
	close_all(&r.d);
	return ret ? ret == -EINVAL ? 2 : 1 : 0;
}
