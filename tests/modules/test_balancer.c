/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The whole balancer with its program, one behaviour a test: what becomes of backends and services
 * that are removed, renamed, changed by command or by configuration, over reloads and restarts, and
 * what is refused without a trace. Random histories are in test_balancer_model.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"

enum { CONNECTIONS = 300 };

#define WEB_AT(name, port)                                                                         \
	"- name: " name "\n  address: 203.0.113.10\n  port: " port "\n  ring_size: 1021\n"         \
	"  backends:\n"
#define WEB WEB_AT("web", "80")
#define B0  "  - { name: b0, address: 10.9.0.11 }\n"
#define B1  "  - { name: b1, address: 10.9.0.12 }\n"
#define B2  "  - { name: b2, address: 10.9.0.13 }\n"
#define B3  "  - { name: b3, address: 10.9.0.14 }\n"

/* Connections, each with the backend that it began at. */
struct connections {
	struct tuple tuples[CONNECTIONS];
	int members[CONNECTIONS];
};

static void connect_all(struct connections *all, const char *vip, uint16_t port)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		all->tuples[i] = (struct tuple){ .vip = address_of(vip),
						 .vport = port,
						 .port = 20000 + i,
						 .client = 0xc6336402 };
		all->members[i] = packet_sent(&all->tuples[i], TH_SYN);
		if (all->members[i] < 0)
			fail_msg("connection %d was not let in: %d", i, all->members[i]);
	}
}

static void expect_kept(const struct connections *all)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		int got = packet_sent(&all->tuples[i], TH_ACK);

		if (all->members[i] >= 0 && got != all->members[i])
			fail_msg("connection %d: expected backend %d, got %d", i, all->members[i],
				 got);
	}
}

static int count_at(const struct connections *all, int member)
{
	int count = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		count += all->members[i] == member;
	return count;
}

static int sent_to(const char *vip, uint16_t port)
{
	struct tuple tuple = {
		.vip = address_of(vip), .vport = port, .port = 1025, .client = 0xc6336403
	};

	return packet_sent(&tuple, TH_SYN);
}

static void begin(const char *settle, const char *services)
{
	apply(config_with(settle, services));
	quieten();
}

static void restart_with(struct config *config)
{
	stop();
	start();
	apply(config);
	quieten();
}

static struct backend *backend_named(const char *service, const char *name)
{
	struct backend *backend = service_find(service_named(service), name);

	if (!backend)
		fail_msg("no backend '%s/%s'", service, name);
	return backend;
}

static struct backend *add(const char *name, int k)
{
	char error[RUNTIME_ERROR_BYTES];
	struct address address = host(k);
	struct backend *backend;

	if (runtime_add(world.balancer, service_named("web"), name, &address, 100, &backend, error))
		fail_msg("%s", error);
	quieten();
	return backend;
}

static void add_refused(const char *name, const char *address_text, const char *expected)
{
	char error[RUNTIME_ERROR_BYTES] = "accepted";
	struct address address = address_of(address_text);
	struct backend *backend;

	runtime_add(world.balancer, service_named("web"), name, &address, 100, &backend, error);
	if (!strstr(error, expected))
		fail_msg("expected '%s', got '%s'", expected, error);
}

static bool remove_one(struct backend *backend, bool now)
{
	char error[RUNTIME_ERROR_BYTES];
	bool gone;

	if (runtime_remove(world.balancer, backend, now, &gone, error))
		fail_msg("%s", error);
	return gone;
}

static void drain(struct backend *backend, bool on)
{
	char error[RUNTIME_ERROR_BYTES];

	if (runtime_drain(world.balancer, backend, on, error))
		fail_msg("%s", error);
}

static void set_weight(struct backend *backend, uint16_t weight)
{
	char error[RUNTIME_ERROR_BYTES];

	if (runtime_weight(world.balancer, backend, weight, error))
		fail_msg("%s", error);
}

/* What the data plane has of a service, to see whether it changed. */
struct image {
	uint16_t slots[1021];
	struct poise_settings settings;
	size_t services, free_indexes;
};

static struct image image_of(const char *name)
{
	struct service *service = service_named(name);
	struct image image = { .settings = *maps_settings(world.balancer->maps),
			       .services = world.balancer->service_count,
			       .free_indexes = balancer_free_indexes(world.balancer) };

