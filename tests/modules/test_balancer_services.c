/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The whole balancer with its program, one behaviour a test: services that come, go and come again,
 * what deaths of poised leave and the next one mends, what is refused without a trace, and limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/mman.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"

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
	assert_int_equal(web->moving.recorded, 0);
	assert_int_equal(slow->moving.recorded, 0);
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
	frame.v4.ip.frag_off = htons(0x2000 | 185); /* not the first one */
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

/* Of the service at 203.0.113.10, TCP. */
static int home_of(uint16_t port)
{
	return poise_service_home(
		poise_service_hash4(inet_addr("203.0.113.10"), htons(port), IPPROTO_TCP));
}

static void services_are_made_all_or_none(void **state)
{
	bool used[POISE_SERVICE_ENTRIES];
	struct image before;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	memcpy(used, world.balancer->service_used, sizeof(used));
	for (int i = 0; i < POISE_SERVICE_ENTRIES; i++)
		world.balancer->service_used[i] = i != home_of(81) && i != home_of(82);
	apply_refused(config_with("1s", WEB B0 WEB_AT("s1", "81") B0 WEB_AT("s2", "82")
						B1 WEB_AT("s3", "83") B1),
		      "service 's3': no room in the service table");
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
	settings->abi_version = POISE_ABI_OLDEST - 1;
	load_refused(-EPROTO, "have ABI version 2, this poised has");
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
	assert_in_range(backend_named("web", "b0")->ring.owned, 1, 10);
	expect_kept(&all);
	world.balancer->adopting = true;
	drain(backend_named("web", "b1"), true);
	remove_one(backend_named("web", "b0"), false);
	restart_with(config_with("15m", WEB B0 B1 B2));
	assert_int_equal(backend_named("web", "b2")->ring.owned, 1021);
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
