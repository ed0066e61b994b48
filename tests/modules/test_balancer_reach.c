/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The whole balancer with its program: services of UDP, of port ranges and of prefixes, which of
 * them a packet is for, and that changes, restarts and deaths of poised change no more of that
 * than they must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "balancer_fixture.h"
#include "balancer_packets.h"
#include "balancer_commands.h"

#define SERVICE(name, address, port, more)                                                         \
	"- name: " name "\n  address: \"" address "\"\n  port: " port "\n  ring_size: 251\n" more  \
	"  backends:\n"
#define ALL   SERVICE("all", "203.0.112.0/22", "any", "") B0
#define RANGE SERVICE("range", "203.0.113.10", "8000-8100", "") B1
#define WEB80 SERVICE("web", "203.0.113.10", "80", "") B2
#define DNS   SERVICE("dns", "203.0.113.10", "53", "  protocol: udp\n") B3
#define V6    SERVICE("v6", "2001:db8:f::/64", "443", "") B1
#define UDP1  "  protocol: udp\n"
#define QUIC                                                                                       \
	SERVICE("quic", "203.0.113.20", "443",                                                     \
		UDP1 "  quic: { config_id: 3, server_id_length: 2 }\n")                            \
	"  - { name: b0, address: 10.9.0.11, server_id: 6161 }\n"
#define LEAST	   SERVICE("least", "203.0.113.21", "80", "  scheduler: leastconn\n  idle: 1m\n") B0 B1
#define NEAR	   SERVICE("near", "203.0.113.22", "80", "  affinity: source/24\n") B0 B1
#define STICKY	   SERVICE("sticky", "203.0.113.23", "1-1024", UDP1 "  udp: sticky\n") B0 B1
#define EVERY_KIND ALL RANGE WEB80 DNS V6 QUIC LEAST NEAR STICKY

static int sent(const char *vip, uint16_t port, bool udp)
{
	struct tuple tuple = { .vip = address_of(vip),
			       .vport = port,
			       .port = 1025,
			       .client = 0xc6336403,
			       .udp = udp };

	return packet_sent(&tuple, TH_SYN);
}

/* A later fragment tells whether an address has services at all. */
static int fragment_sent(const char *vip)
{
	struct tuple tuple = { .vip = address_of(vip), .port = 1025, .client = 0xc6336403 };
	struct frame frame;
	size_t length = frame_make(&tuple, TH_SYN, &frame);
	uint8_t out[256];

	frame.v4.ip.frag_off = htons(185);
	return run_frame(&frame, length, out, sizeof(out));
}

static void the_most_specific_service_gets_the_packet(void **state)
{
	(void)state;
	begin("15m", ALL RANGE WEB80 DNS V6);
	assert_int_equal(sent("203.0.113.10", 80, false), 2);
	assert_int_equal(sent("203.0.113.10", 81, false), 0);
	assert_int_equal(sent("203.0.113.10", 8000, false), 1);
	assert_int_equal(sent("203.0.113.10", 8100, false), 1);
	assert_int_equal(sent("203.0.113.10", 8101, false), 0);
	assert_int_equal(sent("203.0.113.10", 53, true), 3);
	assert_int_equal(sent("203.0.113.10", 53, false), 0);
	assert_int_equal(sent("203.0.113.10", 54, true), PASSED);
	assert_int_equal(sent("203.0.115.255", 80, false), 0);
	assert_int_equal(sent("203.0.116.0", 80, false), PASSED);
	assert_int_equal(sent("2001:db8:f::77", 443, false), 1);
	assert_int_equal(sent("2001:db8:f::77", 444, false), PASSED);
	assert_int_equal(sent("2001:db8:e:ffff::", 443, false), PASSED);
}

