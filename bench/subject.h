/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Poise as it is measured: the real program with services and backends, set up through the modules
 * that poised uses. Each subject has maps of its own.
 */
#ifndef POISE_BENCH_SUBJECT_H
#define POISE_BENCH_SUBJECT_H

#include <stdint.h>

#include "poise_abi.h"

enum { SUBJECT_BACKENDS = 100, SUBJECT_SLOTS = 65537 };

struct subject;

/* What leads to the services. */
enum subject_match {
	SUBJECT_EXACT,	/* an address and a port each */
	SUBJECT_RANGE,	/* one address, a range of ports */
	SUBJECT_PREFIX, /* a prefix, one port */
};

struct subject_options {
	uint8_t family;		/* of the services: 4 or 6 */
	uint8_t tunnel;		/* family of the backends; 0: the services' */
	uint8_t encapsulation;	/* enum poise_encapsulation */
	uint8_t protocol;	/* 0: TCP */
	uint8_t match;		/* enum subject_match */
	uint8_t scheduler;	/* enum poise_scheduler */
	uint32_t service_flags; /* enum poise_service_flags */
	uint32_t services;	/* exact ones, of the same backends, each with a ring; 0: 1 */
	uint32_t flow_entries;	/* of recorded flows; 0: as few as can be */
};

/* What Poise counted so far. */
struct subject_count {
	uint64_t sent;
	uint64_t reasons[POISE_REASON_COUNT];
	uint64_t events[POISE_EVENT_COUNT];
};

/* Loads Poise with settled rings; backends are reached through the interface ifindex. 0 or a
 * negative errno with the reason on stderr. */
int subject_new(const struct subject_options *options, uint32_t ifindex, struct subject **out);
void subject_free(struct subject *subject); /* takes NULL */
int subject_program_fd(const struct subject *subject);

/* Gives every slot of the first service a new owner. 0, or -EINVAL when a slot kept its own. */
int subject_move(struct subject *subject);

void subject_count(struct subject *subject, struct subject_count *out);

#endif
