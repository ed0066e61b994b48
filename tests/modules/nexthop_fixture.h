/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What tests of next hops against the kernel begin with. Each test has two network namespaces of
 * its own, which vanish with it: this process's, and that of a child which only keeps it alive.
 *
 *        this process ("near")              the child ("far")
 *   a0 10.1.0.1/24  fd01::1/64  ------  a1 10.1.0.2/24  fd01::2/64
 *   b0 10.2.0.1/24  fd02::1/64  ------  b1 10.2.0.2/24  fd02::2/64
 *
 * Neighbours are probed quickly: a silent one is known to be so within half a second. For one test
 * program to include; cmocka.h comes first.
 */
#ifndef POISE_NEXTHOP_FIXTURE_H
#define POISE_NEXTHOP_FIXTURE_H

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "log.h"
#include "nexthop.h"

enum {
	/* For what must happen at once: below the time after which poised looks again by itself. */
	DEADLINE_MS = 3500,
	PATIENCE_MS = 15000, /* for what takes timers */
	QUIET_MS = 300,	     /* for what must not happen */
};

static const uint8_t mac_a0[] = { 2, 0, 0, 0, 0xa, 0 }, mac_a1[] = { 2, 0, 0, 0, 0xa, 1 };
static const uint8_t mac_b0[] = { 2, 0, 0, 0, 0xb, 0 }, mac_b1[] = { 2, 0, 0, 0, 0xb, 1 };
static const uint8_t mac_new[] = { 2, 0, 0, 0, 0xc, 0xc };

static pid_t far_pid;
static struct event_base *base;
static struct nexthops *nexthops;

struct seen {
	struct nexthop_watch *watch;
	struct nexthop last; /* as the callback got it */
	unsigned int calls;
	unsigned int states; /* bit N: state N was told of */
	bool free_it;	     /* in the callback */
};

/* Commands. */

static void run(const char *command)
{
	if (system(command) != 0)
		fail_msg("command failed: %s", command);
}

__attribute__((format(printf, 1, 2))) static void near(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	run(command);
}

__attribute__((format(printf, 1, 2))) static void far(const char *format, ...)
{
	char command[1024];
	va_list arguments;
	int used = snprintf(command, sizeof(command), "nsenter --net=/proc/%d/ns/net ", far_pid);

	va_start(arguments, format);
	vsnprintf(command + used, sizeof(command) - used, format, arguments);
	va_end(arguments);
	run(command);
}

/* Lines that a command prints. */
__attribute__((unused)) static int lines_of(const char *command)
{
	FILE *pipe = popen(command, "r");
	int c, lines = 0;

	assert_non_null(pipe);
	while ((c = fgetc(pipe)) != EOF)
		lines += c == '\n';
	pclose(pipe);
	return lines;
}

static void write_sysctl(const char *path, const char *value)
{
	FILE *file = fopen(path, "w");

	if (!file || fputs(value, file) < 0 || fclose(file) != 0)
		fail_msg("writing '%s' to %s: %s", value, path, strerror(errno));
}

static void probe_fast(const char *interface)
{
	static const char *const names[][2] = {
		{ "mcast_solicit", "2" },
		{ "ucast_solicit", "2" },
		{ "retrans_time_ms", "200" },
		{ "delay_first_probe_time", "1" },
		{ "base_reachable_time_ms", "60000" },
	};
	char path[128];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		for (int family = 4; family <= 6; family += 2) {
			snprintf(path, sizeof(path), "/proc/sys/net/ipv%d/neigh/%s/%s", family,
				 interface, names[i][0]);
			write_sysctl(path, names[i][1]);
		}
}

/* Topology. */