/* Each step leaves what it does not name as it was. */
static void services_come_and_go_over_one_another(void **state)
{
	(void)state;
	begin("15m", ALL);
	assert_int_equal(sent("203.0.113.10", 80, false), 0);
	begin("15m", ALL WEB80);
	assert_int_equal(sent("203.0.113.10", 80, false), 2);
	assert_int_equal(sent("203.0.113.10", 8050, false), 0);
	begin("15m", ALL WEB80 RANGE);
	assert_int_equal(sent("203.0.113.10", 8050, false), 1);
	begin("15m", WEB80 RANGE);
	assert_int_equal(sent("203.0.113.10", 8050, false), 1);
	assert_int_equal(sent("203.0.113.10", 8101, false), PASSED);
	assert_int_equal(sent("203.0.113.11", 80, false), PASSED);
	begin("15m", RANGE ALL);
	assert_int_equal(sent("203.0.113.10", 80, false), 0);
	assert_int_equal(sent("203.0.113.10", 8050, false), 1);
	begin("15m", ALL);
	assert_int_equal(sent("203.0.113.10", 8050, false), 0);
	assert_int_equal(world.balancer->address_count, 1);
	begin("15m", "");
	assert_int_equal(sent("203.0.113.10", 80, false), PASSED);
	assert_int_equal(fragment_sent("203.0.113.10"), XDP_PASS);
	assert_int_equal(maps_settings(world.balancer->maps)->flags & POISE_SETTING_PREFIXES, 0);
}

static void space_of_lists_is_given_back(void **state)
{
	size_t before;

	(void)state;
	begin("15m", ALL RANGE);
	before = maps_ranges_used(world.balancer->maps);
	assert_int_equal(before, 4); /* one of the prefix, three of the address */
	for (int i = 0; i < 5; i++) {
		begin("15m", ALL WEB80);
		begin("15m", ALL RANGE WEB80 DNS);
		begin("15m", ALL RANGE);
	}
	assert_int_equal(maps_ranges_used(world.balancer->maps), before);
	restart_with(config_with("15m", ALL RANGE));
	assert_int_equal(maps_ranges_used(world.balancer->maps), before);
}

/* The words that lead to services, all of them. */
struct ways {
	struct service_address addresses[8];
	size_t count;
	uint16_t indexes[8];
};

static struct ways ways_now(void)
{
	struct ways ways = { .count = world.balancer->address_count };

	assert_true(ways.count <= ARRAY_SIZE(ways.addresses));
	for (size_t i = 0; i < ways.count; i++)
		ways.addresses[i] = world.balancer->addresses[i];
	for (size_t i = 0; i < world.balancer->service_count; i++)
		ways.indexes[i] = world.balancer->services[i]->index;
	return ways;
}

static void changes_of_backends_touch_no_list(void **state)
{
	struct ways before, after;

	(void)state;
	begin("15m", ALL RANGE WEB80 DNS V6);
	before = ways_now();
	set_weight(backend_named("web", "b2"), 7);
	begin("15m", ALL RANGE B2 WEB80 B3 DNS V6);
	after = ways_now();
	assert_memory_equal(&before, &after, sizeof(before));
	restart_with(config_with("15m", ALL RANGE B2 WEB80 B3 DNS V6));
	after = ways_now();
	assert_memory_equal(&before, &after, sizeof(before));
}

static void a_restart_takes_every_kind_of_service_up(void **state)
{
	const char *services = EVERY_KIND;
	static struct poise_service before[POISE_SERVICE_ENTRIES];

	(void)state;
	begin("15m", services);
	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES; i++)
		before[i] = *maps_service(world.balancer->maps, i);
	for (int i = 0; i < 2; i++) {
		restart_with(config_with("15m", services));
		for (uint32_t j = 1; j < POISE_SERVICE_ENTRIES; j++)
			assert_memory_equal(&before[j], maps_service(world.balancer->maps, j),
					    sizeof(before[j]));
		assert_int_equal(world.balancer->service_count, 9);
		assert_int_equal(sent("203.0.113.10", 53, true), 3);
		assert_int_equal(sent("203.0.113.10", 8050, false), 1);
		assert_int_equal(sent("2001:db8:f::1", 443, false), 1);
	}
	restart_with(config_with("15m", WEB80));
	assert_int_equal(world.balancer->service_count, 1);
	assert_int_equal(sent("203.0.113.10", 53, true), PASSED);
	assert_int_equal(sent("2001:db8:f::1", 443, false), PASSED);
	assert_int_equal(sent("203.0.113.10", 80, false), 2);
}

