// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A client's packet made of its flow: every field where its RFC has it, and right checksums. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bytes_text.h"
#include "client_packet.h"

enum { LINK = CLIENT_PACKET_LINK_BYTES, ROOM = 2048 };

static struct client_packet flow(const char *source, const char *destination, uint8_t protocol)
{
	struct client_packet packet = { .source_port = 4242,
					.destination_port = 443,
					.protocol = protocol,
					.tcp_flags = CLIENT_PACKET_SYN };

	assert_int_equal(address_parse(source, &packet.source), 0);
	assert_int_equal(address_parse(destination, &packet.destination), 0);
	return packet;
}

/* The 16-bit words of bytes, added up as RFC 1071 says. */
static unsigned int sum(unsigned int start, const uint8_t *bytes, size_t count)
{
	unsigned int total = start;

	for (size_t i = 0; i < count; i += 2) {
		total += bytes[i] * 256U + (i + 1 < count ? bytes[i + 1] : 0);
		total = (total & 0xffff) + (total >> 16);
	}
	return total;
}

static void test_tcp4(void **state)
{
	static const uint8_t expected[] = {
		0x45, 0, 0,   40, 0,	0,    0x40, 0,	  64,	6,    0, 0, 198, 51,
		100,  7, 203, 0,  113,	10,   0x10, 0x92, 0x01, 0xbb, 0, 0, 0,	 0,
		0,    0, 0,   0,  0x50, 0x02, 0xfa, 0xf0, 0,	0,    0, 0,
	};
	struct client_packet packet = flow("198.51.100.7", "203.0.113.10", IPPROTO_TCP);
	uint8_t frame[ROOM], *ip = frame + LINK;
	unsigned int pseudo;

	(void)state;
	packet.dont_fragment = true;
	assert_int_equal(client_packet_write(&packet, frame, sizeof(frame)), LINK + 40);
	assert_memory_equal(frame + 12, "\x08\x00", 2);
	assert_int_equal(sum(0, ip, 20), 0xffff);
	pseudo = sum(6 + 20, ip + 12, 8);
	assert_int_equal(sum(pseudo, ip + 20, 20), 0xffff);
	memset(ip + 10, 0, 2);
	memset(ip + 36, 0, 2);
	assert_memory_equal(ip, expected, sizeof(expected));
}

static void test_udp6(void **state)
{
	static const uint8_t payload[] = "\x40\x01\x02"; /* of odd length with its NUL left out */
	struct client_packet packet = flow("2001:db8::7", "2001:db8:f::10", IPPROTO_UDP);
	uint8_t frame[ROOM], *ip = frame + LINK;
	unsigned int pseudo;

	(void)state;
	packet.payload = payload;
	packet.payload_length = 3;
	packet.length = 60;
	assert_int_equal(client_packet_write(&packet, frame, sizeof(frame)), LINK + 60);
	assert_memory_equal(frame + 12, "\x86\xdd\x60\x00\x00\x00\x00\x14\x11\x40", 10);
	assert_memory_equal(ip + 8, packet.source.bytes, 16);
	assert_memory_equal(ip + 24, packet.destination.bytes, 16);
	assert_memory_equal(ip + 40, "\x10\x92\x01\xbb\x00\x14", 6);
	assert_memory_equal(ip + 48, "\x40\x01\x02\0\0\0", 6);
	pseudo = sum(17 + 20, ip + 8, 32);
	assert_int_equal(sum(pseudo, ip + 40, 20), 0xffff);
}

static void test_lengths(void **state)
{
	struct client_packet packet = flow("198.51.100.7", "203.0.113.10", IPPROTO_UDP);
	uint8_t frame[ROOM];

	(void)state;
	assert_int_equal(client_packet_least(&packet), 28);
	packet.length = 27;
	assert_int_equal(client_packet_write(&packet, frame, sizeof(frame)), -EINVAL);
	packet.length = 28;
	assert_int_equal(client_packet_write(&packet, frame, LINK + 28), LINK + 28);
	assert_int_equal(client_packet_write(&packet, frame, LINK + 27), -E2BIG);
	packet.length = 65536;
	assert_int_equal(client_packet_write(&packet, frame, 1 << 20), -E2BIG);
}

static void test_bytes(void **state)
{
	uint8_t bytes[4];
	char text[9];

	(void)state;
	assert_int_equal(bytes_parse("00fFa5", bytes, sizeof(bytes)), 3);
	assert_memory_equal(bytes, "\x00\xff\xa5", 3);
	assert_string_equal(bytes_format(bytes, 3, text), "00ffa5");
	assert_int_equal(bytes_parse("", bytes, sizeof(bytes)), 0);
	assert_int_equal(bytes_parse("0", bytes, sizeof(bytes)), -EINVAL);
	assert_int_equal(bytes_parse("0g", bytes, sizeof(bytes)), -EINVAL);
	assert_int_equal(bytes_parse("0102030405", bytes, sizeof(bytes)), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tcp4),
		cmocka_unit_test(test_udp6),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
