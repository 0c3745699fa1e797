/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of a daemon: to the journal with its fields when systemd started
 * the program, else to stderr. One line a message.
 */
#ifndef DMSC_LIB_LOG_H
#define DMSC_LIB_LOG_H

#include <syslog.h>

/**
 * log_open - choose where messages go
 * @ident: name in front of every line; must outlive the program's use of it
 * @level: LOG_ERR .. LOG_DEBUG; what is less important is dropped
 */
void log_open(const char *ident, int level);

/** log_background - from now on to syslog, unless the journal reads our stderr */
void log_background(void);

void log_msg(int level, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#define log_err(...)   log_msg(LOG_ERR, __VA_ARGS__)
#define log_warn(...)  log_msg(LOG_WARNING, __VA_ARGS__)
#define log_info(...)  log_msg(LOG_INFO, __VA_ARGS__)
#define log_debug(...) log_msg(LOG_DEBUG, __VA_ARGS__)

#endif /* DMSC_LIB_LOG_H */