/* Deaths. */

static int64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)1000000 + now.tv_nsec / 1000;
}

/* Applies in a child that shares the maps, and kills it after some microseconds. Meanwhile a packet
 * for what both configurations have must not go astray. */
static void die_applying(struct config *config, int64_t after_us)
{
	struct audit_list changes = { 0 };
	struct lines errors = { 0 };
	int64_t end;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		event_reinit(world.base);
		balancer_apply(world.balancer, config, &changes, &errors);
		for (;;)
			event_base_loop(world.base, EVLOOP_ONCE);
	}
	end = now_us() + after_us;
	do {
		if (sent("203.0.113.10", 80, false) != 2 || sent("203.0.113.200", 9, false) != 0) {
			kill(child, SIGKILL);
			fail_msg("a packet went astray meanwhile");
		}
	} while (now_us() < end);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	config_free(config);
}

static void deaths_in_changes_of_addresses_are_made_good(void **state)
{
	static const char *const configs[] = {
		ALL WEB80,
		ALL WEB80 RANGE DNS V6,
		ALL WEB80 SERVICE("net", "203.0.113.0/24", "8000-9000", "") B3,
		ALL WEB80 SERVICE("net", "203.0.113.0/28", "8000-9000", "") B3 RANGE,
	};
	uint64_t dice = 1;

	(void)state;
	begin("15m", ALL WEB80);
	for (int i = 0; i < 60; i++) {
		const char *next = configs[(dice = poise_mix(dice + i)) % ARRAY_SIZE(configs)];
		const char *again = configs[(dice >> 8) % ARRAY_SIZE(configs)];

		die_applying(config_with("15m", next), (dice >> 16) % 3000);
		restart_with(config_with("15m", again));
		assert_int_equal(sent("203.0.113.10", 80, false), 2);
		assert_int_equal(sent("203.0.113.10", 53, true), strstr(again, "dns") ? 3 : PASSED);
		assert_int_equal(sent("203.0.113.10", 8050, false), strstr(again, "range") ? 1
								    : strstr(again, "net") ? 3
											   : 0);
		assert_int_equal(sent("203.0.113.77", 8050, false),
				 strstr(again, "113.0/24") ? 3 : 0);
		assert_int_equal(sent("2001:db8:f::1", 443, false),
				 strstr(again, "v6") ? 1 : PASSED);
	}
	begin("15m", "");
	assert_int_equal(maps_ranges_used(world.balancer->maps), 0);
	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES; i++)
		assert_false(world.balancer->service_used[i]);
}

/* Refusals. */

static uint32_t home_of(uint32_t address, uint16_t port)
{
	return poise_service_home(poise_service_hash4(htonl(address), htons(port), IPPROTO_TCP));
}

/* One service more than the service table has places for so near their home. */
static void a_full_neighbourhood_refuses_the_reload(void **state)
{
	uint32_t address = 0xcb007132; /* 203.0.113.50 */
	struct image before;
	struct text text;
	int found = 0;

	(void)state;
	begin("15m", WEB B0 B1);
	before = image_of("web");
	text_begin(&text, "1s", "172.16.0.0/16");
	fputs(WEB B0 B1, text.stream);
	for (uint16_t port = 1; found < POISE_MAX_REACH + 2; port++) {
		if (port == UINT16_MAX)
			address++;
		if (home_of(address, port) != 7)
			continue;
		fprintf(text.stream,
			"- name: s%d\n  address: 203.0.113.%u\n  port: %u\n  ring_size: 251\n"
			"  backends:\n" B0,
			found++, address & 255, port);
	}
	apply_refused(text_parse(&text), "no room in the service table");
	expect_image("web", &before);
	assert_int_equal(world.balancer->address_count, 1);
	begin("15m", WEB B0 B1);
}