	assert_int_equal(service->ring.size, ARRAY_SIZE(image.slots));
	memcpy(image.slots, service->ring.slots, sizeof(image.slots));
	return image;
}

static void expect_image(const char *name, const struct image *before)
{
	struct image now = image_of(name);

	assert_memory_equal(&now, before, sizeof(now));
}

/* Backends. */

static void an_index_is_not_reused_before_a_sweep(void **state)
{
	struct backend *backend;
	uint16_t index;

	(void)state;
	begin("15m", WEB B0 B1);
	backend = add("b2", 2);
	index = backend->index;
	assert_true(remove_one(backend, true));
	assert_null(world.balancer->by_index[index]);
	assert_int_not_equal(add("b3", 3)->index, index);
	upkeep_sweep(world.balancer);
	assert_int_not_equal(balancer_take_index(world.balancer), index);
	upkeep_sweep(world.balancer);
	assert_int_equal(balancer_take_index(world.balancer), index);
}

struct waiting {
	const struct connections *connections;
	const char *name;
	int64_t checked_at;
};

static bool is_forgotten(void *context)
{
	struct waiting *waiting = context;

	if (waiting->connections && balancer_now_ms() > waiting->checked_at + 200) {
		waiting->checked_at = balancer_now_ms();
		expect_kept(waiting->connections);
	}
	return !service_find(service_named("web"), waiting->name);
}

static bool is_gone(void *context)
{
	const struct waiting *waiting = context;

	return backend_gone(world.balancer, backend_named("web", waiting->name));
}

/* Both backends lose their place at once: one is removed, one drained. */
static void leaving_backends_are_gone_when_their_connections_are(void **state)
{
	struct waiting waiting = { .name = "b2" };
	struct connections all;

	(void)state;
	begin("1s", WEB B0 B1);
	add("b2", 2);
	connect_all(&all, "203.0.113.10", 80);
	assert_true(count_at(&all, 1) > 30 && count_at(&all, 2) > 30);
	assert_false(remove_one(backend_named("web", "b2"), false));
	drain(backend_named("web", "b1"), true);
	waiting.connections = &all;
	assert_false(loop_until(is_forgotten, &waiting, 4000));
	waiting.name = "b1";
	assert_false(is_gone(&waiting));
	waiting.connections = NULL;
	assert_true(loop_until(is_gone, &waiting, PATIENCE_MS));
	waiting.name = "b2";
	assert_true(loop_until(is_forgotten, &waiting, PATIENCE_MS));
	assert_int_equal(service_named("web")->moving, 0);
}

static void a_removed_declared_backend_stays_removed_until_added(void **state)
{
	struct backend *backend;

	(void)state;
	begin("15m", WEB B0 B1);
	assert_false(remove_one(backend_named("web", "b1"), true));
	apply(config_with("15m", WEB B0 B1));
	quieten();
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_REMOVED);
	restart_with(config_with("15m", WEB B0 B1));
	backend = backend_named("web", "b1");
	assert_int_equal(backend->state, POISE_RECORD_REMOVED);
	assert_int_equal(backend->slots, 0);
	assert_ptr_equal(add("b1", 1), backend);
	assert_true(backend->slots > 400);
	assert_false(backend->record & POISE_RECORD_OUT);
	restart_with(config_with("15m", WEB B0 B1));
	assert_true(backend_eligible(backend_named("web", "b1")));
}

/* The configuration's word counts again when it has given the backend up in between. */
static void a_backend_declared_anew_is_no_longer_removed(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	assert_false(remove_one(backend_named("web", "b1"), false));
	apply(config_with("15m", WEB B0));
	restart_with(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->state, POISE_RECORD_ACTIVE);
}

/* Otherwise a configuration that did not change would be refused from then on. */
static void the_name_of_a_removed_declared_backend_is_taken(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	remove_one(backend_named("web", "b1"), false);
	add_refused("b1", "10.9.0.13", "declares");
	remove_one(backend_named("web", "b1"), true);
	add_refused("b1", "10.9.0.13", "declares");
	add("b2", 2);
	apply(config_with("15m", WEB B0 B1));
	restart_with(config_with("15m", WEB B0 B1));
}

