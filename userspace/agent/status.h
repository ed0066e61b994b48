/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is attached to an interface, what it does, and what is wrong with the host for it. */
#ifndef POISE_AGENT_STATUS_H
#define POISE_AGENT_STATUS_H

#include <jansson.h>
#include <stdint.h>

#include "attachment.h"
#include "maps.h"
#include "preflight.h"

struct status {
	const char *interface;
	struct attachment attachment;
	uint32_t abi_version;
	struct maps_content content; /* empty when the version is another one */
	struct findings findings;    /* likewise */
};

/* status_free() releases what it holds, on an error, too. 0 or a negative errno. */
int status_read(const char *interface, unsigned int ifindex, struct status *status);
void status_free(struct status *status);

/* A new object: docs/poise-agent.8, status. NULL: out of memory. */
json_t *status_to_json(const struct status *status);

#endif