static void what_a_service_is_cannot_change_under_it(void **state)
{
	static const struct {
		const char *services, *error;
	} cases[] = {
		{ SERVICE("tcp", "203.0.113.10", "80", "  scheduler: roundrobin\n") B0,
		  "services.tcp.scheduler: found roundrobin, but the running service has maglev" },
		{ SERVICE("tcp", "203.0.113.10", "80", "  affinity: source/24\n") B0,
		  "services.tcp.affinity: found source/24, but the running service has none" },
		{ SERVICE("tcp", "203.0.113.10", "80", "  scheduler: source\n") B0,
		  "services.tcp.affinity: found source, but the running service has none" },
		{ SERVICE("udp", "203.0.113.10", "53", UDP1 "  udp: sticky\n") B0,
		  "services.udp.udp: found sticky, but the running service has stateless" },
		{ SERVICE("udp", "203.0.113.10", "53",
			  UDP1
			  "  quic: { config_id: 1, server_id_length: 1 }\n") "  - { name: b0, "
									     "address: 10.9.0.11, "
									     "server_id: 0a }\n",
		  "services.udp.quic: found config_id 1 and ids of 1 bytes, but the running "
		  "service "
		  "has none" },
		{ "flows: 2048\n", "flows: found 2048, but the running table has 1048576" },
	};

	(void)state;
	for (int restart = 0; restart < 2; restart++) {
		begin("15m", SERVICE("tcp", "203.0.113.10", "80", "")
				     B0 SERVICE("udp", "203.0.113.10", "53", UDP1) B1);
		if (restart) { /* a start refuses the same, but for what the loader does */
			stop();
			start();
		}
		for (size_t i = 0; i < ARRAY_SIZE(cases) - restart; i++)
			apply_refused(config_with("15m", cases[i].services), cases[i].error);
		assert_int_equal(sent("203.0.113.10", 80, false), 0);
		assert_int_equal(sent("203.0.113.10", 53, true), 1);
	}
	apply(config_with("15m", ""));
}

static void another_table_of_flows_is_refused_at_the_start(void **state)
{
	struct loader_options options = { .pin_path = world.pin_path,
					  .seed = world.seed,
					  .flow_entries = 4096 };
	char error[LOADER_ERROR_BYTES];

	(void)state;
	begin("15m", WEB80);
	stop();
	assert_int_equal(loader_new(&options, &world.loader, error), -EINVAL);
	if (!strstr(error,
		    "flows: found 4096, but the table of the running data plane has 1048576"))
		fail_msg("%s", error);
	assert_int_equal(sent("203.0.113.10", 80, false), 2);
	start();
	begin("15m", WEB80);
}

/* What the data plane is told. */

static void settings_follow_the_configuration(void **state)
{
	struct poise_settings *settings;

	(void)state;
	begin("15m", WEB80);
	settings = maps_settings(world.balancer->maps);
	assert_int_equal(settings->echo_rate, 1000);
	assert_int_equal(settings->error_rate, 1000);
	assert_int_equal(settings->flags, 0);
	assert_int_equal(settings->fragment_ns, 30 * 1000000000ULL);
	assert_int_equal(settings->gue_port, htons(6080));
	assert_int_equal(settings->source4, inet_addr("172.16.0.0"));
	assert_int_equal(settings->source4_mask, inet_addr("255.255.0.0"));
	assert_memory_equal(settings->source6, ((uint8_t[16]){ 1 }), 16);
	assert_memory_equal(settings->source6_mask,
			    ((uint8_t[16]){ 255, 255, 255, 255, 255, 255, 255, 255 }), 16);
	begin("15m", WEB80 "icmp: { echo: false, error_rate: 7 }\n"
			   "fragments: { early: pass, timeout: 2s }\n");
	assert_int_equal(settings->echo_rate, 0);
	assert_int_equal(settings->error_rate, 7);
	assert_int_equal(settings->flags, POISE_SETTING_PASS_FRAGMENTS);
	assert_int_equal(settings->fragment_ns, 2 * 1000000000ULL);
	begin("15m", WEB80 ALL);
	assert_int_equal(settings->flags, POISE_SETTING_PREFIXES);
	assert_int_equal(settings->echo_rate, 1000);
}