static void adding_what_cannot_be_is_refused(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	add_refused("b0", "10.9.0.13", "has a backend 'b0' already");
	add_refused("b9", "10.9.0.11", "has that address already, as backend 'b0'");
	add_refused("b9", "203.0.113.10", "would loop");
	add_refused("b9", "127.0.0.1", "unicast address of another host");
	remove_one(backend_named("web", "b0"), false);
	add_refused("b9", "10.9.0.11", "which is being removed");
	assert_int_equal(balancer_free_indexes(world.balancer), POISE_MAX_BACKENDS - 3);
}

static void renaming_moves_no_slot(void **state)
{
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	apply(config_with("15m", WEB "  - { name: b1, address: 10.9.0.11 }\n"
				     "  - { name: b0, address: 10.9.0.12 }\n"));
	quieten();
	expect_image("web", &before);
	assert_int_equal(backend_named("web", "b1")->address.bytes[3], 11);
	restart_with(config_with("15m", WEB B0 "  - { name: b9, address: 10.9.0.12 }\n"));
	expect_image("web", &before);
}

static void a_weight_by_command_stays_until_it_is_declared(void **state)
{
	(void)state;
	begin("15m", WEB B0 B1);
	set_weight(backend_named("web", "b1"), 25);
	apply(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->weight, 25);
	restart_with(
		config_with("15m", WEB B0 "  - { name: b1, address: 10.9.0.12, weight: 50 }\n"));
	assert_int_equal(backend_named("web", "b1")->weight, 25);
	apply(config_with("15m", WEB B0 "  - { name: b1, address: 10.9.0.12, weight: 25 }\n"));
	assert_false(backend_named("web", "b1")->record & POISE_RECORD_WEIGHT);
	apply(config_with("15m", WEB B0 B1));
	assert_int_equal(backend_named("web", "b1")->weight, 100);
}

/* Services. */

static void a_first_fill_waits_for_results_and_moves_nothing(void **state)
{
	static const char unanswered[] =
		"  check: { type: tcp, port: 80, interval: 1s, timeout: 300ms }\n";
	struct service *web, *slow;
	char text[1024];
	int64_t begun = balancer_now_ms();

	(void)state;
	snprintf(text, sizeof(text), "%s%s%s", WEB B0 B1 B2, WEB_AT("slow", "81") B0, unanswered);
	apply(config_with("15m", text));
	web = service_named("web");
	slow = service_named("slow");
	assert_false(web->filled);
	assert_int_equal(sent_to("203.0.113.10", 80), DROPPED);
	assert_false(loop_until(is_quiet, NULL, 100));
	assert_true(web->filled);
	assert_false(slow->filled);
	assert_true(sent_to("203.0.113.10", 80) >= 0);
	quieten();
	assert_true(balancer_now_ms() >= begun + 300);
	assert_int_equal(sent_to("203.0.113.10", 81), DROPPED);
	assert_int_equal(web->moving, 0);
	assert_int_equal(slow->moving, 0);
}

static void another_port_is_another_service(void **state)
{
	(void)state;
	begin("15m", WEB B0);
	assert_int_equal(sent_to("203.0.113.10", 80), 0);
	apply(config_with("15m", WEB_AT("web", "81") B1));
	quieten();
	assert_int_equal(sent_to("203.0.113.10", 80), PASSED);
	assert_int_equal(sent_to("203.0.113.10", 81), 1);
	assert_int_equal(world.balancer->service_count, 1);
}

static void two_services_swap_addresses(void **state)
{
	(void)state;
	begin("15m", WEB_AT("a", "80") B0 WEB_AT("b", "81") B1);
	apply(config_with("15m", WEB_AT("b", "80") B1 WEB_AT("a", "81") B0));
	quieten();
	assert_int_equal(sent_to("203.0.113.10", 80), 1);
	assert_int_equal(sent_to("203.0.113.10", 81), 0);
	restart_with(config_with("15m", WEB_AT("a", "80") B0 WEB_AT("b", "81") B1));
	assert_int_equal(sent_to("203.0.113.10", 80), 0);
	assert_int_equal(sent_to("203.0.113.10", 81), 1);
	assert_int_equal(world.balancer->service_count, 2);
	assert_int_equal(world.balancer->address_count, 1);
}

