/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What checks over UDP have in common: one datagram is sent, and answers of the same peer are
 * looked at. What they mean is a protocol's (check_udp.c, check_dns.c).
 */
#ifndef POISE_CHECK_DATAGRAM_H
#define POISE_CHECK_DATAGRAM_H

#include <netinet/in.h>

#include "check.h"

struct datagram;
struct event;

enum datagram_verdict {
	DATAGRAM_OPEN, /* it was no answer: on with the next one */
	DATAGRAM_PASSED,
	DATAGRAM_FAILED,
};

struct datagram_protocol {
	/* What to send, until the next check begins. */
	const uint8_t *(*question)(struct datagram *datagram, size_t *length);
	/* A datagram, of which no more than CHECK_DATAGRAM_BYTES are shown. */
	enum datagram_verdict (*arrived)(struct datagram *datagram, const uint8_t *data,
					 size_t length);
	void (*fail)(
		struct datagram *datagram); /* after DATAGRAM_FAILED: reports, by check_fail() */
	void (*destroy)(struct datagram *datagram); /* frees the whole, after datagram_cancel() */
};

enum { CHECK_DATAGRAM_BYTES = 4096, CHECK_DATAGRAM_MAX_FOREIGN = 100 };

/* The first member of a protocol's structure. */
struct datagram {
	struct check check;
	const struct datagram_protocol *protocol;
	struct event_base *base;
	struct check_target target;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	/* of the check under way: */
	struct event *event; /* NULL: none is */
	int fd, error;	     /* of sending, when it failed at once */
	unsigned foreign;    /* datagrams that were no answer */
};

void datagram_init(struct datagram *datagram, const struct datagram_protocol *protocol,
		   const struct check_env *env, const struct check_target *target,
		   const struct config_check *config);

/* Of struct check_kind. */
int datagram_start(struct check *check);
void datagram_expire(struct check *check);
void datagram_cancel(struct check *check);
void datagram_destroy(struct check *check);

#endif
