/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Echo requests of a given size, and what does not count as their answer. In a network namespace of
 * its own whose kernel answers none: the test answers itself, by raw sockets on the loopback.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/event.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"
#include "echo.h"

enum {
	MTU = 1400,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	ID_AT = 4,
	SEQUENCE_AT = 6,
	RANDOM_AT = 8,
	ROOM_BYTES = 2048,
	PATIENCE_MS = 10000,
	QUIET_MS = 50,
};

static struct event_base *base;
static struct echoes *echoes;
static int answers;

struct message {
	uint8_t bytes[ROOM_BYTES];
	size_t length;
};

/* One IP version: where requests go, from where answers come. */
struct version {
	struct address address;
	const char *other; /* another address of this host */
	uint8_t request, reply;
	int protocol, ip_bytes;
	int raw; /* sees the requests */
};

static struct version versions[] = {
	{ .other = "127.0.0.2",
	  .request = ICMP_ECHO,
	  .reply = ICMP_ECHOREPLY,
	  .protocol = IPPROTO_ICMP,
	  .ip_bytes = IP4_BYTES },
	{ .other = "fd00::2",
	  .request = ICMP6_ECHO_REQUEST,
	  .reply = ICMP6_ECHO_REPLY,
	  .protocol = IPPROTO_ICMPV6,
	  .ip_bytes = IP6_BYTES },
};

static void answered(void *context)
{
	assert_ptr_equal(context, &answers);
	answers++;
}

static int set_up(void **state)
{
	(void)state;
	address_parse("127.0.0.1", &versions[0].address);
	address_parse("::1", &versions[1].address);
	for (size_t i = 0; i < 2; i++) {
		versions[i].raw = socket(i ? AF_INET6 : AF_INET, SOCK_RAW | SOCK_CLOEXEC,
					 versions[i].protocol);
		if (versions[i].raw < 0)
			return -1;
	}
	base = event_base_new();
	return base ? echoes_new(base, &echoes) : -1;
}

static int tear_down(void **state)
{
	(void)state;
	echoes_free(echoes);
	event_base_free(base);
	for (size_t i = 0; i < 2; i++)
		close(versions[i].raw);
	return 0;
}

static struct echo *request(const struct version *version, uint16_t mtu)
{
	struct check_target target = { .address = version->address };
	struct check_way way = { .mtu = mtu };
	struct echo *echo = NULL;

	answers = 0;
	assert_int_equal(echo_send(echoes, &target, &way, answered, &answers, &echo), 0);
	assert_non_null(echo);
	return echo;
}

/* The request as it came; its IP header is cut off. */
static struct message receive(const struct version *version)
{
	struct pollfd ready = { .fd = version->raw, .events = POLLIN };
	struct message message;

	for (;;) {
		ssize_t length, header = version->protocol == IPPROTO_ICMP ? IP4_BYTES : 0;

		assert_int_equal(poll(&ready, 1, PATIENCE_MS), 1);
		length = recv(version->raw, message.bytes, sizeof(message.bytes), 0);
		assert_true(length > header);
		message.length = (size_t)(length - header);
		memmove(message.bytes, message.bytes + header, message.length);
		if (message.bytes[0] == version->request)
			return message;
	}
}

static void answer(const struct version *version, const struct message *message, const char *from)
{
	struct sockaddr_storage source, to;
	struct address address = version->address;
	socklen_t length = address_to_sockaddr(&address, 0, &to);
	int fd = socket(to.ss_family, SOCK_RAW | SOCK_CLOEXEC, version->protocol);

	assert_true(fd >= 0);
	if (from)
		assert_int_equal(address_parse(from, &address), 0);
	address_to_sockaddr(&address, 0, &source);
	assert_int_equal(bind(fd, (struct sockaddr *)&source, length), 0);
	assert_int_equal(
		sendto(fd, message->bytes, message->length, 0, (struct sockaddr *)&to, length),
		message->length);
	close(fd);
}

static void turn(int ms)
{
	struct timeval time = { .tv_usec = ms * 1000 };

	event_base_loopexit(base, &time);
	event_base_dispatch(base);
}