/* What was recorded of the connections of a service that is gone says nothing of those of a new
 * one, whether or not poised is another one by then. */
static void a_service_that_comes_again_begins_anew(void **state)
{
	struct connections all;

	(void)state;
	for (int restarts = 0; restarts < 2; restarts++) {
		begin("15m", WEB B0 B1);
		add("b2", 2);
		connect_all(&all, "203.0.113.10", 80); /* some are recorded */
		apply(config_with("15m", ""));
		assert_int_equal(sent_to("203.0.113.10", 80), PASSED);
		if (restarts)
			restart_with(config_with("15m", WEB B1 B2 B3));
		else
			begin("15m", WEB B1 B2 B3);
		connect_all(&all, "203.0.113.10", 80);
		set_weight(backend_named("web", "b2"), 0);
		expect_kept(&all);
		apply(config_with("15m", ""));
	}
}

/* The same after a death in the middle of the service's removal. */
static void a_service_that_a_death_removed_begins_anew(void **state)
{
	struct connections all;
	struct service *web;

	(void)state;
	begin("15m", WEB B0 B1);
	add("b2", 2);
	connect_all(&all, "203.0.113.10", 80);
	web = service_named("web");
	maps_service_withdraw(world.balancer->maps, web->index);
	restart_with(config_with("15m", WEB B1 B2 B3));
	connect_all(&all, "203.0.113.10", 80);
	set_weight(backend_named("web", "b2"), 0);
	expect_kept(&all);
}

/* A fragment's service is not known, but its address's is: it is dropped only while there is one.
 */
static void a_death_leaves_no_address_without_a_service(void **state)
{
	struct tuple tuple = {
		.vip = address_of("203.0.113.10"), .vport = 80, .port = 1025, .client = 1 << 24
	};
	struct frame frame;
	size_t length = frame_make(&tuple, TH_SYN, &frame);
	uint8_t out[256];

	(void)state;
	frame.v4.ip.frag_off = htons(0x2000);
	begin("15m", WEB B0);
	assert_int_equal(run_frame(&frame, length, out, sizeof(out)), XDP_DROP);
	maps_service_withdraw(world.balancer->maps, service_named("web")->index);
	restart_with(config_with("15m", ""));
	assert_int_equal(run_frame(&frame, length, out, sizeof(out)), XDP_PASS);
	assert_int_equal(world.balancer->address_count, 0);
}

/* A longer settle time does not bring expired exceptions back. */
static void a_longer_settle_finds_no_expired_exception(void **state)
{
	struct poise_exception_bucket *buckets;
	struct connections all;

	(void)state;
	begin("1s", WEB B0 B1 B2);
	connect_all(&all, "203.0.113.10", 80);
	buckets = maps_exceptions(world.balancer->maps);
	for (int i = 0; i < CONNECTIONS; i++) {
		uint32_t addresses[2] = { htonl(all.tuples[i].client) };
		uint32_t ports = htons(all.tuples[i].port) | (uint32_t)htons(80) << 16;
		uint64_t hash;

		memcpy(&addresses[1], all.tuples[i].vip.bytes, 4);
		hash = poise_flow_hash4(addresses[0], addresses[1], ports, IPPROTO_TCP, SEED);
		hash = poise_exception_hash(hash,
					    maps_settings(world.balancer->maps)->exception_key);
		buckets[hash % POISE_EXCEPTION_BUCKETS].word[0] =
			poise_exception_make(hash, backend_named("web", "b0")->index,
					     POISE_EXCEPTION_ESTABLISHED, balancer_clock() - 10);
	}
	apply(config_with("15m", WEB B0 B1 B2));
	add("b3", 3);
	expect_kept(&all);
}

/* Refusals. */

