/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What this backend says of itself to agent checks: its weight by the host's load, or drain. */
#ifndef POISE_AGENT_HEALTH_H
#define POISE_AGENT_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

enum { HEALTH_LINE_BYTES = 32 };

struct health {
	double load_target;	/* of load_weight() */
	const char *drain_file; /* while it is there: drain; NULL: none */
	bool stopping;		/* drain */
	uint16_t said;		/* the weight that was said last, in percent; 0: none */
	char line[HEALTH_LINE_BYTES];
};

/* The line for whoever asks now; a responder_line. */
const char *health_line(void *health);

#endif
