/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands of the control socket, as docs/CONTROL.md describes them. */
#ifndef POISE_COMMANDS_H
#define POISE_COMMANDS_H

#include <jansson.h>

struct control_error;
struct peer;

/* A control_handler; context is the struct daemon. */
json_t *commands_handle(void *context, const struct peer *peer, const char *command,
			json_t *arguments, struct control_error *error);

#endif
