/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A frame as an independent reader sees it: just enough to say what must have become of it. Shares
 * nothing with the program's own parsing.
 */
#ifndef POISE_FUZZ_VIEW_H
#define POISE_FUZZ_VIEW_H

#include <stdbool.h>
#include <stdint.h>

enum {
	VIEW_TTL4 = 8, /* offsets in IP headers */
	VIEW_CHECKSUM4 = 10,
	VIEW_HOPS6 = 7,
};

struct view {
	const uint8_t *frame;
	uint32_t frame_bytes;
	uint32_t l3;			     /* where the IP header begins */
	uint8_t family;			     /* 4 or 6; 0: no IP header that is whole */
	uint8_t protocol;		     /* IPv4's protocol, IPv6's next header */
	uint32_t length;		     /* of the IP packet, as it says */
	uint32_t header;		     /* bytes of the IP header, without extension headers */
	bool whole;			     /* both fit the frame and one another */
	bool fragment;			     /* IPv4: offset or more fragments */
	const uint8_t *source, *destination; /* addresses, 4 or 16 bytes */
	uint8_t address_bytes;
};

/* Steps over at most two VLAN tags. */
struct view view_read(const uint8_t *frame, uint32_t frame_bytes);

uint16_t view_get16(const uint8_t *at);
/* The ones' complement sum of RFC 1071 over bytes, added to sum, folded. */
uint16_t view_sum(const uint8_t *bytes, uint32_t length, uint32_t sum);
/* Of the pseudo header (RFC 8200, 8.1; RFC 793). */
uint16_t view_pseudo_sum(const struct view *view, uint8_t protocol, uint32_t bytes);
/* Is the IPv4 header's checksum right? True for IPv6. */
bool view_header_right(const struct view *view);
/* Is the checksum of what follows the IP header, with the pseudo header, right? */
bool view_payload_right(const struct view *view);

#endif
