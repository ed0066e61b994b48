// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Configurations as text: what is written is read as the same configuration, for the examples and
 * for random ones. RANDOM_SEED in the environment repeats a run.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "config_keys.h"
#include "config_write.h"
#include "expect_config.h"

enum { ROUNDS = 4000, LEAST_READ = 800, MAX_VALUES = 8, TEXT_BYTES = 1 << 14 };

/* Keys of a section and values to choose from: several of them, in any combination. */
struct key {
	const char *name;
	const char *values[MAX_VALUES];
};

static const struct key top_keys[] = {
	{ "tunnel",
	  { "{ source_ipv4: 192.0.2.1 }",
	    "{ source_ipv4: 172.20.0.0/14, source_ipv6: \"2001:db8:ff::/48\" }",
	    "{ encapsulation: gue, gue_port: 7000 }", "{ encapsulation: gre }",
	    "{ oversize: pass, decrement_ttl: true }" } },
	{ "icmp", { "{ echo: false }", "{ echo_rate: 7, error_rate: 0 }" } },
	{ "fragments", { "{ early: pass }", "{ timeout: 2500ms }" } },
	{ "flows", { "2048", "1048576" } },
	{ "seed", { "0", "1", "0x5eed", "0xffffffffffffffff" } },
	{ "control", { "{ socket: /run/x }", "{ socket: \"/run/a b: #c\" }" } },
	{ "pin_path", { "/sys/fs/bpf/other" } },
	{ "state_dir", { "/var/lib/other" } },
	{ "settle", { "1s", "90m", "1001ms" } },
};

static const struct key service_keys[] = {
	{ "protocol", { "tcp", "udp" } },
	{ "udp", { "stateless", "sticky" } },
	{ "idle", { "1s", "3m" } },
	{ "scheduler", { "maglev", "source", "roundrobin", "leastconn" } },
	{ "affinity", { "source", "source/24", "source/32", "source/64" } },
	{ "encapsulation", { "ipip", "gue", "gre" } },
	{ "ring_size", { "251", "65537", "655373" } },
	{ "on_down", { "rehash", "keep" } },
	{ "agent",
	  { "{ port: 8888 }", "{ port: 1, interval: 100ms }",
	    "{ port: 1, interval: 1s, timeout: 400ms }" } },
	{ "slow_start", { "1s", "30s" } },
	{ "panic_threshold", { "0%", "50%", "100%" } },
	{ "damping", { "true", "false" } },
	{ "second_chance", { "true", "false" } },
	{ "exceptions", { "on", "off", "true", "false" } },
};

static const struct key check_keys[] = {
	{ "port", { "80", "8080" } },
	{ "interval", { "100ms", "1s", "400ms", "1h" } },
	{ "fast_interval", { "100ms", "400ms" } },
	{ "jitter", { "0%", "5%", "50%" } },
	{ "timeout", { "10ms", "100ms", "400ms", "500ms" } },
	{ "rise", { "1", "2", "100" } },
	{ "fall", { "1", "3" } },
	{ "path", { "/", "/healthz?a=b&c=%20", "\"/'\\\"{}[],:*&!|>%@`\"" } },
	{ "host", { "www.example.org", "\"[2001:db8::1]:80\"", "null.example" } },
	{ "body",
	  { "ok", "\"null\"", "\"~\"", "\" \"", "'a: b #c'",
	    "\"Gr\\u00fc\\u00dfe \\u2028 "
	    "\\ufeff \\U0001f600 \\uffff\"",
	    "\"- x\"", "\"\\\"\"" } },
	{ "expect", { "200", "200-399", "\"200,204, 300-399,599\"" } },
};

static const struct key backend_keys[] = {
	{ "weight", { "0", "1", "100", "1000" } },
	{ "drain", { "true", "false" } },
	{ "encapsulation", { "ipip", "gue", "gre" } },
};

