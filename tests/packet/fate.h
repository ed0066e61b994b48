/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One packet's fate: verdict, every byte that comes out, and what every counter does. */
#ifndef POISE_TEST_FATE_H
#define POISE_TEST_FATE_H

#include "fixture.h"

struct counts {
	uint64_t reasons[POISE_REASON_COUNT];
	uint64_t events[POISE_EVENT_COUNT];
	struct poise_service_count services[SERVICE_COUNT];
	struct poise_backend_count backends[BACKEND_COUNT];
};

struct counts counts_read(const struct fixture *fixture);
/* Whether the counters now are those expected; if not, notes which are not. */
bool counts_equal(const struct fixture *fixture, const char *name, const struct counts *expected);

/* What a packet is expected to do. */
struct fate {
	const char *name;
	struct packet in;
	uint16_t backend; /* where it goes, if it is sent */
	int verdict;
	enum poise_reason reason;
	uint64_t events[POISE_EVENT_COUNT]; /* how often each happens */
	uint32_t service;		    /* that counts a packet sent; 0: fixture_service() */
	const struct packet *flow; /* the packet that it follows: its ports and hash are the flow's;
				    * NULL: it has ports itself */
	uint16_t hops[2];	   /* that the chain names; NOBODY: none */
	const struct packet *out;  /* what must come out of an answer or of other ways to send;
				    * NULL: what fate_holds() says */
};

/* A fate without events. */
struct fate fate_of(const char *name, struct packet in, uint16_t backend, int verdict,
		    enum poise_reason reason);

/* A fate without events, of a packet that the router hands to the balancer: FATE(name, backend,
 * XDP_*, reason without its prefix, layers...). */
#define FATE(name_, backend_, verdict_, reason_, ...)                                              \
	((struct fate){ .name = (name_),                                                           \
			.in = PKT(eth(ROUTER_MAC, EDGE_MAC), __VA_ARGS__),                         \
			.backend = (backend_),                                                     \
			.verdict = (verdict_),                                                     \
			.reason = POISE_REASON_##reason_ })

/* Runs the packet and compares. Without 'out', packets sent to a backend must come out as
 * fixture_encapsulated() says, passed ones as they went in. */
bool fate_holds(const struct fixture *fixture, const struct fate *fate);

/* Makes fate->backend the settled owner of every slot, then checks the fate as one TAP test. */
void fate_test(struct fixture *fixture, const struct fate *fate);

#endif
