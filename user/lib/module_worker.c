// SPDX-License-Identifier: GPL-2.0-or-later
/* The process in which a module from a file lives. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "lib/module.h"

#define NOBODY	   65534
#define MEMORY_MAX (1ULL << 30)

static bool transfer(int fd, void *data, size_t size, bool out)
{
	char *p = data;
	ssize_t n;

	while (size) {
		n = out ? write(fd, p, size) : read(fd, p, size);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		p += n;
		size -= n;
	}
	return true;
}

/*
 * Nothing of the program is left to the module: no descriptor but the socket,
 * no privileges, no more memory than it needs, and no life after the program.
 */
static void confine(int fd)
{
	const struct rlimit memory = { MEMORY_MAX, MEMORY_MAX }, none = { 0, 0 };
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	/* What it prints is not the program's to say. */
	if (fd != 3 && (dup2(fd, 3) < 0))
		_exit(1);
	close_range(4, ~0U, 0);
	null = open("/dev/null", O_RDWR);
	for (int k = 0; k < 3; k++)
		dup2(null, k);
	if (null > 3)
		close(null);
	setrlimit(RLIMIT_AS, &memory);
	setrlimit(RLIMIT_CORE, &none);
	if (!geteuid() && (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
			   setresuid(NOBODY, NOBODY, NOBODY)))
		_exit(1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static const struct dmsc_module *load(const char *file, struct module_hello *hello)
{
	const struct dmsc_module *m;
	void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
	const char *why = library ? NULL : dlerror();

	if (!library) {
		snprintf(hello->error, sizeof(hello->error), "%s", why ? why : "cannot be loaded");
		return NULL;
	}
	m = dlsym(library, "dmsc_module");
	if (!m) {
		snprintf(hello->error, sizeof(hello->error), "exports no dmsc_module");
		return NULL;
	}
	if (m->version != DMSC_MODULE_VERSION) {
		snprintf(hello->error, sizeof(hello->error), "is of version %u, expected %u",
			 m->version, DMSC_MODULE_VERSION);
		return NULL;
	}
	if (m->size < sizeof(*m)) {
		snprintf(hello->error, sizeof(hello->error), "has size %u, expected at least %zu",
			 m->size, sizeof(*m));
		return NULL;
	}
	hello->has = (m->policy ? 1U << MODULE_POLICY : 0) | (m->path ? 1U << MODULE_PATH : 0) |
		     (m->predict ? 1U << MODULE_PREDICT : 0);
	snprintf(hello->name, sizeof(hello->name), "%s", m->name ? m->name : "unnamed");
	return m;
}

static void answer(const struct dmsc_module *m, const struct module_head *head, const void *data,
		   struct module_answer *out)
{
	switch (head->question) {
	case MODULE_POLICY:
		out->status = m->policy(data, &out->importance);
		break;
	case MODULE_PATH:
		out->status =
			m->path(data, head->length / sizeof(struct dmsc_module_way), &out->choice);
		break;
	case MODULE_PREDICT:
		out->status = m->predict(data, head->length / sizeof(double), &out->next);
		break;
	default:
		_exit(1);
	}
}

void module_work(const char *file, int fd)
{
	static union {
		double values[MODULE_VALUES_MAX];
		struct dmsc_module_way ways[MODULE_WAYS_MAX];
		struct dmsc_module_flow flow;
	} data;
	struct module_head head = { MODULE_HELLO, sizeof(struct module_hello) };
	struct module_hello hello = { .has = 0 };
	const struct dmsc_module *m;

	confine(fd);
	fd = 3;
	m = load(file, &hello);
	if (!transfer(fd, &head, sizeof(head), true) || !transfer(fd, &hello, sizeof(hello), true))
		_exit(1);
	while (m && transfer(fd, &head, sizeof(head), false)) {
		struct module_answer out = { .status = -1 };

		if (head.length > sizeof(data) || !transfer(fd, &data, head.length, false))
			break;
		answer(m, &head, &data, &out);
		head.length = sizeof(out);
		if (!transfer(fd, &head, sizeof(head), true) ||
		    !transfer(fd, &out, sizeof(out), true))
			break;
	}
	_exit(0);
}