static const struct key other_check_keys[] = {
	{ "send", { "PING", "\"a\\r\\n\"", "'\\x00\\\\'", "\"hex:00 ff\"", "'\\x68ex:'" } },
	{ "expect", { "PONG", "200", "'hex:68'", "\" \"" } },
	{ "tls",
	  { "true", "false", "{ insecure: true }", "{ server_name: a.example }",
	    "{ ca_file: /ca.pem, min_days: 0 }", "{ min_days: 14 }" } },
	{ "user", { "poise", "\"a b\"" } },
	{ "password_file", { "/etc/secret" } },
	{ "query", { ".", "example.org" } },
	{ "query_type", { "NS", "AAAA" } },
	{ "rcode", { "NOERROR", "NXDOMAIN" } },
	{ "role", { "any", "primary", "replica" } },
	{ "max_lag", { "1s", "90m" } },
	{ "host", { "www.example.org", "\"[2001:db8::1]:80\"" } },
	{ "service", { "shop.Cart", "\"a b\"" } },
	{ "command", { "[/bin/true]", "[/bin/sh, -c, '', \"a 'b\", \"null\", \"- x\"]" } },
	{ "interval", { "2s" } },
};

static const char *const types[] = { "tcp", "http", "https", "tls",  "redis", "postgres",
				     "dns", "udp",  "mysql", "grpc", "exec" };
static const char *const ports[] = { "80", "\"8000-8100\"", "any" };
static const char *const addresses[] = { "203.0.113.10", "203.0.112.0/24", "\"2001:db8::10\"",
					 "\"2001:db8:f::/64\"" };

static uint64_t state_of_random;

/* splitmix64 */
static size_t pick(size_t count)
{
	uint64_t z = state_of_random += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (size_t)((z ^ z >> 31) % count);
}

