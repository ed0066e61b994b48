/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Packets in fragments, what becomes of these, and the table that remembers the first ones. */
#ifndef POISE_TEST_FRAGMENTS_H
#define POISE_TEST_FRAGMENTS_H

#include "fate.h"

#define SECOND_NS	 1000000000ULL
#define FRAGMENT_LONG_NS (3600 * SECOND_NS) /* the time limit, if no test sets another */

enum {
	PART_BYTES = 64, /* of each fragment */
	PARTS = 3,
	FRAGMENT_KINDS = 4,
};

struct fragment_kind {
	int family;
	uint8_t protocol;
	const char *name;
};

enum { TCP4, UDP4, TCP6, UDP6 };
extern const struct fragment_kind fragment_kinds[FRAGMENT_KINDS];

/* A packet for the service, a SYN if it is TCP, and its fragment with this number, from 0 on. */
struct packet fragment_whole(const struct fragment_kind *kind);
struct packet fragment_part(const struct packet *whole, size_t number);

/* Empties the table, sets the default time limit and no flags, gives every slot to the backend. */
void fragments_begin(struct fixture *fixture, uint16_t backend);
size_t fragments_count(const struct fixture *fixture);
/* Makes the only entry as old as this. */
void fragments_age(const struct fixture *fixture, uint64_t age_ns);
uint64_t fragment_clock_ns(void); /* the coarse one */

/* Whether a fragment goes to the backend: the first one, or a later one of whole; or is dropped as
 * too early. */
bool fragment_first_goes(const struct fixture *fixture, const struct packet *first,
			 uint16_t backend);
bool fragment_follows(const struct fixture *fixture, const struct packet *later,
		      const struct packet *whole, uint16_t backend);
bool fragment_is_early(const struct fixture *fixture, const struct packet *later);

#endif
