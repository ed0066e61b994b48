/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which backends take connections, beyond what is known of each by itself: damping, panic and slow
 * start (standing.h has the rules). Decides, tells, and remembers; the data plane is
 * balancer_commit()'s.
 */
#ifndef POISE_AVAILABILITY_H
#define POISE_AVAILABILITY_H

#include <stdbool.h>
#include <stdint.h>

#include "history.h"

struct backend;
struct balancer;
struct poise_backend_record;
struct service;

enum {
	AVAILABILITY_TEXT_BYTES = 160,
	AVAILABILITY_ADOPTED_MS =
		1000 * 1000, /* slow start of a service whose own is not known yet */
};

/* The state of the backend's check changed; up: to that. */
void availability_health(struct backend *backend, bool up);
/* Decides for every service of which something changed. */
void availability_decide(struct balancer *balancer);
/* What time alone changes; twice a second. */
void availability_tick(struct balancer *balancer);
/* After a reload changed the service's slow start. */
void availability_set_slow_start(struct service *service, uint32_t before_ms);
/* An operator vouches for the backend: its penalty is forgotten. Returns whether it was held down.
 */
bool availability_release(struct backend *backend);

/* What of it survives a restart. */
void availability_store(const struct backend *backend, struct poise_backend_record *record);
void availability_restore(struct backend *backend, const struct poise_backend_record *record);

/* Adds to what 'poise backend show' tells of the past. */
void availability_note(struct backend *backend, enum history_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* "5 changes within 2m, until 12:03:10", of a backend that is held down. */
const char *availability_hold_text(const struct backend *backend,
				   char text[AVAILABILITY_TEXT_BYTES]);
/* Unix seconds; 0: it is not held down. */
int64_t availability_held_until(const struct backend *backend);

#endif
