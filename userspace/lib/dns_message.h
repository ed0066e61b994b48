/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One question to a DNS server, and whether something is its answer (RFC 1035, 4.1). Pure. */
#ifndef POISE_DNS_MESSAGE_H
#define POISE_DNS_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_QUERY_BYTES = 12 + 255 + 4, /* header, name, type and class */
	DNS_FOREIGN = -1,
	DNS_RCODE_BYTES = sizeof("rcode 255"),
};

/* A query for name, as config_is_dns_name() wants it, of class IN, with recursion desired. Returns
 * its length; its id is 0. */
size_t dns_query_write(const char *name, uint16_t type, uint8_t out[DNS_QUERY_BYTES]);
void dns_query_set_id(uint8_t query[DNS_QUERY_BYTES], uint16_t id);

/* The answer's code, 0 to 15; or DNS_FOREIGN: it is no answer to this query. */
int dns_answer_rcode(const uint8_t *query, size_t query_length, const uint8_t *answer,
		     size_t length);

/* Of an answer that has a code: it did not fit a datagram, and TCP has the whole (RFC 7766, 5). */
bool dns_answer_truncated(const uint8_t *answer);

/* "NXDOMAIN", or "rcode 11" for one without a name. */
const char *dns_rcode_text(unsigned rcode, char out[DNS_RCODE_BYTES]);

#endif
