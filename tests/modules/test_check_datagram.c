/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks over UDP: what is sent, what counts as an answer, and what does not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_fixture.h"
#include "health.h"

#define BYTES(text)                                                                                \
	{                                                                                          \
		(uint8_t *)(text), sizeof(text) - 1                                                \
	}

enum { MAX_ANSWER = 8192, AT_FLAGS = 2 };

/* How the server answers each datagram that it receives. */
enum manner {
	SILENT,
	ECHO,	  /* as it came */
	FIXED,	  /* the case's bytes */
	LONG,	  /* 8 KiB, with the expected bytes behind the limit */
	DNS,	  /* the query with the case's flags */
	DNS_LATE, /* first with another id, then rightly */
	DNS_FLOOD,
	STRANGER, /* rightly, but from another port */
};

static const struct datagram_case {
	const char *name;
	enum check_type type;
	enum manner manner;
	struct config_bytes bytes; /* of FIXED */
	uint16_t flags;		   /* of DNS */
	uint8_t rcode;		   /* expected */
	unsigned timeout_ms;
	const char *error; /* NULL: it passes */
} cases[] = {
	{ .name = "udp: the expected answer",
	  .type = CHECK_UDP,
	  .manner = FIXED,
	  .bytes = BYTES("the \0answer is here") },
	{ .name = "udp: another answer",
	  .type = CHECK_UDP,
	  .manner = ECHO,
	  .error = "answer is not what is expected" },
	{ .name = "udp: an empty answer",
	  .type = CHECK_UDP,
	  .manner = FIXED,
	  .error = "answer is not what is expected" },
	{ .name = "udp: what comes after 4 KiB is not searched",
	  .type = CHECK_UDP,
	  .manner = LONG,
	  .error = "answer is not what is expected" },
	{ .name = "udp: silence",
	  .type = CHECK_UDP,
	  .manner = SILENT,
	  .timeout_ms = 60,
	  .error = "timed out after 60 ms waiting for the answer" },
	{ .name = "udp: an answer of another port",
	  .type = CHECK_UDP,
	  .manner = STRANGER,
	  .timeout_ms = 60,
	  .error = "timed out after 60 ms waiting for the answer" },
	{ .name = "dns: no error", .type = CHECK_DNS, .manner = DNS, .flags = 0x8180 },
	{ .name = "dns: another code than expected",
	  .type = CHECK_DNS,
	  .manner = DNS,
	  .flags = 0x8182,
	  .error = "DNS answered SERVFAIL, expected NOERROR" },
	{ .name = "dns: the expected code",
	  .type = CHECK_DNS,
	  .manner = DNS,
	  .flags = 0x8183,
	  .rcode = 3 },
	{ .name = "dns: no error where one is expected",
	  .type = CHECK_DNS,
	  .manner = DNS,
	  .flags = 0x8180,
	  .rcode = 5,
	  .error = "DNS answered NOERROR, expected REFUSED" },
	{ .name = "dns: the query itself is no answer",
	  .type = CHECK_DNS,
	  .manner = ECHO,
	  .timeout_ms = 60,
	  .error = "timed out after 60 ms waiting for the answer" },
	{ .name = "dns: what is no message",
	  .type = CHECK_DNS,
	  .manner = FIXED,
	  .bytes = BYTES("\xff\xff\xff"),
	  .timeout_ms = 60,
	  .error = "timed out after 60 ms waiting for the answer" },
	{ .name = "dns: an answer to another question is waited past",
	  .type = CHECK_DNS,
	  .manner = DNS_LATE,
	  .flags = 0x8180 },
	{ .name = "dns: a flood of them is not",
	  .type = CHECK_DNS,
	  .manner = DNS_FLOOD,
	  .flags = 0x8180,
	  .error = "101 datagrams came, none an answer" },
};

struct udp_server {
	const struct datagram_case *c;
	struct event *event;
	int fd;
	uint16_t port;
	unsigned received;
	uint8_t request[1024];
	size_t length;
};

static int open_udp(struct udp_server *server)
{
	struct sockaddr_in local = { .sin_family = AF_INET };
	socklen_t length = sizeof(local);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&local, length), 0);
	getsockname(fd, (struct sockaddr *)&local, &length);
	server->port = ntohs(local.sin_port);
	return fd;
}

static void answer_dns(struct udp_server *server, const struct sockaddr *peer, socklen_t length)
{
	uint8_t *answer = server->request;
	unsigned wrong = server->c->manner == DNS_FLOOD ? 200 : server->c->manner == DNS_LATE;

	answer[AT_FLAGS] = (uint8_t)(server->c->flags >> 8);
	answer[AT_FLAGS + 1] = (uint8_t)server->c->flags;
	answer[0] ^= 1;
	for (unsigned i = 0; i < wrong; i++)
		sendto(server->fd, answer, server->length, 0, peer, length);
	answer[0] ^= 1;
	sendto(server->fd, answer, server->length, 0, peer, length);
}

