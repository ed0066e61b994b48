/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The balancer as poised runs it, its program and its pinned maps, in a network and a mount
 * namespace that vanish with the test program:
 *
 *   in0 10.9.0.1/16 fd09::1/64  ------  in1     with permanent neighbours 10.9.0.11-18 and
 *                                               fd09::11-18, and a gateway 10.9.0.200
 * to 10.64.0.0/10
 *
 * Packets come in by in0 through BPF_PROG_TEST_RUN. A backend goes down when a blackhole route
 * takes the place of the way to it. For one test program to include; cmocka.h comes first.
 */
#ifndef POISE_BALANCER_FIXTURE_H
#define POISE_BALANCER_FIXTURE_H

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "adopt.h"
#include "apply.h"
#include "balancer.h"
#include "loader.h"
#include "log.h"
#include "maglev.h"
#include "maps.h"
#include "pins.h"
#include "poise_flow.h"
#include "runtime.h"
#include "sweep.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum {
	POOL = 10, /* addresses of backends that there are neighbours for: 6 of IPv4, 4 of IPv6 */
	POOL4 = 6,
	FIRST_HOST = 11, /* the last byte of the first one of either */
	SEED = 0x5eed,
	PATIENCE_MS = 8000, /* for what takes timers */
	MODERATE_MS = 2000, /* for what must happen at once */
};

/* The balancer under test; in place of what daemon.c holds. */
struct world {
	struct event_base *base;
	struct loader *loader;
	struct balancer *balancer;
	int program; /* of the latest loader; goes on when that is gone, as an attached one does */
	uint32_t ifindex;
	uint64_t seed;
	char directory[64];
	char pin_path[128];
	unsigned int pins; /* directories so far */
};

static struct world world;

/* Commands. */

static int try(const char *command)
{
	return system(command);
}

__attribute__((format(printf, 1, 2))) static void shell(const char *format, ...)
{
	char command[1024];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(command, sizeof(command), format, arguments);
	va_end(arguments);
	if (try(command) != 0)
		fail_msg("command failed: %s", command);
}

static void host_text(int k, char text[ADDRESS_TEXT_BYTES])
{
	if (k < POOL4)
		snprintf(text, ADDRESS_TEXT_BYTES, "10.9.0.%d", FIRST_HOST + k);
	else
		snprintf(text, ADDRESS_TEXT_BYTES, "fd09::%d", FIRST_HOST + k - POOL4);
}

static struct address address_of(const char *text)
{
	struct address address;

	if (address_parse(text, &address))
		fail_msg("not an address: %s", text);
	return address;
}

static inline struct address host(int k)
{
	char text[ADDRESS_TEXT_BYTES];

	host_text(k, text);
	return address_of(text);
}

/* Breaks the way to a backend, or mends it; poised hears of it from the kernel. */
static inline void host_set_up(int k, bool up)
{
	char text[ADDRESS_TEXT_BYTES];

	host_text(k, text);
	shell("ip route %s blackhole %s/%d", up ? "del" : "add", text, k < POOL4 ? 32 : 128);
}

/* The neighbour of a backend moves to another MAC address, as another router does. */
static inline void host_set_mac(int k, unsigned int number)
{
	char text[ADDRESS_TEXT_BYTES];

	host_text(k, text);
	shell("ip neigh replace %s dev in0 nud permanent lladdr 02:00:00:00:%02x:%02x", text,
	      number & 255, k);
}

/* Namespaces. */

/* Every way to a backend is there, and every neighbour at its first MAC address. */
static void mend_network(void)
{
	char text[ADDRESS_TEXT_BYTES];
	FILE *batch;

	shell("ip -4 route flush type blackhole && ip -6 route flush type blackhole");
	batch = popen("ip -batch -", "w");
	assert_non_null(batch);
	for (int k = 0; k < POOL; k++) {
		host_text(k, text);
		fprintf(batch,
			"neigh replace %s dev in0 nud permanent lladdr 02:00:00:00:00:%02x\n", text,
			k);
	}
	assert_int_equal(pclose(batch), 0);
}