static size_t add(char *text, size_t used, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static size_t add(char *text, size_t used, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	used += (size_t)vsnprintf(text + used, TEXT_BYTES - used, format, arguments);
	va_end(arguments);
	assert_true(used < TEXT_BYTES);
	return used;
}

static const char *any_value(const struct key *key)
{
	size_t count = 0;

	while (count < MAX_VALUES && key->values[count])
		count++;
	return key->values[pick(count)];
}

/* Some of the keys; each is followed by what ends it. */
static size_t add_keys(char *text, size_t used, const struct key *keys, size_t count,
		       const char *end)
{
	size_t odds = 2 + pick(8);

	for (size_t i = 0; i < count; i++)
		if (!pick(odds))
			used = add(text, used, "%s: %s%s", keys[i].name, any_value(&keys[i]), end);
	return used;
}

static size_t add_service(char *text, size_t used, size_t number)
{
	used = add(text, used, "  - { name: s-%zu, address: %s, port: %s, ", number,
		   addresses[pick(ARRAY_SIZE(addresses))], ports[pick(ARRAY_SIZE(ports))]);
	used = add_keys(text, used, service_keys, ARRAY_SIZE(service_keys), ", ");
	if (pick(4)) {
		used = add(text, used, "check: { type: %s, ", types[pick(ARRAY_SIZE(types))]);
		if (pick(2))
			used = add_keys(text, used, check_keys, ARRAY_SIZE(check_keys), ", ");
		else
			used = add_keys(text, used, other_check_keys, ARRAY_SIZE(other_check_keys),
					", ");
		used = add(text, used, "}, ");
	}
	used = add(text, used, "backends: [ ");
	for (size_t i = pick(4); i; i--) {
		used = add(text, used, "{ name: b%zu, address: 10.0.%zu.%zu, ", i, number, i);
		used = add_keys(text, used, backend_keys, ARRAY_SIZE(backend_keys), ", ");
		used = add(text, used, "}, ");
	}
	return add(text, used, "] }\n");
}

static void random_text(char *text)
{
	size_t used =
		add(text, 0, "interfaces: [ { name: eth0 }, { name: \"eth1.5\", mode: %s } ]\n",
		    pick(2) ? "native" : "generic");

	used = add_keys(text, used, top_keys, ARRAY_SIZE(top_keys), "\n");
	used = add(text, used, "services:\n");
	for (size_t i = pick(3); i; i--)
		used = add_service(text, used, i);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_nodes(const struct config_node *a, const struct config_node *b)
{
	if (a->kind != b->kind || !same_text(a->key, b->key) || !same_text(a->text, b->text) ||
	    a->standard != b->standard || a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++)
		if (!same_nodes(&a->items[i], &b->items[i]))
			return false;
	return true;
}

static bool same_keys(const struct config *a, const struct config *b)
{
	struct config_node *x = config_keys_build(a, false), *y = config_keys_build(b, false);
	bool same = same_nodes(x, y);

	config_keys_free(x);
	config_keys_free(y);
	return same;
}

#define SAME(member)	   (a->member == b->member)
#define SAME_TEXT(member)  same_text(a->member, b->member)
#define SAME_BYTES(member) (!memcmp(&a->member, &b->member, sizeof(a->member)))

static bool same_backend(const struct config_backend *a, const struct config_backend *b)
{
	return !strcmp(a->name, b->name) && address_equal(&a->address, &b->address) &&
	       SAME(weight) && SAME(drain) && SAME(encapsulation) && SAME(server_id_length) &&
	       SAME_BYTES(server_id);
}

static bool same_service(const struct config_service *a, const struct config_service *b)
{
	bool same = !strcmp(a->name, b->name) && address_equal(&a->address, &b->address) &&
		    SAME(prefix_length) && SAME(port) && SAME(last_port) && SAME(protocol) &&
		    SAME(ring_size) && SAME(scheduler) && SAME(affinity) && SAME(udp) &&
		    SAME(idle_ms) && SAME(quic.config_id) && SAME(quic.server_id_length) &&
		    SAME(encapsulation) && SAME(on_down) && SAME(agent.port) &&
		    SAME(agent.interval_ms) && SAME(agent.timeout_ms) && SAME(slow_start_ms) &&
		    SAME(panic_threshold) && SAME(damping) && SAME(second_chance) &&
		    SAME(exceptions) && SAME(backend_count) &&
		    (a->check.type == CHECK_NONE || config_check_equal(&a->check, &b->check));

	for (size_t i = 0; same && i < a->backend_count; i++)
		same = same_backend(&a->backends[i], &b->backends[i]);
	return same;
}

static bool same_config(const struct config *a, const struct config *b)
{
	bool same = SAME(interface_count) &&
		    address_equal(&a->source_ipv4.address, &b->source_ipv4.address) &&
		    SAME(source_ipv4.length) && SAME(source_ipv6.length) &&
		    address_equal(&a->source_ipv6.address, &b->source_ipv6.address) &&
		    SAME(encapsulation) && SAME(gue_port) && SAME(pass_oversize) &&
		    SAME(decrement_ttl) && SAME(icmp.echo) && SAME(icmp.echo_rate) &&
		    SAME(icmp.error_rate) && SAME(fragments.pass_early) &&
		    SAME(fragments.timeout_ms) && SAME(flow_entries) && SAME(seed) &&
		    SAME_TEXT(control_socket) && SAME_TEXT(pin_path) && SAME_TEXT(state_dir) &&
		    SAME(settle_ms) && SAME(service_count);

	for (size_t i = 0; same && i < a->interface_count; i++)
		same = !strcmp(a->interfaces[i].name, b->interfaces[i].name) &&
		       SAME(interfaces[i].mode);
	for (size_t i = 0; same && i < a->service_count; i++)
		same = same_service(&a->services[i], &b->services[i]);
	return same;
}

/* Fails the test unless what is written is read as the same. */
static void expect_same_again(const char *name, const struct config *config)
{
	struct config_errors errors = { 0 };
	struct config *again = NULL;
	char *text;
	size_t length;

	assert_int_equal(config_write_text(config, &text, &length), 0);
	assert_int_equal(strlen(text), length);
	config_load_text("written", text, length, &again, &errors);
	if (!again || !same_config(config, again) || !same_keys(config, again)) {
		print_error("%s\nwas written as\n%s%s\n", name, text,
			    again ? "which is another configuration" : joined(&errors));
		fail();
	}
	config_errors_free(&errors);
	config_free(again);
	free(text);
}

static void examples_are_written_and_read_again(void **state)
{
	static const char *const files[] = { "examples/poise.yaml", "examples/data-plane.yaml" };
	struct config_errors errors = { 0 };
	struct config *config;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		assert_int_equal(config_load_file(files[i], &config, &errors), 0);
		expect_same_again(files[i], config);
		config_free(config);
	}
}

static void random_ones_are_written_and_read_again(void **state)
{
	const char *given = getenv("RANDOM_SEED");
	static char text[TEXT_BYTES];
	size_t count = 0;

	(void)state;
	state_of_random = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
	print_message("# RANDOM_SEED=%llu\n", (unsigned long long)state_of_random);
	for (size_t i = 0; i < ROUNDS; i++) {
		struct config_errors errors = { 0 };
		struct config *config = NULL;

		random_text(text);
		if (!config_load_text("random", text, strlen(text), &config, &errors)) {
			count++;
			expect_same_again(text, config);
		}
		config_errors_free(&errors);
		config_free(config);
	}
	print_message("# %zu of %d configurations were right ones\n", count, ROUNDS);
	assert_true(count >= LEAST_READ);
}

static char *written(const char *text)
{
	struct config *config = load(text);
	size_t length;
	char *out;

	assert_int_equal(config_write_text(config, &out, &length), 0);
	config_free(config);
	return out;
}

static void what_stands_by_itself_is_left_out(void **state)
{
	char *text = written("interfaces: [{ name: eth0, mode: auto }]\n"
			     "settle: 15m\nseed: 0x0\nicmp: { echo: true }\n"
			     "services:\n"
			     "  - { name: web, address: 203.0.113.10, port: 80, protocol: tcp,\n"
			     "      check: { type: http, path: /, port: 80, timeout: 500ms },\n"
			     "      backends: [{ name: a, address: 10.0.0.1, weight: 100 }] }\n");

	(void)state;
	assert_string_equal(text, "interfaces:\n"
				  "- name: eth0\n"
				  "services:\n"
				  "- name: web\n"
				  "  address: 203.0.113.10\n"
				  "  port: 80\n"
				  "  check: {type: http}\n"
				  "  backends:\n"
				  "  - {name: a, address: 10.0.0.1}\n");
	free(text);
}

static void what_does_not_is_written(void **state)
{
	char *text = written("interfaces: [{ name: eth0, mode: native }]\n"
			     "seed: 24301\nsettle: 90s\ntunnel: { encapsulation: gue }\n"
			     "services:\n"
			     "  - { name: web, address: \"2001:db8::10\", port: any, udp: sticky,\n"
			     "      protocol: udp, encapsulation: ipip,\n"
			     "      backends: [{ name: a, address: 10.0.0.1, weight: 0,\n"
			     "                   encapsulation: gue }] }\n");

	(void)state;
	assert_string_equal(text,
			    "interfaces:\n"
			    "- name: eth0\n"
			    "  mode: native\n"
			    "tunnel:\n"
			    "  encapsulation: gue\n"
			    "seed: 0x5eed\n"
			    "settle: 90s\n"
			    "services:\n"
			    "- name: web\n"
			    "  address: \"2001:db8::10\"\n"
			    "  port: any\n"
			    "  protocol: udp\n"
			    "  udp: sticky\n"
			    "  encapsulation: ipip\n"
			    "  backends:\n"
			    "  - {name: a, address: 10.0.0.1, weight: 0, encapsulation: gue}\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples_are_written_and_read_again),
		cmocka_unit_test(random_ones_are_written_and_read_again),
		cmocka_unit_test(what_stands_by_itself_is_left_out),
		cmocka_unit_test(what_does_not_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
