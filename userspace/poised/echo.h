/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Echo requests (RFC 792, RFC 4443) of a given size that must not be fragmented, through the tunnel
 * to a backend, and their answers. One raw socket an IP version for all of them, opened when it is
 * needed; who answers must repeat 64 random bits.
 */
#ifndef POISE_ECHO_H
#define POISE_ECHO_H

struct check_target;
struct check_way;
struct echo;   /* a request that is not answered so far */
struct echoes; /* all of them */
struct event_base;

/* Called from the event loop when the answer came, whole; the echo is freed then. */
typedef void (*echo_answered)(void *context);

/* 0 or -ENOMEM. */
int echoes_new(struct event_base *base, struct echoes **out);
void echoes_free(struct echoes *echoes); /* every echo must have been cancelled; takes NULL */

/* Sends an IP packet of way->mtu bytes to the target. 0 with *out, to be cancelled unless it is
 * answered; or a negative errno. */
int echo_send(struct echoes *echoes, const struct check_target *target, const struct check_way *way,
	      echo_answered answered, void *context, struct echo **out);
void echo_cancel(struct echo *echo); /* takes NULL */

#endif
