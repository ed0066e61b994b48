/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The grpc check against answers in HTTP/2 frames, right ones and all others. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "byte_server.h"

/* Frames (RFC 9113, 4.1): length, type, flags, stream. */
#define SETTINGS		    "\0\0\0\4\0\0\0\0\0"
#define ACK			    "\0\0\0\4\1\0\0\0\0"
#define HEADERS(size, flags, block) "\0\0" size "\1" flags "\0\0\0\1" block
#define DATA(size, flags, bytes)    "\0\0" size "\0" flags "\0\0\0\1" bytes
#define MORE			    "\4" /* END_HEADERS */
#define LAST			    "\5" /* and END_STREAM */
/* Header fields (RFC 7541, 6): an index, or a name by index, or both as text. */
#define STATUS_200 "\x88"
#define STATUS_404 "\x8d"
#define TYPE_GRPC                                                                                  \
	"\x0f\x10\x10"                                                                             \
	"application/grpc"
#define TYPE_HTML                                                                                  \
	"\x0f\x10\x09"                                                                             \
	"text/html"
#define CODE(text)                                                                                 \
	"\0\x0b"                                                                                   \
	"grpc-status\1" text
#define CODE2(text)                                                                                \
	"\0\x0b"                                                                                   \
	"grpc-status\2" text
#define FIRST_HEADERS HEADERS("\x14", MORE, STATUS_200 TYPE_GRPC)
#define TRAILERS      HEADERS("\x0f", LAST, CODE("0"))
#define SERVING	      DATA("\7", "\0", "\0\0\0\0\2\x08\1")

static const struct grpc_case {
	const char *name;
	struct conversation conversation;
	const char *error; /* NULL: it passes */
	const char *service;
	unsigned timeout_ms;
} cases[] = {
#define ANSWER(bytes) .conversation = { .turns = { BYTES(SETTINGS ACK bytes) }, .then = HOLD }
	{ .name = "serving", ANSWER(FIRST_HEADERS SERVING TRAILERS) },
	{ .name = "serving, byte by byte",
	  .conversation = { .turns = { BYTES(SETTINGS ACK FIRST_HEADERS SERVING TRAILERS) },
			    .trickle_ms = 1,
			    .then = HOLD } },
	{ .name = "not serving",
	  ANSWER(FIRST_HEADERS DATA("\7", "\0", "\0\0\0\0\2\x08\2") TRAILERS),
	  .error = "gRPC health is NOT_SERVING, expected SERVING" },
	{ .name = "unknown",
	  ANSWER(FIRST_HEADERS DATA("\5", "\0", "\0\0\0\0\0") TRAILERS),
	  .error = "gRPC health is UNKNOWN, expected SERVING" },
	{ .name = "unknown service",
	  ANSWER(FIRST_HEADERS DATA("\7", "\0", "\0\0\0\0\2\x08\3") TRAILERS),
	  .error = "gRPC health is SERVICE_UNKNOWN, expected SERVING" },
	{ .name = "an error instead of an answer",
	  ANSWER(HEADERS("\x24", LAST, STATUS_200 TYPE_GRPC CODE2("12"))),
	  .error = "server does not implement the gRPC health service" },
	{ .name = "a service that is not known",
	  ANSWER(HEADERS("\x23", LAST, STATUS_200 TYPE_GRPC CODE("5"))),
	  .error = "server does not know the gRPC service 'shop.Cart'",
	  .service = "shop.Cart" },
	{ .name = "an error after an answer",
	  ANSWER(FIRST_HEADERS SERVING HEADERS("\x10", LAST, CODE2("14"))),
	  .error = "gRPC status 14 (UNAVAILABLE)" },
	{ .name = "a code that there is not",
	  ANSWER(FIRST_HEADERS SERVING HEADERS("\x10", LAST, CODE2("17"))),
	  .error = "answer is not gRPC" },
	{ .name = "no code",
	  ANSWER(FIRST_HEADERS DATA("\7", "\1", "\0\0\0\0\2\x08\1")),
	  .error = "answer is not gRPC" },
	{ .name = "a code in letters",
	  ANSWER(FIRST_HEADERS SERVING HEADERS("\x0f", LAST, CODE("x"))),
	  .error = "answer is not gRPC" },
	{ .name = "status 404",
	  ANSWER(HEADERS("\1", LAST, STATUS_404)),
	  .error = "status 404, expected 200" },
	{ .name = "a web page",
	  ANSWER(HEADERS("\x0d", LAST, STATUS_200 TYPE_HTML)),
	  .error = "answer is not gRPC" },
	{ .name = "no message",
	  ANSWER(FIRST_HEADERS TRAILERS),
	  .error = "answer is not a gRPC health message" },
	{ .name = "half a message",
	  ANSWER(FIRST_HEADERS DATA("\6", "\0", "\0\0\0\0\2\x08") TRAILERS),
	  .error = "answer is not a gRPC health message" },
	{ .name = "messages without an end",
	  .conversation = { .turns = { BYTES(SETTINGS ACK FIRST_HEADERS) },
			    .repeat = BYTES(SERVING SERVING SERVING SERVING) },
	  .error = "answer is not a gRPC health message" },
	{ .name = "reset by the server",
	  ANSWER("\0\0\4\3\0\0\0\0\1\0\0\0\2"),
	  .error = "HTTP failed: Stream error in the HTTP/2 framing layer" },
	{ .name = "HTTP/1",
	  .conversation = { .turns = { BYTES("HTTP/1.1 400 Bad Request\r\n\r\n") }, .then = HOLD },
	  .error = "connection ended without an answer by HTTP/2" },
	{ .name = "closed at once",
	  .conversation = { .client_first = true, .then = CLOSE },
	  .error = "connection ended without an answer by HTTP/2" },
	{ .name = "reset at once",
	  .conversation = { .client_first = true, .then = RESET },
	  .error = "connection reset" },
	{ .name = "silence",
	  .conversation = { .client_first = true, .then = HOLD },
	  .error = "timed out after 300 ms waiting for the answer",
	  .timeout_ms = 300 },
	{ .name = "headers alone",
	  ANSWER(FIRST_HEADERS),
	  .error = "timed out after 300 ms in the middle of the answer",
	  .timeout_ms = 300 },
	{ .name = "pings without an end",
	  .conversation = { .turns = { BYTES(SETTINGS ACK) },
			    .repeat = BYTES("\0\0\x08\6\1\0\0\0\0"
					    "12345678") },
	  .error = "timed out after 300 ms waiting for the answer",
	  .timeout_ms = 300 },
};

