/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One line of an agent, as HAProxy's agent-check has it (HAProxy Configuration Manual, 5.2,
 * "agent-check"): words that say what is to change; what no word names stays as it was. Whoever
 * sent the line is not trusted.
 */
#ifndef POISE_AGENT_LINE_H
#define POISE_AGENT_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	AGENT_LINE_BYTES = 512, /* the longest line that is read, without its end */
	AGENT_REASON_BYTES = 96,
	AGENT_MAX_PERCENT = 1000,
};

enum agent_admin { AGENT_ADMIN_UNSAID, AGENT_READY, AGENT_DRAIN, AGENT_MAINT };
enum agent_health { AGENT_HEALTH_UNSAID, AGENT_UP, AGENT_DOWN };

struct agent_line {
	bool has_percent;
	uint16_t percent; /* of the weight, 0-1000 */
	enum agent_admin admin;
	enum agent_health health;
	const char *down_word;		 /* of AGENT_DOWN: "down", "fail" or "stopped" */
	char reason[AGENT_REASON_BYTES]; /* what follows '#', printable ASCII; "" nothing */
};

/*
 * text: the line without its end, need not end with NUL. Of words that contradict each other the
 * last one counts; unknown words and 'maxconn:' are skipped. 0, or -EINVAL when no word was one
 * that this protocol has.
 */
int agent_line_parse(const char *text, size_t length, struct agent_line *out);

/* What an agent's lines add up to. */
struct agent_state {
	uint16_t percent;	  /* of the weight */
	enum agent_admin admin;	  /* AGENT_READY, AGENT_DRAIN or AGENT_MAINT */
	enum agent_health health; /* AGENT_UP or AGENT_DOWN */
};

/* Before it said anything. */
#define AGENT_STATE_INIT                                                                           \
	{                                                                                          \
		.percent = 100, .admin = AGENT_READY, .health = AGENT_UP                           \
	}

/* Takes what the line says; whether that is another state than before. */
bool agent_state_apply(struct agent_state *state, const struct agent_line *line);

/* 0 only for a weight or a percentage of 0, else from 1 to POISE_MAX_WEIGHT. */
uint16_t agent_state_weight(const struct agent_state *state, uint16_t weight);

const char *agent_admin_text(enum agent_admin admin);	 /* "ready", "drain", "maint"; "" */
const char *agent_health_text(enum agent_health health); /* "up", "down"; "" */

#endif
