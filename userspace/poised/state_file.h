/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The text of the state file: what was changed by command, as JSON. Reads no file, changes nothing.
 */
#ifndef POISE_STATE_FILE_H
#define POISE_STATE_FILE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

struct balancer;

enum {
	STATE_VERSION = 1,
	STATE_MAX_BYTES = 16 << 20,
	STATE_ERROR_BYTES = 320,
};

/* What was changed by command in one backend. */
struct state_change {
	char service[POISE_NAME_BYTES];
	struct config_backend backend; /* name, address, and what the flags below say */
	bool added;		       /* backend is all of it */
	bool removed;		       /* although it is declared */
	bool has_weight, has_drain;    /* were set */
};

struct state_changes {
	uint64_t generation; /* counts the changes */
	struct state_change *list;
	size_t count;
};

/* 0, and then state_changes_clear() releases what out holds; with error written -EPROTO for a file
 * of a later version, -EINVAL for what is no state file; -ENOMEM. */
int state_parse(const char *text, size_t length, struct state_changes *out,
		char error[STATE_ERROR_BYTES]);
void state_changes_clear(struct state_changes *changes);

/* The changes that are in force, a JSON array; NULL: no memory. */
json_t *state_collect(const struct balancer *balancer);

/* The whole file around them (borrowed); to be freed. NULL: no memory. */
char *state_format(json_t *changes, uint64_t generation);

#endif