static void keep_far(int ready)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (unshare(CLONE_NEWNET) < 0 || write(ready, "", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

static void start_far(void)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	far_pid = fork();
	assert_true(far_pid >= 0);
	if (far_pid == 0)
		keep_far(ready[1]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
}

/* A pair of interfaces, such as a0 and a1, and the networks 10.N.0.0/24 and fdN::/64 on them. */
static void add_pair(char letter, int network)
{
	char interface[] = { letter, '0', 0 };

	near("ip link add %c0 address 02:00:00:00:0%c:00 type veth peer name %c1 "
	     "address 02:00:00:00:0%c:01 netns %d",
	     letter, letter, letter, letter, far_pid);
	near("ip address add 10.%d.0.1/24 dev %c0 && ip link set %c0 up", network, letter, letter);
	near("ip address add fd%02d::1/64 dev %c0 nodad", network, letter);
	far("ip address add 10.%d.0.2/24 dev %c1", network, letter);
	far("ip address add fd%02d::2/64 dev %c1 nodad", network, letter);
	far("ip link set %c1 up", letter);
	probe_fast(interface);
}

static int set_up(void **state)
{
	(void)state;
	if (unshare(CLONE_NEWNET) < 0)
		return -1;
	start_far();
	near("ip link set lo up");
	far("ip link set lo up");
	write_sysctl("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
	far("sysctl -qw net.ipv6.conf.default.accept_dad=0 net.ipv4.conf.default.arp_notify=1");
	add_pair('a', 1);
	add_pair('b', 2);
	base = event_base_new();
	assert_non_null(base);
	assert_int_equal(nexthops_new(base, &nexthops), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	nexthops_free(nexthops);
	nexthops = NULL;
	event_base_free(base);
	kill(far_pid, SIGKILL);
	waitpid(far_pid, NULL, 0);
	return 0;
}

/* Watching. */

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wake(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
}

/* Runs the loop until done(context), or the time is over. Returns whether done. */
static bool loop_until(bool (*done)(void *context), void *context, int64_t time_ms)
{
	struct timeval tick = { .tv_usec = 20000 };
	struct event *ticker = event_new(base, -1, EV_PERSIST, wake, NULL);
	int64_t end = now_ms() + time_ms;
	bool reached = false;

	event_add(ticker, &tick);
	while (!(reached = done(context)) && now_ms() < end)
		event_base_loop(base, EVLOOP_ONCE);
	event_free(ticker);
	return reached;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static void on_change(void *context, const struct nexthop *nexthop)
{
	struct seen *seen = context;

	seen->calls++;
	seen->states |= 1u << nexthop->state;
	seen->last = *nexthop;
	if (!seen->free_it)
		return;
	nexthop_watch_free(seen->watch);
	seen->watch = NULL;
	assert_int_equal(nexthop->state, seen->last.state);
}

static void watch(struct seen *seen, const char *text)
{
	struct address address;

	memset(seen, 0, sizeof(*seen));
	assert_int_equal(address_parse(text, &address), 0);
	seen->watch = nexthop_watch_new(nexthops, &address, on_change, seen);
	assert_non_null(seen->watch);
	assert_int_equal(nexthop_get(seen->watch)->state, NEXTHOP_RESOLVING);
	assert_int_equal(seen->calls, 0);
}

struct wanted {
	const struct seen *seen;
	enum nexthop_state state;
	const char *interface; /* in READY: NULL and 0 stand for any */
	const char *gateway;
	const uint8_t *destination, *source;
	const uint16_t *vlan; /* both tags */
	uint16_t mtu;
	int64_t time_ms; /* 0: DEADLINE_MS */
};

static bool reached(void *context)
{
	const struct wanted *want = context;
	const struct nexthop *now = nexthop_get(want->seen->watch);
	char text[ADDRESS_TEXT_BYTES];

	return now->state == want->state &&
	       (!want->interface || (strcmp(now->interface, want->interface) == 0 &&
				     now->ifindex == if_nametoindex(want->interface))) &&
	       (!want->gateway ||
		strcmp(address_format(&now->gateway, text), want->gateway) == 0) &&
	       (!want->destination || memcmp(now->destination_mac, want->destination, 6) == 0) &&
	       (!want->source || memcmp(now->source_mac, want->source, 6) == 0) &&
	       (!want->vlan || memcmp(now->vlan, want->vlan, sizeof(now->vlan)) == 0) &&
	       (!want->mtu || now->mtu == want->mtu);
}

static void print(const struct nexthop *n)
{
	char text[ADDRESS_TEXT_BYTES] = "";

	print_error("got: %s", nexthop_state_text(n->state));
	if (n->state == NEXTHOP_READY)
		print_error(", %s (%u), gateway %s, to ..:%02x:%02x, from ..:%02x:%02x, tags %04x "
			    "%04x, "
			    "mtu %u",
			    n->interface, n->ifindex, address_format(&n->gateway, text),
			    n->destination_mac[4], n->destination_mac[5], n->source_mac[4],
			    n->source_mac[5], n->vlan[0], n->vlan[1], n->mtu);
	print_error("\n");
}

static void expect_wanted(struct wanted want, int line)
{
	if (!loop_until(reached, &want, want.time_ms ? want.time_ms : DEADLINE_MS)) {
		print(nexthop_get(want.seen->watch));
		fail_msg("line %d: '%s' was not reached", line, nexthop_state_text(want.state));
	}
	/* What the callback was told last is what nexthop_get() says. */
	assert_true(want.seen->calls > 0);
	assert_memory_equal(&want.seen->last, nexthop_get(want.seen->watch),
			    sizeof(struct nexthop));
}

#define expect(watched, ...)                                                                       \
	expect_wanted((struct wanted){ .seen = (watched), __VA_ARGS__ }, __LINE__)

/* Lets QUIET_MS pass, in which no callback may be called. */
__attribute__((unused)) static void expect_quiet(const struct seen *seen)
{
	unsigned int calls = seen->calls;

	loop_until(never, NULL, QUIET_MS);
	if (seen->calls != calls)
		print(&seen->last);
	assert_int_equal(seen->calls, calls);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

/* Says why when it cannot. */
static bool can_run(void)
{
	log_init(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
	if (geteuid() == 0)
		return true;
	printf("1..0 # SKIP needs root, to make network namespaces\n");
	return false;
}

#endif