static struct config_check check_of_case(const struct grpc_case *c, uint16_t port)
{
	struct config_check check = check_of(CHECK_GRPC, port);

	check.grpc_service = (char *)c->service;
	check.interval_ms = 60000;
	check.timeout_ms = c->timeout_ms ? c->timeout_ms : LIMIT_MS;
	return check;
}

static void test_case(void **state)
{
	const struct grpc_case *c = *state;
	struct byte_server *server = byte_server_new(&c->conversation);
	struct config_check check = check_of_case(c, server->port);
	struct watch watch = { 0 };

	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, 2 * LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, c->error ? c->error : "");
	assert_int_equal(health_get(watch.health)->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	health_free(watch.health);
	byte_server_free(server);
}

static void test_request(void **state)
{
	static const struct conversation conversation = {
		.turns = { BYTES(SETTINGS ACK FIRST_HEADERS SERVING TRAILERS) },
		.client_first = true,
		.then = HOLD,
	};
	struct byte_server *server = byte_server_new(&conversation);
	struct config_check check = check_of(CHECK_GRPC, server->port);
	struct watch watch = { 0 };

	(void)state;
	check.grpc_service = (char *)"shop.Cart";
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_memory_equal(server->heard, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	assert_non_null(
		memmem(server->heard, server->heard_length, "\0\0\0\0\x0b\x0a\x09shop.Cart", 16));
	health_free(watch.health);
	byte_server_free(server);
}

static void test_cancel(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct byte_server *server = byte_server_new(&cases[i].conversation);
		struct config_check check = check_of_case(&cases[i], server->port);
		struct watch watch = { 0 };

		watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
		for (size_t turn = 0; turn < i && watch.changes == 0; turn++)
			event_base_loop(base, EVLOOP_ONCE);
		health_free(watch.health);
		byte_server_free(server);
	}
}

int main(void)
{
	enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
	struct CMUnitTest tests[COUNT + 2];

	for (size_t i = 0; i < COUNT; i++)
		tests[i] = (struct CMUnitTest){ cases[i].name, test_case, NULL, NULL,
						(void *)&cases[i] };
	tests[COUNT] = (struct CMUnitTest)cmocka_unit_test(test_request);
	tests[COUNT + 1] = (struct CMUnitTest)cmocka_unit_test(test_cancel);
	return cmocka_run_group_tests_name("check_grpc", tests, setup, teardown);
}