static const struct poise_backend *entry_named(const char *service, const char *name)
{
	return maps_backend(world.balancer->maps, backend_named(service, name)->index);
}

static void encapsulation_reaches_the_entries(void **state)
{
	(void)state;
	begin("15m", SERVICE("web", "203.0.113.10", "80", "  encapsulation: gue\n") B0
	      "  - { name: b1, address: 10.9.0.12, encapsulation: l2 }\n"
	      "  - { name: far, address: 10.64.0.1, encapsulation: l2 }\n");
	assert_int_equal(entry_named("web", "b0")->encapsulation, POISE_ENCAP_GUE);
	assert_int_equal(entry_named("web", "b0")->gue_port, htons(6080));
	assert_int_equal(entry_named("web", "b1")->encapsulation, POISE_ENCAP_L2);
	assert_int_not_equal(entry_named("web", "b1")->ifindex, 0);
	assert_int_equal(entry_named("web", "far")->ifindex, 0);
	assert_false(backend_eligible(backend_named("web", "far")));
	assert_string_equal(backend_way_problem(backend_named("web", "far")),
			    "l2 needs the backend on a network of this host");
	begin("15m", SERVICE("web", "203.0.113.10", "80", "  encapsulation: gre\n") B0 B1
	      "  - { name: far, address: 10.64.0.1 }\n");
	assert_int_equal(entry_named("web", "b0")->encapsulation, POISE_ENCAP_GRE);
	assert_int_equal(entry_named("web", "b1")->encapsulation, POISE_ENCAP_GRE);
	assert_true(backend_eligible(backend_named("web", "far")));
	assert_int_not_equal(entry_named("web", "far")->ifindex, 0);
}

static struct backend *add_special(const char *name, int k, uint8_t encapsulation, const char *id,
				   const char *refusal)
{
	struct config_backend wanted = { .address = host(k),
					 .weight = 100,
					 .encapsulation = encapsulation,
					 .server_id_length = strlen(id) };
	char error[RUNTIME_ERROR_BYTES] = "accepted";
	struct backend *backend = NULL;

	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	memcpy(wanted.server_id, id, strlen(id));
	runtime_add(world.balancer, service_named("quic"), &wanted, &backend, error);
	if (!strstr(error, refusal))
		fail_msg("expected '%s', got '%s'", refusal, error);
	quieten();
	return backend;
}

static uint32_t backend_of_id(const char *id)
{
	struct poise_quic_server server = { .service = service_named("quic")->index,
					    .length = strlen(id) };

	memcpy(server.id, id, strlen(id));
	return maps_quic_get(world.balancer->maps, &server);
}

#define QUIC1(id) "  - { name: b1, address: 10.9.0.12, server_id: " id " }\n"

static void server_ids_name_backends(void **state)
{
	uint16_t b0, b1;

	(void)state;
	begin("15m", QUIC QUIC1("6262"));
	b0 = backend_named("quic", "b0")->index;
	b1 = backend_named("quic", "b1")->index;
	assert_int_equal(backend_of_id("aa"), b0);
	assert_int_equal(backend_of_id("bb"), b1);
	begin("15m", QUIC QUIC1("6363"));
	assert_int_equal(backend_of_id("bb"), 0);
	assert_int_equal(backend_of_id("cc"), b1);
	add_special("b2", 2, POISE_ENCAP_GRE, "", "server_id: found 0 bytes");
	add_special("b2", 2, POISE_ENCAP_GRE, "aa", "backend 'quic/b0' has that one");
	add_special("b2", 2, POISE_ENCAP_GRE, "dd", "accepted");
	restart_with(config_with("15m", QUIC QUIC1("6363")));
	assert_int_equal(backend_of_id("dd"), backend_named("quic", "b2")->index);
	assert_int_equal(entry_named("quic", "b2")->encapsulation, POISE_ENCAP_GRE);
	remove_one(backend_named("quic", "b2"), true);
	assert_int_equal(backend_of_id("dd"), 0);
}

