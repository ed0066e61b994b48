/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* An answer that goes on: lines of JSON that poised sends until one side ends it. */
#ifndef POISE_STREAM_H
#define POISE_STREAM_H

#include <jansson.h>
#include <stdbool.h>

#include "client.h"

struct stream;

/* Asks, as client_call() does; with EXIT_DONE *out is what follows the answer. */
int stream_open(const char *socket_path, const char *command, json_t *arguments,
		struct client_answer *answer, struct stream **out);
void stream_close(struct stream *stream); /* takes NULL */

/* Whether a line is there without waiting. */
bool stream_has_line(const struct stream *stream);
/* Waits for the next line. A new reference; NULL: the stream ended, or *why says what is wrong with
 * it. A signal that was caught ends the waiting like the stream. */
json_t *stream_next(struct stream *stream, const char **why);

#endif
