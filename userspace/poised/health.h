/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Health checks: when each backend's check runs, and what its results add up to (rise, fall). The
 * kinds of checks are in check_*.c; knows nothing of rings or BPF maps.
 */
#ifndef POISE_HEALTH_H
#define POISE_HEALTH_H

#include <stdbool.h>
#include <stdint.h>

#include "address.h"
#include "config.h"
#include "health_state.h"

struct check_target;
struct event_base;
struct healths; /* all of them */
struct health;	/* one backend's */

enum {
	HEALTH_ERROR_BYTES = 160,
	HEALTH_CROWD = 128, /* checks under way; beyond, those that would start late give way */
};

struct health_status {
	enum health_state state;
	enum health_state before;  /* the last change of state */
	struct health_row row;	   /* of the last results */
	uint64_t checks, failures; /* ever */
	uint32_t last_duration_ms; /* of the last check */
	int64_t changed_at;	   /* Unix seconds of the last change of state; 0 never */
	int64_t checked_at;	   /* Unix seconds of the last result; 0 never */
	/* of the last failure, kept until 'rise' passed; "" none. Also why a check could not be run
	 * here ("not checked: ..."), which counts neither as passed nor as failed. */
	char error[HEALTH_ERROR_BYTES];
	/* of the last check that passed: why it will not pass for ever; "" nothing */
	char warning[HEALTH_ERROR_BYTES];
};

/* Called when the state changes, from the event loop, never from within health_new(). It may free
 * any health, the one that it is called for included, and make new ones; healths_free() it may not
 * call. status is that of health_get(). */
typedef void (*health_changed)(void *context, const struct health_status *status);

/* Called when a check passed with a warning, or could not be run for the second time in a row; each
 * at most once a day for each health, the latter anew after checks that ran. It frees none. */
typedef void (*health_warned)(void *context, const struct health_status *status, bool ran);

/* 0 or a negative errno. The times of checks are random, and differ from process to process. */
int healths_new(struct event_base *base, struct healths **out);
void healths_free(struct healths *healths); /* takes NULL; every health must be freed before */

/*
 * Begins to check target as check says (both copied). initial is the state to begin with: from
 * UNKNOWN the first result decides at once, whatever rise and fall are. With CHECK_NONE the state
 * becomes UP from the event loop and stays it. First checks of backends that are UNKNOWN run at
 * once (2000 each 100 ms); all others are spread over the interval. NULL on an error, with errno
 * set.
 */
struct health *health_new(struct healths *healths, const struct check_target *target,
			  const struct config_check *check, enum health_state initial,
			  health_changed changed, void *context);
void health_set_warned(struct health *health,
		       health_warned warned); /* with health_new()'s context */
void health_free(struct health *health);      /* cancels what is under way; takes NULL */
const struct health_status *health_get(const struct health *health);

#endif
