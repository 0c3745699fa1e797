/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which of its classes an application's socket belongs to. Link with
 * -ldmsc-tag (pkg-config dmsc-tag); needs nothing else of DMSC to build or run.
 */
#ifndef DMSC_TAG_H
#define DMSC_TAG_H

#ifdef __cplusplus
extern "C" {
#endif

/* The same numbers as enum dmsc_class of <linux/dmsc.h>. */
enum dmsc_tag_class {
	DMSC_TAG_NONE = -1, /* no choice any more: the endpoint's class */
	DMSC_TAG_DEFAULT = 0,
	DMSC_TAG_BULK = 1,
	DMSC_TAG_DATA = 2,
	DMSC_TAG_PIPELINE = 3,
	DMSC_TAG_EXPERT = 4,
	DMSC_TAG_TENSOR = 5,
	DMSC_TAG_GATEWAY = 6,
	DMSC_TAG_CONTROL = 7,
};

/**
 * dmsc_tag - choose the class of the socket @fd from now on
 * @tag_class: enum dmsc_tag_class
 *
 * TCP or UDP, at any time: before connect() also the SYN has it; what a listener
 * has chosen holds for the connections that it accepts. Costs one system call.
 *
 * Returns 0, or -1 with errno: EINVAL, no class; EPERM, not among the classes of
 * this process's instance, nothing has changed; ESRCH, the process belongs to no
 * instance; ENOPROTOOPT, DMSC's data plane is not at work here (an application
 * may ignore this one); EBADF, ENOTSOCK.
 */
int dmsc_tag(int fd, int tag_class);

/** dmsc_tag_name - dmsc_tag() with a class's name, "tensor" and so on; EINVAL: unknown */
int dmsc_tag_name(int fd, const char *name);

#ifdef __cplusplus
}
#endif

#endif /* DMSC_TAG_H */
