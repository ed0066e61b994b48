/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The envelope of the control protocol (docs/CONTROL.md): from a request's line to its answer's. */
#ifndef POISE_CONTROL_MESSAGE_H
#define POISE_CONTROL_MESSAGE_H

#include <stddef.h>

#include "control.h"

enum {
	CONTROL_MAX_DEPTH = 8, /* of brackets in a request */
	CONTROL_MAX_STRUCTURE =
		65536, /* brackets and commas in a request: bounds memory and time */
};

/* Who answers a request, and whose it is. */
struct control_dispatch {
	control_handler handler;
	void *context;
	const struct peer *peer;
};

/* Checks the request in line (length bytes without the newline), lets the handler answer it, and
 * returns the answer with its newline, to be free()d, of *answer_length bytes. NULL: no memory. */
char *control_message_answer(const char *line, size_t length,
			     const struct control_dispatch *dispatch, size_t *answer_length);

/*
 * Opens an answer with a result, so that more members of that may follow, and then
 * CONTROL_MESSAGE_END: takes its end off, and puts a comma where it has members. Returns the length
 * that is left, no more than before; 0: it is a refusal, and stays as it is.
 */
size_t control_message_open(char *answer, size_t length);
#define CONTROL_MESSAGE_END "}}\n"

/* The same as control_message_answer() for a request that the transport refuses. */
char *control_message_refuse(const char *text, size_t *answer_length);

#endif