static void refused_configurations_change_nothing(void **state)
{
	static const struct {
		const char *head, *services, *error;
	} cases[] = {
		{ "",
		  "- name: web\n  address: 203.0.113.10\n  port: 80\n  ring_size: 2053\n"
		  "  backends:\n" B0 B1 B2,
		  "services.web.ring_size" },
		{ "control: { socket: /run/other.sock }\n", WEB B0 B1 B2, "control.socket" },
		{ "pin_path: /sys/fs/bpf/other\n", WEB B0 B1 B2, "pin_path" },
		{ "", WEB B0 "  - { name: b9, address: 10.9.0.12 }\n", "'b9' belongs to another" },
	};
	struct image before;
	struct text text;

	(void)state;
	begin("15m", WEB B0 B1);
	add("b9", 9);
	before = image_of("web");
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		text_begin(&text, "1s", "172.20.0.0/16");
		fprintf(text.stream, "%s%s", cases[i].services, cases[i].head);
		apply_refused(text_parse(&text), cases[i].error);
		loop_for(50);
		expect_image("web", &before);
	}
	world.seed++;
	apply_refused(config_with("1s", WEB B0), "seed");
	expect_image("web", &before);
}

static void services_are_made_all_or_none(void **state)
{
	bool used[POISE_SERVICE_ENTRIES];
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	memcpy(used, world.balancer->service_used, sizeof(used));
	for (int i = 0; i < POISE_SERVICE_ENTRIES - 2; i++)
		world.balancer->service_used[i] = true;
	apply_refused(config_with("1s", WEB B0 WEB_AT("s1", "81") B0 WEB_AT("s2", "82")
						B1 WEB_AT("s3", "83") B1),
		      "service 's3': no room");
	memcpy(world.balancer->service_used, used, sizeof(used));
	expect_image("web", &before);
	assert_int_equal(sent_to("203.0.113.10", 81), PASSED);
	begin("15m", WEB B0 WEB_AT("s1", "81") B0 WEB_AT("s2", "82") B1);
	assert_int_equal(sent_to("203.0.113.10", 82), 1);
}

static void load_refused(int expected, const char *text)
{
	char error[LOADER_ERROR_BYTES];

	assert_int_equal(load(error), expected);
	if (!strstr(error, text))
		fail_msg("expected '%s' in '%s'", text, error);
}

/* Shared memory of a pinned map. */
static void *pinned(const char *name, size_t size)
{
	char path[256];
	void *memory;
	int fd;

	assert_int_equal(pins_path(world.pin_path, name, path, sizeof(path)), 0);
	fd = bpf_obj_get(path);
	assert_true(fd >= 0);
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(memory, MAP_FAILED);
	close(fd);
	return memory;
}

static void another_abi_or_seed_is_refused_at_the_start(void **state)
{
	struct poise_settings *settings;
	struct connections all;

	(void)state;
	begin("15m", WEB B0 B1);
	connect_all(&all, "203.0.113.10", 80);
	settings = pinned("settings", 4096);
	stop();
	settings->abi_version = 99;
	load_refused(-EPROTO, "have ABI version 99, this poised has");
	settings->abi_version = POISE_ABI_VERSION;
	world.seed++;
	load_refused(-EINVAL, "the running data plane has 0x5eed");
	world.seed--;
	munmap(settings, 4096);
	expect_kept(&all);
	start();
	begin("15m", WEB B0 B1);
	expect_kept(&all);
}

/* Entries whose second copy is in use, with a next hop and without. */
static void a_death_in_a_change_of_entries_is_made_good(void **state)
{
	enum { BYTES = POISE_MAX_BACKENDS * sizeof(struct poise_backend) };
	struct poise_backend *entries, *next;
	uint16_t first;

	(void)state;
	begin("15m", WEB B0 B1);
	first = backend_named("web", "b0")->index;
	entries = pinned("backends", BYTES);
	next = pinned("backends_next", BYTES);
	stop();
	next[first].destination_mac[5] = 0xaa;
	next[first + 1].ifindex = 0;
	next[first].current = next[first + 1].current = 0;
	entries[first].current = entries[first + 1].current = 0;
	start();
	for (int i = 0; i < 2; i++) {
		assert_int_equal(entries[first + i].current, 1);
		entries[first + i].current = 0;
		assert_memory_equal(&entries[first + i], &next[first + i], sizeof(*entries));
		entries[first + i].current = 1;
	}
	munmap(entries, BYTES);
	munmap(next, BYTES);
	begin("15m", WEB B0 B1);
}

