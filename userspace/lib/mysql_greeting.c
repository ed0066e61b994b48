/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "mysql_greeting.h"

#include <string.h>

enum {
	PROTOCOL = 10,
	ERROR_MARK = 0xff,
	MIN_GREETING = 1 + 1 + 4 + 8 + 1 + 2, /* version "", thread, scramble, filler, flags */
	MIN_ERROR = 1 + 2,
	MAX_USER = 32,
	FLAGS_BEHIND = 1 + 4 + 8 + 1,
	TLS_FLAG = 0x08, /* in the flags' second byte */
	/* of an answer */
	CAPABILITIES = 0x00000200 | 0x00008000 | 0x00080000, /* 4.1 protocol, secure, plugin */
	MAX_PACKET = 1 << 16,
	CHARSET_UTF8 = 33,
	FILLER = 23,
};

static const char plugin[] = "mysql_native_password";

static const struct {
	unsigned int error;
	const char *text;
} errors[] = {
	{ 1040, "too many connections" },
	{ 1044, "user may not use the database" },
	{ 1045, "access denied: user or password" },
	{ 1053, "server is shutting down" },
	{ 1129, "this host is blocked because of many connection errors" },
	{ 1130, "this host is not allowed to connect" },
	{ 1159, "server timed out" },
	{ 1203, "too many connections of this user" },
	{ 1226, "user's limit of resources reached" },
	{ 1227, "privilege missing: REPLICATION CLIENT (MySQL) or SLAVE MONITOR (MariaDB)" },
	{ 1251, "user's authentication is not supported" },
	{ 1698, "access denied: user or password" },
	{ 1820, "password has expired" },
	{ 1862, "password has expired" },
	{ 2059, "user's authentication is not supported" },
	{ 2061, "user's authentication is not supported" },
	{ 3032, "server is offline" },
	{ 3118, "account is locked" },
	{ 3159, "only TLS connections are allowed" },
	{ 4151, "account is locked" },
	{ 5010, "user's authentication is not supported" },
};

enum mysql_packet mysql_greeting_parse(const uint8_t *bytes, size_t length, uint16_t *error)
{
	const uint8_t *payload = bytes + MYSQL_PACKET_HEADER_BYTES;
	uint32_t size;

	if (length < MYSQL_PACKET_HEADER_BYTES)
		return MYSQL_PACKET_SHORT;
	size = bytes[0] | bytes[1] << 8 | (uint32_t)bytes[2] << 16;
	if (bytes[3] != 0 || size < MIN_ERROR ||
	    size > MYSQL_GREETING_BYTES - MYSQL_PACKET_HEADER_BYTES)
		return MYSQL_PACKET_OTHER;
	if (length < MYSQL_PACKET_HEADER_BYTES + size)
		return MYSQL_PACKET_SHORT;
	if (payload[0] == ERROR_MARK) {
		*error = payload[1] | payload[2] << 8;
		return MYSQL_PACKET_ERROR;
	}
	/* the version's end leaves room for what follows */
	if (payload[0] != PROTOCOL || size < MIN_GREETING ||
	    !memchr(payload + 1, 0, size - MIN_GREETING + 1))
		return MYSQL_PACKET_OTHER;
	return MYSQL_PACKET_GREETING;
}

bool mysql_greeting_has_tls(const uint8_t *bytes, size_t length)
{
	const uint8_t *version = bytes + MYSQL_PACKET_HEADER_BYTES + 1;
	const uint8_t *end = memchr(version, 0, length - MYSQL_PACKET_HEADER_BYTES - 1);

	/* behind it: thread, scramble, filler, the lower half of the flags */
	return end && end + FLAGS_BEHIND + 1 < bytes + length && (end[FLAGS_BEHIND + 1] & TLS_FLAG);
}

static size_t put32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = value >> (8 * i);
	return 4;
}

size_t mysql_greeting_answer(const char *user, uint8_t out[MYSQL_ANSWER_BYTES])
{
	size_t length = strnlen(user, MAX_USER), used = MYSQL_PACKET_HEADER_BYTES;

	memset(out, 0, MYSQL_ANSWER_BYTES);
	used += put32(out + used, CAPABILITIES);
	used += put32(out + used, MAX_PACKET);
	out[used++] = CHARSET_UTF8;
	used += FILLER;
	memcpy(out + used, user, length);
	used += length + 1;
	used++; /* no password: of length 0 */
	memcpy(out + used, plugin, sizeof(plugin));
	used += sizeof(plugin);
	out[0] = used - MYSQL_PACKET_HEADER_BYTES;
	out[3] = 1; /* the second packet of the exchange */
	return used;
}

const char *mysql_error_text(unsigned int error)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (errors[i].error == error)
			return errors[i].text;
	return NULL;
}
