/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* DNS answers that are truncated, and what is then asked and answered over TCP at the same port. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check_fixture.h"
#include "health.h"

enum { MAX_QUERY = 512, AT_FLAGS = 2, TRUNCATED = 0x8380, WHOLE = 0x8180, FAILURE = 0x8182 };

/* What the TCP side does with the query. */
enum manner {
	ANSWERS,
	TRICKLES, /* the same, byte by byte */
	FOREIGN,  /* with another id */
	SHORT,	  /* a message of three bytes */
	BREAKS,	  /* off in the middle */
	QUIET,
	STALLS, /* in the middle */
	ABSENT, /* nobody listens */
};

static const struct dns_case {
	const char *name;
	enum manner manner;
	uint16_t udp_flags, tcp_flags;
	unsigned timeout_ms;
	const char *error; /* NULL: it passes */
	bool by_tcp;	   /* TCP is asked, and there */
} cases[] = {
	{ "what is not truncated is not asked again", ANSWERS, WHOLE, FAILURE, 4000, NULL, false },
	{ "a whole answer over TCP", ANSWERS, TRUNCATED, WHOLE, 4000, NULL, true },
	{ "the answer over TCP counts, not the datagram", ANSWERS, TRUNCATED, FAILURE, 4000,
	  "DNS answered SERVFAIL, expected NOERROR", true },
	{ "a code in a datagram that is truncated does not count", ANSWERS, TRUNCATED | 2, WHOLE,
	  4000, NULL, true },
	{ "byte by byte", TRICKLES, TRUNCATED, WHOLE, 8000, NULL, true },
	{ "an answer to another query", FOREIGN, TRUNCATED, WHOLE, 4000,
	  "answer is not what is expected", true },
	{ "no message", SHORT, TRUNCATED, WHOLE, 4000, "answer is not what is expected", true },
	{ "an end in the middle", BREAKS, TRUNCATED, WHOLE, 4000,
	  "connection closed in the middle of the answer", true },
	{ "silence", QUIET, TRUNCATED, WHOLE, 300, "timed out after 300 ms waiting for the answer",
	  true },
	{ "a halt in the middle", STALLS, TRUNCATED, WHOLE, 300,
	  "timed out after 300 ms in the middle of the answer", true },
	{ "nobody there", ABSENT, TRUNCATED, WHOLE, 4000, "connection refused", false },
};

struct dns_server {
	const struct dns_case *c;
	int fd;
	uint16_t port;
	struct event *event, *timer;
	struct evconnlistener *listener;
	struct bufferevent *stream; /* the last connection */
	unsigned queries, connections;
	uint8_t answer[MAX_QUERY + 2]; /* over TCP */
	size_t length, sent;
};

static void set_flags(uint8_t *message, uint16_t flags)
{
	message[AT_FLAGS] = (uint8_t)(flags >> 8);
	message[AT_FLAGS + 1] = (uint8_t)flags;
}

static void datagram_came(evutil_socket_t fd, short what, void *context)
{
	struct dns_server *server = context;
	struct sockaddr_storage from;
	socklen_t from_length = sizeof(from);
	uint8_t query[MAX_QUERY];
	ssize_t length =
		recvfrom(fd, query, sizeof(query), 0, (struct sockaddr *)&from, &from_length);

	(void)what;
	assert_true(length > AT_FLAGS + 1);
	server->queries++;
	set_flags(query, server->c->udp_flags);
	sendto(fd, query, (size_t)length, 0, (struct sockaddr *)&from, from_length);
}

static void send_byte(evutil_socket_t fd, short what, void *context)
{
	static const struct timeval pause = { .tv_usec = 2000 };
	struct dns_server *server = context;

	(void)fd;
	(void)what;
	bufferevent_write(server->stream, server->answer + server->sent++, 1);
	if (server->sent < server->length)
		event_add(server->timer, &pause);
}

static void give_answer(struct dns_server *server)
{
	switch (server->c->manner) {
	case TRICKLES:
		send_byte(-1, 0, server);
		break;
	case FOREIGN:
		server->answer[3] ^= 1;
		bufferevent_write(server->stream, server->answer, server->length);
		break;
	case SHORT:
		bufferevent_write(server->stream, "\0\3abc", 5);
		break;
	case BREAKS:
	case STALLS:
		bufferevent_write(server->stream, server->answer, server->length - 1);
		break;
	case QUIET:
		break;
	default:
		bufferevent_write(server->stream, server->answer, server->length);
	}
}

