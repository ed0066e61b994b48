/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Blocks are written in the byte order of this host, as the format allows: the section's header
 * says which. */
#include "pcapng.h"

#include <string.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 6,
	BLOCK_FRAME_BYTES = 12, /* type, and the length at both ends */
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	LINK_ETHERNET = 1,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	OPTION_PROGRAM = 4, /* of a section */
	OPTION_NAME = 2,    /* of an interface */
	OPTION_RESOLUTION = 9,
	OPTION_FLAGS = 2, /* of a packet */
	FLAG_INBOUND = 1,
	FLAG_OUTBOUND = 2,
	NANOSECONDS = 9, /* 10^-9 */
};

static uint32_t padded(uint32_t bytes)
{
	return (bytes + 3) & ~3U;
}

static void put32(FILE *file, uint32_t value)
{
	fwrite(&value, sizeof(value), 1, file);
}

static void put16(FILE *file, uint16_t value)
{
	fwrite(&value, sizeof(value), 1, file);
}

static void put_padded(FILE *file, const void *data, uint32_t bytes)
{
	static const uint8_t zeros[3];

	fwrite(data, 1, bytes, file);
	fwrite(zeros, 1, padded(bytes) - bytes, file);
}

static uint32_t option_bytes(uint32_t bytes)
{
	return 4 + padded(bytes);
}

static void put_option(FILE *file, uint16_t code, const void *value, uint16_t bytes)
{
	put16(file, code);
	put16(file, bytes);
	put_padded(file, value, bytes);
}

static void put_options_end(FILE *file)
{
	put32(file, OPTION_END);
}

/* Of an option's text, whose length has 16 bits. */
static uint16_t text_bytes(const char *text)
{
	size_t length = strlen(text);

	return length > UINT16_MAX ? UINT16_MAX : (uint16_t)length;
}

void pcapng_begin(FILE *file, const char *program)
{
	uint16_t bytes = text_bytes(program);
	uint32_t length = BLOCK_FRAME_BYTES + 16 + option_bytes(bytes) + 4;

	put32(file, BLOCK_SECTION);
	put32(file, length);
	put32(file, BYTE_ORDER_MAGIC);
	put16(file, 1); /* version 1.0 */
	put16(file, 0);
	put32(file, UINT32_MAX); /* the section's length is not known */
	put32(file, UINT32_MAX);
	put_option(file, OPTION_PROGRAM, program, bytes);
	put_options_end(file);
	put32(file, length);
}

void pcapng_interface(FILE *file, const char *name, uint32_t snap)
{
	static const uint8_t resolution = NANOSECONDS;
	uint16_t bytes = text_bytes(name);
	uint32_t length = BLOCK_FRAME_BYTES + 8 + option_bytes(bytes) + option_bytes(1) + 4;

	put32(file, BLOCK_INTERFACE);
	put32(file, length);
	put16(file, LINK_ETHERNET);
	put16(file, 0);
	put32(file, snap);
	put_option(file, OPTION_NAME, name, bytes);
	put_option(file, OPTION_RESOLUTION, &resolution, sizeof(resolution));
	put_options_end(file);
	put32(file, length);
}

void pcapng_packet(FILE *file, const struct pcapng_packet *packet)
{
	uint32_t flags = packet->outbound ? FLAG_OUTBOUND : FLAG_INBOUND;
	uint16_t bytes = text_bytes(packet->comment);
	uint32_t length = BLOCK_FRAME_BYTES + 20 + padded(packet->captured) + option_bytes(bytes) +
			  option_bytes(sizeof(flags)) + 4;

	put32(file, BLOCK_PACKET);
	put32(file, length);
	put32(file, packet->interface);
	put32(file, (uint32_t)(packet->time_ns >> 32));
	put32(file, (uint32_t)packet->time_ns);
	put32(file, packet->captured);
	put32(file, packet->length);
	put_padded(file, packet->data, packet->captured);
	put_option(file, OPTION_COMMENT, packet->comment, bytes);
	put_option(file, OPTION_FLAGS, &flags, sizeof(flags));
	put_options_end(file);
	put32(file, length);
}
