/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* IP addresses and prefixes as text and as bytes in network order. */
#ifndef POISE_ADDRESS_H
#define POISE_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { ADDRESS_TEXT_BYTES = 64 }; /* an address or prefix as text, with its final NUL */

struct address {
	uint8_t family;	   /* 4 or 6; 0: none */
	uint8_t bytes[16]; /* network order; IPv4 in the first four, the rest 0 */
};

struct prefix {
	struct address address; /* bits after length are 0 */
	uint8_t length;		/* bits, 0-32 or 0-128 */
};

/* Parses "192.0.2.1" or "2001:db8::1" (no zone, no brackets). 0 or -EINVAL. */
int address_parse(const char *text, struct address *out);

/* Parses an address (a prefix of full length) or ADDRESS/LENGTH.
 * 0, -EINVAL, or -ERANGE when bits after the length are set. */
int prefix_parse(const char *text, struct prefix *out);

/* Writes the canonical text (RFC 5952 for IPv6; a prefix of full length as an address; "none" for
 * family 0) into text; returns text. */
const char *address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);
const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT_BYTES]);

bool address_equal(const struct address *a, const struct address *b);

/* The address with all bits after length 0: the first of its prefix. Family 0 stays as it is. */
struct address address_mask(const struct address *address, unsigned int length);

/* Unicast and usable as a host's address: not unspecified (0.0.0.0/8), multicast, broadcast or
 * loopback; nor IPv6 link-local (it needs a zone) or IPv4-mapped. */
bool address_is_host(const struct address *address);

/* Fills a socket address (port in host order); returns its length, 0 for family 0. */
socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out);

#endif