static void request_came(evutil_socket_t fd, short what, void *context)
{
	struct udp_server *server = context;
	uint8_t answer[MAX_ANSWER] = { 0 };
	struct sockaddr_storage from;
	struct sockaddr *peer = (struct sockaddr *)&from;
	socklen_t length = sizeof(from);
	ssize_t size = recvfrom(fd, server->request, sizeof(server->request), 0, peer, &length);
	int other;

	(void)what;
	if (size < 0)
		return;
	server->length = (size_t)size;
	server->received++;
	switch (server->c->manner) {
	case SILENT:
		break;
	case ECHO:
		sendto(fd, server->request, server->length, 0, peer, length);
		break;
	case FIXED:
		sendto(fd, server->c->bytes.bytes, server->c->bytes.length, 0, peer, length);
		break;
	case LONG:
		memcpy(answer + sizeof(answer) - 6, "answer", 6);
		sendto(fd, answer, sizeof(answer), 0, peer, length);
		break;
	case STRANGER:
		other = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		sendto(other, "answer", 6, 0, peer, length);
		close(other);
		break;
	default:
		answer_dns(server, peer, length);
	}
}

static void server_begin(struct udp_server *server, const struct datagram_case *c)
{
	*server = (struct udp_server){ .c = c };
	server->fd = open_udp(server);
	server->event = event_new(base, server->fd, EV_READ | EV_PERSIST, request_came, server);
	event_add(server->event, NULL);
}

static void server_end(struct udp_server *server)
{
	event_free(server->event);
	close(server->fd);
}

static struct config_check check_for(const struct datagram_case *c, uint16_t port)
{
	struct config_check check = check_of(c->type, port);

	check.send = (struct config_bytes)BYTES("question\0");
	check.answer = (struct config_bytes)BYTES("answer");
	check.query = "www.example.org";
	check.query_type = 1;
	check.rcode = c->rcode;
	check.timeout_ms = c->timeout_ms ? c->timeout_ms : 4000;
	return check;
}

static void test_case(void **state)
{
	const struct datagram_case *c = *state;
	struct udp_server server;
	struct config_check check;
	struct watch watch = { 0 };

	server_begin(&server, c);
	check = check_for(c, server.port);
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, c->error ? c->error : "");
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	assert_int_equal(server.received, 1);
	if (c->type == CHECK_UDP && c->manner != ECHO) {
		assert_int_equal(server.length, 9);
		assert_memory_equal(server.request, "question", 9);
	}
	health_free(watch.health);
	server_end(&server);
}

/* An ICMP error ends the check at once, long before its time is over. */
static void test_refused(void **state)
{
	static const struct datagram_case refused[] = { { .type = CHECK_UDP },
							{ .type = CHECK_DNS } };
	struct udp_server server;

	(void)state;
	close(open_udp(&server));
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		struct config_check check = check_for(&refused[i], server.port);
		struct watch watch = { 0 };

		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		run_while(watch.changes == 0, LIMIT_MS);
		assert_string_equal(health_get(watch.health)->error, "connection refused");
		health_free(watch.health);
	}
}

static void test_unreachable(void **state)
{
	static const struct datagram_case c = { .type = CHECK_DNS };
	struct config_check check = check_for(&c, 53);
	struct watch watch = { 0 };

	(void)state;
	watch_start(&watch, "255.255.255.255", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_int_equal(health_get(watch.health)->state, HEALTH_DOWN);
	assert_string_not_equal(health_get(watch.health)->error, "");
	health_free(watch.health);
}

/* Ids are not to be guessed: three in a row, all different. */
static void test_query_id(void **state)
{
	static const struct datagram_case c = { .type = CHECK_DNS, .manner = DNS, .flags = 0x8180 };
	struct udp_server server;
	struct config_check check;
	struct watch watch = { 0 };
	uint8_t ids[3][2];

	(void)state;
	server_begin(&server, &c);
	check = check_for(&c, server.port);
	check.interval_ms = 50;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	for (unsigned i = 0; i < 3; i++) {
		run_while(health_get(watch.health)->checks <= i, LIMIT_MS);
		memcpy(ids[i], server.request, 2);
	}
	assert_true(memcmp(ids[0], ids[1], 2) || memcmp(ids[1], ids[2], 2));
	assert_memory_equal(server.request + 12, "\3www\7example\3org\0\0\1\0\1", 21);
	health_free(watch.health);
	server_end(&server);
}

static void test_invalid(void **state)
{
	static const struct datagram_case c = { .type = CHECK_DNS };
	struct config_check check = check_for(&c, 53);
	struct check_target target = { .service = "web", .backend = "app" };

	(void)state;
	address_parse("127.0.0.1", &target.address);
	check.query = "a..b";
	assert_null(health_new(healths, &target, &check, HEALTH_UP, watch_changed, NULL));
	check = check_for(&c, 53);
	check.type = CHECK_UDP;
	check.answer.length = 0;
	assert_null(health_new(healths, &target, &check, HEALTH_UP, watch_changed, NULL));
}

static const struct CMUnitTest single_tests[] = {
	cmocka_unit_test(test_refused),
	cmocka_unit_test(test_unreachable),
	cmocka_unit_test(test_query_id),
	cmocka_unit_test(test_invalid),
};

enum {
	CASES = sizeof(cases) / sizeof(*cases),
	SINGLE_TESTS = sizeof(single_tests) / sizeof(*single_tests),
};

int main(void)
{
	struct CMUnitTest tests[CASES + SINGLE_TESTS] = { 0 };

	for (size_t i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = test_case,
						.initial_state = (void *)&cases[i] };
	memcpy(tests + CASES, single_tests, sizeof(single_tests));
	return cmocka_run_group_tests(tests, setup, teardown);
}
