/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A writer of pcapng files (draft-ietf-opsawg-pcapng): one section, Ethernet interfaces with names,
 * packets with a comment, times in nanoseconds. Errors stay in the stream: see ferror(3).
 */
#ifndef POISE_PCAPNG_H
#define POISE_PCAPNG_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* The section's header; program: what made the file. */
void pcapng_begin(FILE *file, const char *program);
/* An interface; the first one has the number 0. snap: bytes of a packet at most. */
void pcapng_interface(FILE *file, const char *name, uint32_t snap);

struct pcapng_packet {
	uint32_t interface; /* its number */
	uint64_t time_ns;   /* Unix time */
	const uint8_t *data;
	uint32_t captured, length; /* bytes of data, and of the frame */
	int outbound;		   /* else inbound */
	const char *comment;	   /* UTF-8 */
};

void pcapng_packet(FILE *file, const struct pcapng_packet *packet);

#endif
