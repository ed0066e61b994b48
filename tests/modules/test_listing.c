/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Long answers of the control socket: they hold each service and backend once, and what they say is
 * true also when services and backends go while they are being read.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"
#include "commands.h"
#include "control.h"
#include "daemon.h"

enum {
	MANY = 2000, /* backends: more than may be made before some of it is read */
	TURNS = 200,
};

#define REQUEST(command, more) "{\"version\":1,\"command\":\"" command "\"" more "}\n"
#define LAST                                                                                       \
	"- name: last\n  address: 203.0.113.11\n  port: 80\n  ring_size: 1021\n  backends:\n" B0 B2

static char socket_path[64];
static struct daemon daemon_of_test;

/* Listens, with this configuration in force. */
static void listen_with(struct config *config)
{
	snprintf(socket_path, sizeof(socket_path), "/tmp/poise-listing-%d", (int)getpid());
	apply(config);
	daemon_of_test = (struct daemon){ .base = world.base, .balancer = world.balancer };
	assert_int_equal(control_new(world.base, socket_path, &daemon_of_test.access,
				     commands_handle, &daemon_of_test, &daemon_of_test.control),
			 0);
}

static void listen_no_more(void)
{
	control_free(daemon_of_test.control);
}

/* 'web' with so many backends, and another service. They are behind a router: as neighbours they
 * would fill the kernel's table, which other tests share, for it is one for all namespaces. */
static struct config *many(int count, const char *other)
{
	char *text = malloc(count * 64 + 4096), *end = text;
	struct config *config;

	end += sprintf(end, "%s", WEB_AT("web", "80"));
	for (int i = 0; i < count; i++)
		end += sprintf(end, "  - { name: m%d, address: 10.64.%d.%d }\n", i, 16 + i / 250,
			       1 + i % 250);
	strcpy(end, other);
	config = config_with("15m", text);
	free(text);
	return config;
}

static int ask(const char *request)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	strcpy(address.sun_path, socket_path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(send(fd, request, strlen(request), 0), strlen(request));
	return fd;
}

static void turns(int count)
{
	while (count--)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
}

/* The result of an answer that is being made. */
static json_t *hear(int fd)
{
	size_t room = 8 << 20, held = 0;
	char *line = malloc(room);
	json_t *answer, *result;

	while (!held || line[held - 1] != '\n') {
		ssize_t got = recv(fd, line + held, room - held, MSG_DONTWAIT);

		assert_true(got > 0 || (got < 0 && errno == EAGAIN));
		held += got > 0 ? got : 0;
		turns(1);
	}
	answer = json_loadb(line, held, JSON_REJECT_DUPLICATES, NULL);
	if (!answer || !json_is_true(json_object_get(answer, "ok")))
		fail_msg("not an answer: '%.*s'", (int)(held < 200 ? held : 200), line);
	result = json_incref(json_object_get(answer, "result"));
	json_decref(answer);
	free(line);
	close(fd);
	return result;
}

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* How many there are, each once. */
static size_t count_once(const json_t *list)
{
	json_t *seen = json_object();
	size_t count = json_array_size(list);

	for (size_t i = 0; i < count; i++) {
		char name[256];
		const json_t *item = json_array_get(list, i);
		const char *service = text_of(item, "service");

		snprintf(name, sizeof(name), "%s/%s", service ? service : "",
			 text_of(item, "name"));
		assert_null(json_object_get(seen, name));
		json_object_set_new(seen, name, json_true());
	}
	json_decref(seen);
	return count;
}

static void every_list_is_whole(void **state)
{
	static const struct {
		const char *request, *list;
		size_t count;
	} lists[] = {
		{ REQUEST("service-list", ""), "services", 2 },
		{ REQUEST("backend-list", ""), "backends", MANY + 2 },
		{ REQUEST("backend-list", ",\"arguments\":{\"service\":\"last\"}"), "backends", 2 },
		{ REQUEST("stats", ""), "services", 2 },
		{ REQUEST("stats", ""), "backends", MANY + 2 },
	};

	(void)state;
	listen_with(many(MANY, LAST));
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		json_t *result = hear(ask(lists[i].request));

		assert_int_equal(count_once(json_object_get(result, lists[i].list)),
				 lists[i].count);
		assert_null(json_object_get(json_array_get(json_object_get(result, "services"), 0),
					    "backends"));
		json_decref(result);
	}
	listen_no_more();
}

static void a_service_holds_its_own_backends(void **state)
{
	json_t *result, *service;

	(void)state;
	listen_with(many(MANY, LAST));
	result = hear(ask(REQUEST("service-show", ",\"arguments\":{\"service\":\"web\"}")));
	service = json_object_get(result, "service");
	assert_string_equal(text_of(service, "name"), "web");
	assert_int_equal(count_once(json_object_get(service, "backends")), MANY);
	json_decref(result);
	listen_no_more();
}

static void what_goes_meanwhile_is_left_out(void **state)
{
	json_t *result;
	int fd;

	(void)state;
	listen_with(many(MANY, LAST));
	fd = ask(REQUEST("backend-list", ""));
	turns(TURNS);
	apply(config_with("15m", LAST));
	result = hear(fd);
	assert_in_range(count_once(json_object_get(result, "backends")), 3, MANY - 1);
	json_decref(result);
	listen_no_more();
}

static void a_service_that_goes_meanwhile_ends_its_list(void **state)
{
	json_t *result, *service;
	int fd;

	(void)state;
	listen_with(many(MANY, LAST));
	fd = ask(REQUEST("service-show", ",\"arguments\":{\"service\":\"web\"}"));
	turns(TURNS);
	apply(config_with("15m", LAST));
	result = hear(fd);
	service = json_object_get(result, "service");
	assert_string_equal(text_of(service, "name"), "web");
	assert_in_range(count_once(json_object_get(service, "backends")), 1, MANY - 1);
	json_decref(result);
	listen_no_more();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(every_list_is_whole),
		TEST(a_service_holds_its_own_backends),
		TEST(what_goes_meanwhile_is_left_out),
		TEST(a_service_that_goes_meanwhile_ends_its_list),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
