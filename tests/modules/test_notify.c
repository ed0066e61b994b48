/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the service manager hears, on a socket of each kind that it may name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "notify.h"

enum { MESSAGE_BYTES = 512 };

/* A manager's socket, named in the environment; '@' is for the abstract namespace. */
static int manager(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	socklen_t size = offsetof(struct sockaddr_un, sun_path) + strlen(name);

	strcpy(address.sun_path, name);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	notify_init();
	return fd;
}

static void expect(int fd, const char *wanted)
{
	char message[MESSAGE_BYTES] = "";

	recv(fd, message, sizeof(message) - 1, 0); /* a datagram is there at once, or never */
	assert_string_equal(message, wanted);
}

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000000) + now.tv_nsec / 1000;
}

static void expect_reloading(int fd, int64_t not_before)
{
	char message[MESSAGE_BYTES] = "";
	long long at = 0;

	recv(fd, message, sizeof(message) - 1, 0);
	assert_int_equal(sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%lld", &at), 1);
	assert_true(at >= not_before && at <= now_us());
}

static void life(const char *name)
{
	int fd = manager(name);
	int64_t before;

	assert_null(getenv("NOTIFY_SOCKET")); /* programs that poised starts do not inherit it */
	notify_reloading();
	notify_reloaded();
	expect(fd, ""); /* not ready so far: a reload does not make it so */
	notify_ready();
	expect(fd, "READY=1");
	before = now_us();
	notify_reloading();
	expect_reloading(fd, before);
	notify_reloaded();
	expect(fd, "READY=1");
	notify_status("%d services", 3);
	expect(fd, "STATUS=3 services");
	notify_status("%d services", 3);
	expect(fd, ""); /* said already */
	notify_status("%d services", 4);
	expect(fd, "STATUS=4 services");
	notify_alive();
	expect(fd, "WATCHDOG=1");
	notify_stopping();
	expect(fd, "STOPPING=1");
	close(fd);
	notify_alive(); /* nobody listens: no harm */
}

static void test_path(void **state)
{
	char name[64];

	(void)state;
	snprintf(name, sizeof(name), "/tmp/poise-notify-%d", (int)getpid());
	life(name);
	unlink(name);
}

static void test_abstract_name(void **state)
{
	char name[64];
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "@poise-notify-%d", (int)getpid());
	fd = manager(name);
	notify_alive();
	expect(fd, "WATCHDOG=1");
	close(fd);
}

static void test_watchdog_interval(void **state)
{
	char pid[16];

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1); /* somebody else's */
	notify_init();
	assert_int_equal(notify_watchdog_ms(), 0);
	setenv("WATCHDOG_USEC", "30000000", 1);
	snprintf(pid, sizeof(pid), "%d", (int)getpid());
	setenv("WATCHDOG_PID", pid, 1);
	notify_init();
	assert_int_equal(notify_watchdog_ms(), 30000);
	assert_null(getenv("WATCHDOG_USEC"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_path),
		cmocka_unit_test(test_abstract_name),
		cmocka_unit_test(test_watchdog_interval),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
