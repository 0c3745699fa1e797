/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Functional modules: policy analysis, path optimisation, prediction. Who asks
 * does not know who answers: the built-in module or one from a file. A module
 * from a file runs in a process of its own, without privileges. When it breaks,
 * answers nonsense or takes too long it is killed, the event function is told
 * once, and the built-in one answers from then on; so each question has an
 * answer, and no module can take the program down.
 */
#ifndef DMSC_LIB_MODULE_H
#define DMSC_LIB_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "lib/error.h"
#include "lib/module_api.h"

#define MODULE_DIR	  "/usr/lib/dmsc/modules"
#define MODULE_BUILTIN	  "builtin"
#define MODULE_LIMIT_MS	  100  /* for an answer */
#define MODULE_START_MS	  5000 /* to load */
#define MODULE_VALUES_MAX 4096 /* of a series; older ones are left out */
#define MODULE_WAYS_MAX	  256
#define MODULE_NAME_MAX	  256 /* of a name or path in a configuration */

struct module {
	const struct dmsc_module *builtin;
	char name[64]; /* of the module that answers: its own, or the built-in one's */
	pid_t pid;     /* of its process; 0: the built-in one answers */
	int fd;
	uint32_t limit_ms;
	uint32_t has; /* bit by question: the module answers it */
	void (*event)(void *arg, const char *text);
	void *arg;
};

/**
 * module_open - a module by name
 * @spec: "builtin" or NULL, a name (MODULE_DIR/NAME.so), or a path with a slash in it
 * @limit_ms: for an answer, 0: MODULE_LIMIT_MS
 * @event: told with one line when the module is cut off; may be NULL
 *
 * -EINVAL with a message when there is no such module, it cannot be loaded or
 * is of another version; then @m is the built-in one and can be used.
 */
int module_open(struct module *m, const struct dmsc_module *builtin, const char *spec,
		uint32_t limit_ms, void (*event)(void *arg, const char *text), void *arg,
		struct dmsc_error *err);
void module_close(struct module *m);

/* The questions; each always has an answer. @nr of ways: 1..MODULE_WAYS_MAX. */
void module_policy(struct module *m, const struct dmsc_module_flow *flow,
		   struct dmsc_module_importance *out);
uint32_t module_path(struct module *m, const struct dmsc_module_way *ways, uint32_t nr);
double module_predict(struct module *m, const double *values, uint32_t nr);

/* module_worker.c: loads @file and answers on @fd; the life of a module's process */
void module_work(const char *file, int fd) __attribute__((noreturn));

/* ---- between the two processes ---- */

enum module_question {
	MODULE_HELLO, /* from the process, once: struct module_hello */
	MODULE_POLICY,
	MODULE_PATH,
	MODULE_PREDICT,
	MODULE_NR_QUESTIONS,
};

struct module_head {
	uint32_t question;
	uint32_t length; /* of what follows, bytes */
};

struct module_hello {
	uint32_t has;
	char name[64];	 /* of the module */
	char error[192]; /* why it could not be loaded; empty: it was */
};

struct module_answer {
	int32_t status; /* 0, or the built-in one shall answer */
	uint32_t choice;
	double next;
	struct dmsc_module_importance importance;
};

#endif /* DMSC_LIB_MODULE_H */