/* A query of two bytes more than its length says came, and nothing else. */
static void query_came(struct bufferevent *stream, void *context)
{
	struct dns_server *server = context;
	struct evbuffer *input = bufferevent_get_input(stream);

	server->length = evbuffer_get_length(input);
	evbuffer_remove(input, server->answer, sizeof(server->answer));
	assert_int_equal(server->length, (server->answer[0] << 8 | server->answer[1]) + 2);
	set_flags(server->answer + 2, server->c->tcp_flags);
	give_answer(server);
}

static void all_written(struct bufferevent *stream, void *context)
{
	struct dns_server *server = context;

	if (server->c->manner == BREAKS && server->length)
		shutdown(bufferevent_getfd(stream), SHUT_WR);
}

static void came_in(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		    int length, void *context)
{
	struct dns_server *server = context;

	(void)listener;
	(void)peer;
	(void)length;
	server->connections++;
	server->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(server->stream, query_came, all_written, NULL, server);
	bufferevent_enable(server->stream, EV_READ | EV_WRITE);
}

/* Both sides at one port, which another program may have for TCP: then at another one. */
static void dns_listen(struct dns_server *server)
{
	do {
		struct sockaddr_in local = { .sin_family = AF_INET };
		socklen_t length = sizeof(local);

		local.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		assert_int_equal(bind(server->fd, (struct sockaddr *)&local, length), 0);
		getsockname(server->fd, (struct sockaddr *)&local, &length);
		server->port = ntohs(local.sin_port);
		server->listener = evconnlistener_new_bind(
			base, came_in, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 8,
			(struct sockaddr *)&local, sizeof(local));
		if (!server->listener)
			close(server->fd);
	} while (!server->listener);
}

static void dns_begin(struct dns_server *server, const struct dns_case *c)
{
	*server = (struct dns_server){ .c = c };
	dns_listen(server);
	if (c->manner == ABSENT) {
		evconnlistener_free(server->listener);
		server->listener = NULL;
	}
	server->event = event_new(base, server->fd, EV_READ | EV_PERSIST, datagram_came, server);
	server->timer = evtimer_new(base, send_byte, server);
	event_add(server->event, NULL);
}

static void dns_end(struct dns_server *server)
{
	if (server->listener)
		evconnlistener_free(server->listener);
	if (server->stream)
		bufferevent_free(server->stream);
	event_free(server->timer);
	event_free(server->event);
	close(server->fd);
}

static void test_case(void **state)
{
	const struct dns_case *c = *state;
	struct dns_server server;
	struct config_check check;
	struct watch watch = { 0 };

	dns_begin(&server, c);
	check = check_of(CHECK_DNS, server.port);
	check.query = "www.example.org";
	check.query_type = 16;
	check.timeout_ms = c->timeout_ms;
	check.interval_ms = 10000;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, c->error ? c->error : "");
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	assert_true(server.queries >= 1); /* on a busy machine a check is made again */
	assert_int_equal(server.connections, c->by_tcp ? server.queries : 0);
	health_free(watch.health);
	dns_end(&server);
}

/* Freed in the middle of the conversation over TCP, nothing is left of it. */
static void test_freed(void **state)
{
	static const struct dns_case c = { .manner = QUIET, .udp_flags = TRUNCATED };
	struct dns_server server;
	struct config_check check;
	struct watch watch = { 0 };

	(void)state;
	dns_begin(&server, &c);
	check = check_of(CHECK_DNS, server.port);
	check.query = ".";
	check.timeout_ms = 4000;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(!server.length, LIMIT_MS);
	health_free(watch.health);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(watch.changes, 0);
	dns_end(&server);
}

enum { CASES = sizeof(cases) / sizeof(*cases) };

int main(void)
{
	struct CMUnitTest tests[CASES + 1] = { [CASES] = cmocka_unit_test(test_freed) };

	for (size_t i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = test_case,
						.initial_state = (void *)&cases[i] };
	return cmocka_run_group_tests(tests, setup, teardown);
}