/* A death after the record and before the ring: what was recorded is in force after a restart. */
static void a_death_before_the_ring_changed_is_made_good(void **state)
{
	struct connections all;

	(void)state;
	begin("15m", WEB B0 B1 B2);
	connect_all(&all, "203.0.113.10", 80);
	world.balancer->adopting = true; /* so that nothing is committed */
	set_weight(backend_named("web", "b0"), 1);
	assert_true(service_named("web")->dirty);
	restart_with(config_with("15m", WEB B0 B1 B2));
	assert_in_range(backend_named("web", "b0")->slots, 1, 10);
	expect_kept(&all);
	world.balancer->adopting = true;
	drain(backend_named("web", "b1"), true);
	remove_one(backend_named("web", "b0"), false);
	restart_with(config_with("15m", WEB B0 B1 B2));
	assert_int_equal(backend_named("web", "b2")->slots, 1021);
	expect_kept(&all);
}

/* Limits. */

static struct config *large_config(const char *letter, int services)
{
	struct text text;

	text_begin(&text, "15m", "172.16.0.0/16");
	for (int i = 0; i < services; i++) {
		fprintf(text.stream,
			"- name: %s%d\n  address: 203.1.%d.%d\n  port: 80\n  ring_size: 251\n"
			"  backends:\n",
			letter, i, i >> 8, i & 255);
		for (int j = 0; j < 4; j++)
			fprintf(text.stream, "  - { name: b%d, address: 10.%d.%d.%d }\n", j, 64 + j,
				i >> 8, i & 255);
	}
	return text_parse(&text);
}

static int64_t note_time(const char *what, int64_t since)
{
	print_message("# %s: %lld ms\n", what, (long long)(balancer_now_ms() - since));
	return balancer_now_ms();
}

static void large_configurations_are_applied(void **state)
{
	struct config *large = large_config("s", POISE_MAX_SERVICES);
	int64_t at = balancer_now_ms();

	(void)state;
	apply(large);
	at = note_time("4,096 services with 16,384 backends applied", at);
	if (!loop_until(is_quiet, NULL, 20000))
		fail_msg("no rest after 20 s");
	note_time("all next hops known, all rings filled", at);
	assert_int_equal(balancer_free_indexes(world.balancer), POISE_MAX_BACKENDS - 1 - 16384);
	assert_int_equal(sent_to("203.1.0.0", 80), ELSEWHERE);
	assert_int_equal(sent_to("203.1.15.255", 80), ELSEWHERE);
	/* every service anew: one backend more than there are free entries */
	apply_refused(large_config("t", POISE_MAX_SERVICES), "16384 new backends, but only 16383");
	large = large_config("s", POISE_MAX_SERVICES);
	at = balancer_now_ms();
	apply(large);
	at = note_time("the same applied again", at);
	stop();
	start();
	apply(large_config("s", POISE_MAX_SERVICES));
	at = note_time("restarted", at);
	apply(config_with("15m", ""));
	note_time("all removed", at);
	assert_int_equal(world.balancer->service_count, 0);
	assert_int_equal(sent_to("203.1.0.0", 80), PASSED);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(an_index_is_not_reused_before_a_sweep),
		TEST(leaving_backends_are_gone_when_their_connections_are),
		TEST(a_removed_declared_backend_stays_removed_until_added),
		TEST(a_backend_declared_anew_is_no_longer_removed),
		TEST(the_name_of_a_removed_declared_backend_is_taken),
		TEST(adding_what_cannot_be_is_refused),
		TEST(renaming_moves_no_slot),
		TEST(a_weight_by_command_stays_until_it_is_declared),
		TEST(a_first_fill_waits_for_results_and_moves_nothing),
		TEST(another_port_is_another_service),
		TEST(two_services_swap_addresses),
		TEST(a_service_that_comes_again_begins_anew),
		TEST(a_service_that_a_death_removed_begins_anew),
		TEST(a_death_leaves_no_address_without_a_service),
		TEST(a_longer_settle_finds_no_expired_exception),
		TEST(refused_configurations_change_nothing),
		TEST(services_are_made_all_or_none),
		TEST(another_abi_or_seed_is_refused_at_the_start),
		TEST(a_death_in_a_change_of_entries_is_made_good),
		TEST(a_death_before_the_ring_changed_is_made_good),
		TEST(large_configurations_are_applied),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