static void expect_answer(void)
{
	for (int i = 0; i < PATIENCE_MS / QUIET_MS && !answers; i++)
		turn(QUIET_MS);
	assert_int_equal(answers, 1);
}

static struct message reply_to(const struct version *version, struct message message)
{
	message.bytes[0] = version->reply;
	return message;
}

static void the_packet_has_the_size_and_its_answer_counts(void **state)
{
	static const uint16_t sizes[] = { 68, 576, 1280, MTU };

	(void)state;
	for (size_t i = 0; i < 2 * 4; i++) {
		const struct version *version = &versions[i / 4];
		struct message message;

		request(version, sizes[i % 4]);
		message = receive(version);
		assert_int_equal(message.length, sizes[i % 4] - version->ip_bytes);
		message = reply_to(version, message);
		answer(version, &message, NULL);
		expect_answer();
		answer(version, &message, NULL); /* once more: nobody waits for it */
		turn(QUIET_MS);
		assert_int_equal(answers, 1);
	}
}

static void what_is_not_the_answer_does_not_count(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct version *version = &versions[i];
		static const size_t places[] = { 1, ID_AT, SEQUENCE_AT, RANDOM_AT, RANDOM_AT + 7 };
		struct echo *echo = request(version, MTU);
		struct message right = reply_to(version, receive(version)), wrong;

		for (size_t place = 0; place < 5; place++) {
			wrong = right;
			wrong.bytes[places[place]] ^= 1;
			answer(version, &wrong, NULL);
		}
		wrong = right;
		wrong.length--; /* cut on the way */
		answer(version, &wrong, NULL);
		wrong.length = right.length + 1;
		answer(version, &wrong, NULL);
		wrong.length = RANDOM_AT + 4;
		answer(version, &wrong, NULL);
		wrong.length = 4;
		answer(version, &wrong, NULL);
		answer(version, &right, version->other);
		turn(QUIET_MS);
		assert_int_equal(answers, 0);
		answer(version, &right, NULL);
		expect_answer();
		(void)echo;
	}
}

static void nothing_is_said_of_a_cancelled_one(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct echo *echo = request(&versions[i], MTU);
		struct message message = reply_to(&versions[i], receive(&versions[i]));

		echo_cancel(echo);
		answer(&versions[i], &message, NULL);
		turn(QUIET_MS);
		assert_int_equal(answers, 0);
	}
}

static void no_two_have_the_same_token(void **state)
{
	struct echo *first = request(&versions[0], MTU), *second;
	struct message a = receive(&versions[0]), b;

	(void)state;
	second = request(&versions[0], MTU);
	b = receive(&versions[0]);
	assert_memory_not_equal(a.bytes + ID_AT, b.bytes + ID_AT, 2);
	assert_memory_not_equal(a.bytes + RANDOM_AT, b.bytes + RANDOM_AT, 8);
	echo_cancel(first);
	echo_cancel(second);
}

static void a_size_that_holds_no_message_is_refused(void **state)
{
	struct check_target target = { .address = versions[1].address };
	struct check_way way = { .mtu = IP6_BYTES + RANDOM_AT + 7 };
	struct echo *echo = NULL;

	(void)state;
	assert_int_equal(echo_send(echoes, &target, &way, answered, &answers, &echo), -EMSGSIZE);
	assert_null(echo);
}

static void write_setting(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(value, file) < 0 || fclose(file) != 0) {
		printf("Bail out! %s: %s\n", path, strerror(errno));
		exit(1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_packet_has_the_size_and_its_answer_counts),
		cmocka_unit_test(what_is_not_the_answer_does_not_count),
		cmocka_unit_test(nothing_is_said_of_a_cancelled_one),
		cmocka_unit_test(no_two_have_the_same_token),
		cmocka_unit_test(a_size_that_holds_no_message_is_refused),
	};

	if (unshare(CLONE_NEWNET)) {
		printf("1..0 # SKIP needs root\n");
		return 0;
	}
	if (system("ip link set lo up && ip -6 address add fd00::2/128 dev lo nodad"))
		return 1;
	write_setting("/proc/sys/net/ipv4/icmp_echo_ignore_all", "1");
	write_setting("/proc/sys/net/ipv6/icmp/echo_ignore_all", "1");
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
