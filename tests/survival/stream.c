/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The bytes of a connection (stream.h): splitmix64 over key and offset. */
#include "stream.h"

static uint64_t word_at(uint64_t key, uint64_t number)
{
	uint64_t x = key + (number + 1) * 0x9e3779b97f4a7c15;

	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
	x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
	return x ^ (x >> 31);
}

uint64_t stream_server_key(uint64_t id, uint32_t backend)
{
	return word_at(id, backend);
}

void stream_fill(uint64_t key, uint64_t offset, unsigned char *out, size_t len)
{
	for (size_t i = 0; i < len; i++, offset++)
		out[i] = word_at(key, offset / 8) >> (offset % 8 * 8);
}

int stream_right(uint64_t key, uint64_t offset, const unsigned char *in, size_t len)
{
	for (size_t i = 0; i < len; i++, offset++)
		if (in[i] != (unsigned char)(word_at(key, offset / 8) >> (offset % 8 * 8)))
			return 0;
	return 1;
}
