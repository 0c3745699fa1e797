/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How dmscctl talks to dmscd: a unix stream socket, one JSON object a line in
 * each direction. A request has "cmd"; an answer has "ok", and "error" and
 * "code" ("EINVAL" for bad input) when that is false. doc/man/dmscd.8 lists
 * the requests.
 */
#ifndef DMSC_LIB_IPC_H
#define DMSC_LIB_IPC_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "lib/error.h"

#define IPC_MAX_LINE (64U << 20) /* bytes; plans are the long ones */

/* Bytes of a stream, cut into lines. Zeroed: empty. */
struct ipc_buf {
	char *data;
	size_t start, end, cap;
	size_t scanned; /* no newline in data[start .. scanned) */
};

void ipc_buf_free(struct ipc_buf *b);

/** ipc_buf_add - append; -EMSGSIZE when a line grows beyond IPC_MAX_LINE, -ENOMEM */
int ipc_buf_add(struct ipc_buf *b, const void *data, size_t len);

/**
 * ipc_buf_line - the next whole line, without its newline, NUL-terminated
 *
 * Valid until the next call on @b. NULL: none yet.
 */
char *ipc_buf_line(struct ipc_buf *b, size_t *len);

/** ipc_buf_size - memory held, in bytes */
static inline size_t ipc_buf_size(const struct ipc_buf *b)
{
	return b->cap;
}

struct ipc_client {
	int fd;
	struct ipc_buf in;
};

/** ipc_connect - -ECONNREFUSED or -ENOENT: nobody listens there */
int ipc_connect(struct ipc_client *c, const char *socket, struct dmsc_error *err);
void ipc_disconnect(struct ipc_client *c);

/**
 * ipc_send - one object as a line
 * @timeout_ms: how long the peer may take to accept it all
 */
int ipc_send(struct ipc_client *c, const json_t *msg, int timeout_ms, struct dmsc_error *err);

/**
 * ipc_receive - the next object
 * @timeout_ms: -1 for ever; -ETIMEDOUT
 *
 * Returns 0 with a new reference in *msg, -ECONNRESET when the peer closed,
 * -EPROTO when it sent no JSON object.
 */
int ipc_receive(struct ipc_client *c, json_t **msg, int timeout_ms, struct dmsc_error *err);

/**
 * ipc_call - send @req (stolen) and wait for its answer
 *
 * An answer that is not "ok" becomes the negative errno of its "code", -EIO
 * when it has none, with its text in @err.
 */
int ipc_call(struct ipc_client *c, json_t *req, json_t **answer, int timeout_ms,
	     struct dmsc_error *err);

/* "EINVAL" for -EINVAL and so on, NULL for an errno that never travels. */
const char *ipc_code(int err);
int ipc_errno(const char *code);

#endif /* DMSC_LIB_IPC_H */
