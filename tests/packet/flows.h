/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The table of recorded flows, counts of active ones, and schedules, as tests see and fill them. */
#ifndef POISE_TEST_FLOWS_H
#define POISE_TEST_FLOWS_H

#include "exceptions.h"

/* A service on port 80 that records every flow. protocol: IPPROTO_TCP or IPPROTO_UDP; family: 4 or
 * 6. Publishes it in place of the fixture's one, with schedule, which may be NULL. */
struct poise_service flows_service(uint8_t scheduler, uint16_t idle_ticks,
				   const struct extent *schedule);
void flows_publish(struct fixture *fixture, int family, uint8_t protocol,
		   const struct poise_service *service);

/* A schedule of size slots, which hold the backends over and over. */
struct extent flows_schedule(const struct fixture *fixture, uint32_t size, const uint16_t *backends,
			     size_t count);
void flows_fill(const struct fixture *fixture, const struct extent *schedule,
		const uint16_t *backends, size_t count);
/* The next slot of a service's schedule. */
uint32_t *flows_cursor(const struct fixture *fixture, uint32_t service);

/* Empties the table and sets all counts to 0. */
void flows_clear(const struct fixture *fixture);
uint64_t flows_hash(const struct fixture *fixture, const struct packet *packet);
struct poise_exception_bucket *flows_bucket(const struct fixture *fixture, uint64_t hash);
/* The words in use; only: the last of them. */
size_t flows_count(const struct fixture *fixture, uint64_t *only);

/* Makes the counts of active flows those of the table. */
void flows_set_loads(const struct fixture *fixture);
/* Whether they are; if not, notes which are not. */
bool flows_loads_hold(const struct fixture *fixture, const char *name);

#endif