/* At a start the file wins, and what was added by command goes on. */
static void a_start_makes_way_for_declared_names_and_ids(void **state)
{
	struct backend *rival;
	uint16_t index;

	(void)state;
	begin("15m", QUIC);
	index = add_special("b1", 2, POISE_ENCAP_IPIP, "bb", "accepted")->index;
	apply_refused(config_with("15m", QUIC QUIC1("6363")), "the name 'b1' belongs to another");
	apply_refused(config_with("15m", QUIC "  - { name: b9, address: 10.9.0.12, "
					      "server_id: 6262 }\n"),
		      "the server id of 'b9' is that of 'b1'");
	restart_with(config_with("15m", QUIC QUIC1("6262")));
	assert_true(address_equal(&backend_named("quic", "b1")->address,
				  &(struct address){ 4, { 10, 9, 0, 12 } }));
	assert_int_equal(backend_of_id("bb"), backend_named("quic", "b1")->index);
	rival = backend_named("quic", "b1-2");
	assert_int_equal(rival->index, index);
	assert_int_equal(rival->server_id_length, 0);
	assert_true(backend_eligible(rival));
	restart_with(config_with("15m", QUIC QUIC1("6262")));
	assert_int_equal(backend_named("quic", "b1-2")->index, index);
	assert_int_equal(backend_of_id("bb"), backend_named("quic", "b1")->index);
}

static void loads_and_idle_times_are_told(void **state)
{
	struct poise_backend_load *load;

	(void)state;
	begin("15m",
	      SERVICE("web", "203.0.113.10", "80", "  scheduler: leastconn\n  idle: 1m\n") B0 B1);
	load = maps_load(world.balancer->maps, backend_named("web", "b0")->index);
	assert_int_equal(load->weight, 100);
	assert_int_equal(load->idle_ticks, balancer_settle_ticks(60000));
	set_weight(backend_named("web", "b0"), 7);
	assert_int_equal(load->weight, 7);
	begin("15m",
	      SERVICE("web", "203.0.113.10", "80", "  scheduler: leastconn\n  idle: 2m\n") B0 B1);
	assert_int_equal(load->idle_ticks, balancer_settle_ticks(120000));
	assert_int_equal(
		maps_service(world.balancer->maps, service_named("web")->index)->idle_ticks,
		balancer_settle_ticks(120000));
}

static void a_schedule_holds_the_eligible_by_weight(void **state)
{
	struct service *web;
	uint32_t counts[3] = { 0 };

	(void)state;
	begin("15m", SERVICE("web", "203.0.113.10", "80", "  scheduler: roundrobin\n") B0 B1 B2);
	set_weight(backend_named("web", "b1"), 300);
	drain(backend_named("web", "b2"), true);
	web = service_named("web");
	for (uint32_t i = 0; i < web->schedule.size; i++)
		for (int k = 0; k < 3; k++)
			counts[k] += web->schedule.slots[i] ==
				     backend_named("web", (char[]){ 'b', '0' + k, 0 })->index;
	assert_int_equal(web->schedule.size, 251);
	assert_in_range(counts[0], 62, 63);
	assert_in_range(counts[1], 188, 189);
	assert_int_equal(counts[2], 0);
	assert_int_equal(web->moving.recorded, 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(the_most_specific_service_gets_the_packet),
		TEST(services_come_and_go_over_one_another),
		TEST(space_of_lists_is_given_back),
		TEST(changes_of_backends_touch_no_list),
		TEST(a_restart_takes_every_kind_of_service_up),
		TEST(deaths_in_changes_of_addresses_are_made_good),
		TEST(a_full_neighbourhood_refuses_the_reload),
		TEST(what_a_service_is_cannot_change_under_it),
		TEST(another_table_of_flows_is_refused_at_the_start),
		TEST(settings_follow_the_configuration),
		TEST(encapsulation_reaches_the_entries),
		TEST(server_ids_name_backends),
		TEST(a_start_makes_way_for_declared_names_and_ids),
		TEST(loads_and_idle_times_are_told),
		TEST(a_schedule_holds_the_eligible_by_weight),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return can_run() ? cmocka_run_group_tests(tests, world_open, world_close) : 0;
}