static void make_network(void)
{
	FILE *batch = popen("ip -batch -", "w");

	assert_non_null(batch);
	fprintf(batch, "link set lo up\n"
		       "link add in0 address 02:00:00:00:00:01 type veth peer name in1\n"
		       "link set in1 up\nlink set in0 up\n"
		       "address add 10.9.0.1/16 dev in0\n"
		       "address add fd09::1/64 dev in0 nodad\n"
		       "neigh add 10.9.0.200 dev in0 nud permanent lladdr 02:00:00:00:01:c8\n"
		       "route add 10.64.0.0/10 via 10.9.0.200\n");
	assert_int_equal(pclose(batch), 0);
}

static int world_open(void **state)
{
	(void)state;
	log_init(getenv("POISE_TEST_VERBOSE") ? LOG_LEVEL_INFO : LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	strcpy(world.directory, "/tmp/poise-balancer-XXXXXX");
	if (!mkdtemp(world.directory))
		return -1;
	make_network();
	mend_network();
	world.ifindex = if_nametoindex("in0");
	return 0;
}

/* The mount would go with the namespace; the directory would not. */
static int world_close(void **state)
{
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/bpf", world.directory);
	umount(path);
	rmdir(path);
	return rmdir(world.directory);
}

/* poised's life. */

static int load(char error[LOADER_ERROR_BYTES])
{
	struct loader_options options = { .pin_path = world.pin_path, .seed = world.seed };

	int err = loader_new(&options, &world.loader, error);

	if (err)
		return err;
	if (world.program)
		close(world.program);
	world.program = dup(loader_program_fd(world.loader));
	return 0;
}

/* Starts without a configuration: what is pinned is read, and nothing decided. */
static void start(void)
{
	char error[LOADER_ERROR_BYTES];

	if (load(error))
		fail_msg("loader: %s", error);
	if (!world.base)
		world.base = event_base_new();
	assert_int_equal(balancer_new(world.base, loader_maps(world.loader), &world.balancer), 0);
	assert_int_equal(adopt_all(world.balancer), 0);
}

/* Ends as poised does when it is told to, or killed: nothing is written on the way. */
static void stop(void)
{
	balancer_free(world.balancer);
	loader_free(world.loader);
	world.balancer = NULL;
	world.loader = NULL;
}

/* A data plane of its own for each test. */
static int fresh(void **state)
{
	(void)state;
	world.seed = SEED;
	snprintf(world.pin_path, sizeof(world.pin_path), "%s/bpf/t%u", world.directory,
		 world.pins++);
	start();
	return 0;
}

static int over(void **state)
{
	(void)state;
	stop();
	if (world.base)
		event_base_free(world.base);
	world.base = NULL;
	mend_network();
	return pins_remove(world.pin_path, NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fresh, over)

/* Says why when it cannot. */
static bool can_run(void)
{
	if (geteuid() == 0)
		return true;
	printf("1..0 # SKIP needs root, to make network namespaces and load BPF programs\n");
	return false;
}

/* The event loop. */

static void wake(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
}

/* Runs the loop until done(context), or the time is over. Returns whether done. */
static bool loop_until(bool (*done)(void *context), void *context, int64_t time_ms)
{
	struct timeval tick = { .tv_usec = 1000 };
	struct event *ticker = event_new(world.base, -1, EV_PERSIST, wake, NULL);
	int64_t end = balancer_now_ms() + time_ms;
	bool reached;

	event_add(ticker, &tick);
	event_base_loop(world.base, EVLOOP_NONBLOCK);
	while (!(reached = done(context)) && balancer_now_ms() < end)
		event_base_loop(world.base, EVLOOP_ONCE);
	event_free(ticker);
	return reached;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static inline void loop_for(int64_t time_ms)
{
	loop_until(never, NULL, time_ms);
}

/* Nothing that was asked or begun is without its answer: next hops, states, rings. */
static bool is_quiet(void *context)
{
	(void)context;
	for (size_t i = 0; i < world.balancer->service_count; i++) {
		const struct service *service = world.balancer->services[i];

		if (service->dirty || !service->filled || service->stage.active)
			return false;
		for (const struct backend *b = service->backends; b; b = b->next)
			if (b->state != POISE_RECORD_REMOVED &&
			    (b->dirty || nexthop_get(b->watch)->state == NEXTHOP_RESOLVING ||
			     health_get(b->health)->state == HEALTH_UNKNOWN))
				return false;
	}
	return true;
}

static inline void quieten(void)
{
	if (!loop_until(is_quiet, NULL, MODERATE_MS))
		fail_msg("the balancer did not come to rest in %d ms", MODERATE_MS);
}

/* Configurations. */

/* The text of a configuration being written. */
struct text {
	FILE *stream;
	char *bytes;
	size_t length;
};

/* settle: as in poise.yaml. */
static void text_begin(struct text *text, const char *settle, const char *source)
{
	text->stream = open_memstream(&text->bytes, &text->length);
	assert_non_null(text->stream);
	fprintf(text->stream,
		"interfaces:\n  - name: in0\ntunnel:\n  source_ipv4: %s\nseed: %llu\n"
		"settle: %s\nservices:\n",
		source, (unsigned long long)world.seed, settle);
}

static struct config *text_parse(struct text *text)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	fclose(text->stream);
	if (config_load_text("test", text->bytes, text->length, &config, &errors))
		fail_msg("%s", errors.lines[0]);
	free(text->bytes);
	return config;
}

/* The common case: sections "services:" as literal text. */
static inline struct config *config_with(const char *settle, const char *services)
{
	struct text text;

	text_begin(&text, settle, "172.16.0.0/16");
	fputs(services, text.stream);
	return text_parse(&text);
}

/* Applies; refused: whether it must be. Returns the lines of the errors, for lines_free(). */
static struct lines apply_or_not(struct config *config, bool refused)
{
	struct audit_list changes = { 0 };
	struct lines errors = { 0 };
	int err = balancer_apply(world.balancer, config, &changes, &errors);

	if (refused != (err != 0))
		fail_msg("expected %s, got %d: %s", refused ? "a refusal" : "success", err,
			 errors.count ? errors.text[0] : "no error");
	if (err)
		config_free(config);
	assert_true(err ? errors.count > 0 : errors.count == 0);
	audit_list_free(&changes);
	return errors;
}

static inline const char *or_none(const char *text)
{
	return text ? text : "(none)";
}

static inline void expect_change(const struct audit_change *got,
				 const struct audit_change *expected)
{
	assert_string_equal(got->text, expected->text);
	assert_string_equal(or_none(got->service), or_none(expected->service));
	assert_string_equal(or_none(got->backend), or_none(expected->backend));
	assert_string_equal(or_none(got->what), or_none(expected->what));
	assert_string_equal(or_none(got->before), or_none(expected->before));
	assert_string_equal(or_none(got->after), or_none(expected->after));
}

/* Applies; the changes are these, in this order, in words and in fields. */
static inline void apply_telling(struct config *config, const struct audit_change *expected,
				 size_t count)
{
	struct audit_list changes = { 0 };
	struct lines errors = { 0 };

	assert_int_equal(balancer_apply(world.balancer, config, &changes, &errors), 0);
	for (size_t i = 0; i < changes.count && i < count; i++)
		expect_change(&changes.changes[i], &expected[i]);
	assert_int_equal(changes.count, count);
	audit_list_free(&changes);
}

static inline void apply(struct config *config)
{
	struct lines errors = apply_or_not(config, false);

	lines_free(&errors);
}

/* Expects a refusal that says text. */
static inline void apply_refused(struct config *config, const char *text)
{
	struct lines errors = apply_or_not(config, true);

	for (size_t i = 0; i < errors.count; i++)
		if (strstr(errors.text[i], text)) {
			lines_free(&errors);
			return;
		}
	fail_msg("expected '%s' in an error, got: %s", text, errors.text[0]);
}

static inline struct service *service_named(const char *name)
{
	struct service *service = balancer_find(world.balancer, name);

	if (!service)
		fail_msg("no service '%s'", name);
	return service;
}

#endif
