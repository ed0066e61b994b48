/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ICMP errors for the fixture's services, the packets that they quote, and what becomes of them. */
#ifndef POISE_TEST_ERRORS_H
#define POISE_TEST_ERRORS_H

#include "fate.h"

#define ERROR_ROUTER4 "192.0.2.1" /* where the errors come from */
#define ERROR_ROUTER6 "2001:db8:9::1"

enum {
	QUOTED_BYTES = 8, /* of the transport header, as RFC 792 promises */
	PORTS_BYTES = 4,
	NEXT_MTU = 1400, /* the 'rest' of most errors; nobody looks at it */
	UNREACHABLE = 3, /* types */
	UNREACHABLE6 = 1,
	FRAGMENTATION_NEEDED = 4, /* a code */
};

/* A packet of the flow as it comes from the client; protocol: IPPROTO_TCP or IPPROTO_UDP. */
struct packet error_flow(int family, uint8_t protocol);

/* The IP header of what a backend sends to the client, and whole packets of it. */
struct layer error_service_ip(int family);
struct packet error_answer_from(struct layer ip, uint8_t protocol);
struct packet error_answer(int family, uint8_t protocol);

/* Bytes of a quote that ends behind so many of the transport header. */
size_t error_quoted_bytes(const struct packet *quoted, size_t transport_bytes);

/* An error with the first bytes of quoted. */
struct packet error_of_type(int family, uint8_t type, uint8_t code, const struct packet *quoted,
			    size_t bytes);
/* 'fragmentation needed', or 'packet too big'. */
struct packet error_too_big(const struct packet *quoted, size_t bytes);

/* Whether the error goes to the backend, as a packet of the flow. */
bool error_follows(const struct fixture *fixture, const char *name, const struct packet *in,
		   const struct packet *flow, uint16_t backend);
/* Whether it ends otherwise. */
bool error_ends(const struct fixture *fixture, const char *name, const struct packet *in,
		int verdict, enum poise_reason reason);
bool error_passed(const struct fixture *fixture, const char *name, const struct packet *in);
bool error_malformed(const struct fixture *fixture, const char *name, const struct packet *in);

#endif
