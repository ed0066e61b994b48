/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a backend's health, way, drain and weight add up to: whether connections may go to it, new
 * ones or those that it has, and with what weight; together with damping, slow start, and what is
 * decided for its service as a whole. The clock and the facts are the caller's.
 */
#ifndef POISE_STANDING_H
#define POISE_STANDING_H

#include "damping.h"
#include "slow_start.h"

/* What is so, by configuration, command, and observation. */
struct standing_facts {
	bool active; /* not removed */
	bool drained;
	bool reachable; /* its next hop is known */
	bool passing;	/* its check's state is up */
	bool known;	/* enough was heard to say whether it is up */
	uint16_t weight;
};

/* A service's configuration. */
struct standing_rules {
	bool damping;
	uint8_t panic_threshold; /* percent */
	uint32_t slow_start_ms;
};

/* What is remembered of a backend. */
struct standing {
	struct damping damping;
	struct slow_start slow_start;
	bool eligible; /* by the last standing_decide() */
};

/* Of those backends of a service that could take new connections if they were up. */
struct standing_tally {
	uint32_t members;
	uint32_t up;   /* and not held down */
	uint32_t held; /* would be up if they were not held down */
};

/* What is so for all backends of a service. */
struct standing_verdict {
	bool unheld; /* none is held down: there are too few others */
	bool panic;  /* all are used that have a next hop */
};

void standing_count(struct standing_tally *tally, const struct standing_facts *facts,
		    const struct standing *standing);
struct standing_verdict standing_judge(const struct standing_tally *tally,
				       const struct standing_rules *rules);

/* Its check's state changed from up to down. Returns whether that made it held down. */
bool standing_fell(struct standing *standing, const struct standing_facts *facts,
		   const struct standing_rules *rules, int64_t now_ms);

/* New connections may go to it. */
bool standing_eligible(const struct standing_facts *facts, const struct standing *standing,
		       struct standing_verdict verdict);
/* Packets of its connections may go to it. */
bool standing_live(const struct standing_facts *facts, struct standing_verdict verdict);
/* Neither its check, nor its way, nor damping speaks against it. */
bool standing_up(const struct standing_facts *facts, const struct standing *standing,
		 struct standing_verdict verdict);

/* Takes note of whether it is eligible, and begins or ends its slow start by that; serving: whether
 * the service had backends before, so that there is something to be slow beside. Returns whether it
 * is another than before. */
bool standing_decide(struct standing *standing, const struct standing_facts *facts,
		     struct standing_verdict verdict, const struct standing_rules *rules,
		     bool serving, int64_t now_ms);

/* Of its own weight what counts now. */
uint16_t standing_weight(const struct standing_facts *facts, const struct standing *standing,
			 uint32_t slow_start_ms, int64_t now_ms);

#endif
