// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <systemd/sd-journal.h>

static const char *log_ident = "dmsc";
static int log_level = LOG_INFO;
static bool log_journal, log_syslog;

/* $JOURNAL_STREAM names the device and inode of the journal's stream; whoever redirected
 * stderr elsewhere wants the lines there.
 */
static bool stderr_is_journal(void)
{
	const char *env = getenv("JOURNAL_STREAM");
	uintmax_t dev, ino;
	struct stat st;

	if (!env || sscanf(env, "%ju:%ju", &dev, &ino) != 2 || fstat(STDERR_FILENO, &st))
		return false;
	return st.st_dev == (dev_t)dev && st.st_ino == (ino_t)ino;
}

void log_open(const char *ident, int level)
{
	log_ident = ident;
	log_level = level;
	log_journal = stderr_is_journal();
}

void log_background(void)
{
	openlog(log_ident, LOG_PID, LOG_DAEMON);
	log_syslog = true;
}

void log_msg(int level, const char *fmt, ...)
{
	static const char *const names[] = {
		"emerg", "alert", "critical", "error", "warning", "notice", "info", "debug",
	};
	char line[1024];
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	for (char *p = line; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	if (log_journal)
		sd_journal_send("MESSAGE=%s", line, "PRIORITY=%i", level, "SYSLOG_IDENTIFIER=%s",
				log_ident, NULL);
	else if (log_syslog)
		syslog(level, "%s", line);
	else
		fprintf(stderr, "%s: %s: %s\n", log_ident, names[level & 7], line);
}
