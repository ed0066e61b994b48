/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "grpc_health.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Protobuf's wire format (protobuf.dev/programming-guides/encoding): a tag holds a field's number
 * and how long its value is. */
enum {
	WIRE_VARINT = 0,
	WIRE_64 = 1,
	WIRE_BYTES = 2,
	WIRE_32 = 5,
	WIRE_BITS = 3,
	WIRE_MASK = (1 << WIRE_BITS) - 1,
	VARINT_BITS = 7,
	VARINT_MORE = 0x80,
	VARINT_MAX_SHIFT = 63,
	FIELD_SERVICE = 1, /* of HealthCheckRequest */
	FIELD_STATUS = 1,  /* of HealthCheckResponse */
};

struct reader {
	const uint8_t *at;
	size_t left;
};

size_t grpc_health_request(const char *service, uint8_t out[GRPC_REQUEST_BYTES])
{
	size_t length = service ? strlen(service) : 0, used = GRPC_FRAME_BYTES;

	if (length > 0) {
		out[used++] = FIELD_SERVICE << WIRE_BITS | WIRE_BYTES;
		if (length >= VARINT_MORE) {
			out[used++] = (length & ~VARINT_MORE) | VARINT_MORE;
			out[used++] = length >> VARINT_BITS;
		} else {
			out[used++] = length;
		}
		memcpy(out + used, service, length);
		used += length;
	}
	memset(out, 0, GRPC_FRAME_BYTES);
	out[3] = (used - GRPC_FRAME_BYTES) >> 8;
	out[4] = (used - GRPC_FRAME_BYTES) & 0xff;
	return used;
}

static bool read_varint(struct reader *reader, uint64_t *out)
{
	*out = 0;
	for (unsigned int shift = 0; shift <= VARINT_MAX_SHIFT; shift += VARINT_BITS) {
		uint8_t byte;

		if (reader->left == 0)
			return false;
		byte = *reader->at++;
		reader->left--;
		*out |= (uint64_t)(byte & ~VARINT_MORE) << shift;
		if (!(byte & VARINT_MORE))
			return true;
	}
	return false;
}

static bool skip(struct reader *reader, uint64_t bytes)
{
	if (bytes > reader->left)
		return false;
	reader->at += bytes;
	reader->left -= bytes;
	return true;
}

static bool skip_value(struct reader *reader, unsigned int wire)
{
	uint64_t value;

	switch (wire) {
	case WIRE_VARINT:
		return read_varint(reader, &value);
	case WIRE_64:
		return skip(reader, 8);
	case WIRE_BYTES:
		return read_varint(reader, &value) && skip(reader, value);
	case WIRE_32:
		return skip(reader, 4);
	default: /* groups; proto3 has none */
		return false;
	}
}

/* A field that is absent has its default, 0; of several the last counts. */
static int parse_message(struct reader reader, enum grpc_status *out)
{
	uint64_t tag, value;

	*out = GRPC_UNKNOWN;
	while (reader.left > 0) {
		if (!read_varint(&reader, &tag) || tag >> WIRE_BITS == 0)
			return -EINVAL;
		if (tag != (FIELD_STATUS << WIRE_BITS | WIRE_VARINT)) {
			if (!skip_value(&reader, tag & WIRE_MASK))
				return -EINVAL;
			continue;
		}
		if (!read_varint(&reader, &value))
			return -EINVAL;
		*out = value < GRPC_STATUS_COUNT ? value : GRPC_STATUS_COUNT;
	}
	return 0;
}

int grpc_health_parse(const uint8_t *bytes, size_t length, enum grpc_status *out)
{
	struct reader reader;
	uint32_t size;

	*out = GRPC_UNKNOWN;
	if (length < GRPC_FRAME_BYTES)
		return -EINVAL;
	if (bytes[0] != 0)
		return bytes[0] == 1 ? -ENOTSUP : -EINVAL;
	size = (uint32_t)bytes[1] << 24 | bytes[2] << 16 | bytes[3] << 8 | bytes[4];
	if (size != length - GRPC_FRAME_BYTES)
		return -EINVAL;
	reader = (struct reader){ bytes + GRPC_FRAME_BYTES, size };
	return parse_message(reader, out);
}
