// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Right configurations and what they become; files that are, or cannot be, read. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "expect_config.h"

static void absent_keys_have_their_defaults(void **state)
{
	struct config *config = load(SERVICE "    check: { type: http },\n"
					     "    backends: [{ name: a, address: 10.0.0.1 }] }\n");
	const struct config_service *service = &config->services[0];
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_int_equal(config->interface_count, 1);
	assert_string_equal(config->interfaces[0].name, "eth0");
	assert_int_equal(config->interfaces[0].mode, INTERFACE_AUTO);
	assert_string_equal(prefix_format(&config->source_ipv4, text), "172.16.0.0/16");
	assert_string_equal(prefix_format(&config->source_ipv6, text), "100::/64");
	assert_int_equal(config->seed, 0);
	assert_string_equal(config->control_socket, "/run/poise/poised.sock");
	assert_string_equal(config->pin_path, "/sys/fs/bpf/poise");
	assert_int_equal(config->settle_ms, 15 * 60 * 1000);
	assert_int_equal(config->encapsulation, POISE_ENCAP_IPIP);
	assert_int_equal(config->gue_port, 6080);
	assert_false(config->pass_oversize);
	assert_false(config->decrement_ttl);
	assert_true(config->icmp.echo);
	assert_int_equal(config->icmp.echo_rate, 1000);
	assert_int_equal(config->icmp.error_rate, 1000);
	assert_false(config->fragments.pass_early);
	assert_int_equal(config->fragments.timeout_ms, 30000);
	assert_int_equal(config->flow_entries, 1048576);
	assert_int_equal(config->service_count, 1);
	assert_int_equal(service->prefix_length, 32);
	assert_int_equal(service->port, 80);
	assert_int_equal(service->last_port, 80);
	assert_int_equal(service->protocol, IPPROTO_TCP);
	assert_int_equal(service->scheduler, SCHEDULER_MAGLEV);
	assert_int_equal(service->affinity, 0);
	assert_int_equal(service->udp, UDP_STATELESS);
	assert_int_equal(service->idle_ms, 15 * 60 * 1000);
	assert_int_equal(service->quic.server_id_length, 0);
	assert_int_equal(service->encapsulation, POISE_ENCAP_IPIP);
	assert_int_equal(service->backends[0].encapsulation, POISE_ENCAP_IPIP);
	assert_int_equal(service->backends[0].server_id_length, 0);
	assert_int_equal(service->ring_size, 65537);
	assert_int_equal(service->on_down, ON_DOWN_REHASH);
	assert_int_equal(service->slow_start_ms, 0);
	assert_int_equal(service->panic_threshold, 0);
	assert_true(service->damping);
	assert_false(service->second_chance);
	assert_true(service->exceptions);
	assert_int_equal(service->check.type, CHECK_HTTP);
	assert_int_equal(service->check.port, 80);
	assert_int_equal(service->check.interval_ms, 1000);
	assert_int_equal(service->check.timeout_ms, 500);
	assert_int_equal(service->check.fast_interval_ms, 1000);
	assert_int_equal(service->check.jitter, 5);
	assert_int_equal(service->check.rise, 2);
	assert_int_equal(service->check.fall, 3);
	assert_string_equal(service->check.path, "/");
	assert_null(service->check.host);
	assert_null(service->check.body);
	assert_int_equal(service->check.expect_count, 1);
	assert_int_equal(service->check.expect[0].first, 200);
	assert_int_equal(service->check.expect[0].last, 399);
	assert_int_equal(service->backend_count, 1);
	assert_int_equal(service->backends[0].weight, 100);
	config_free(config);
}

static void every_key_is_taken(void **state)
{
	struct config *config = load(
		"interfaces: [{ name: eth0.100, mode: native }, { name: wan-0, mode: generic }]\n"
		"tunnel: { source_ipv4: 192.0.2.7, source_ipv6: 'fd00:1::/32', encapsulation: "
		"gre,\n"
		"          gue_port: 65535, oversize: pass, decrement_ttl: true }\n"
		"icmp: { echo: false, echo_rate: 1, error_rate: 0 }\n"
		"fragments: { early: pass, timeout: 2m }\n"
		"flows: 1024\n"
		"seed: 0xFFFFffffFFFFffff\n"
		"control: { socket: /tmp/s }\n"
		"pin_path: '/sys/fs/bpf/other'\n"
		"settle: 12h\n"
		"services:\n"
		"  - name: a.b_C-9\n"
		"    address: \"2001:db8::1\"\n"
		"    port: 0x1F90\n"
		"    protocol: tcp\n"
		"    ring_size: 655373\n"
		"    on_down: keep\n"
		"    check: { type: http, port: 8081, path: '/a?b=%20', host: '[fd00::1]:80',\n"
		"             body: \"it's \xc3\xbc\", expect: '200,204, 300-399', interval: 1h,\n"
		"             timeout: 1m, rise: 1, fall: 100, fast_interval: 1m, jitter: 50% }\n"
		"    slow_start: 1h\n"
		"    panic_threshold: \"100%\"\n"
		"    damping: false\n"
		"    second_chance: true\n"
		"    exceptions: off\n"
		"    encapsulation: gue\n"
		"    backends: [{ name: b, address: 'fd00::2', weight: 0 },\n"
		"               { name: c, address: 10.0.0.1, weight: 1000 }]\n"
		"  - { name: plain, address: 203.0.113.1, port: '443', ring_size: 251,\n"
		"      check: { type: tcp, interval: 100ms, timeout: 10ms } }\n");
	const struct config_service *service = config->services;
	const struct config_check *check = &service->check;
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_int_equal(config->interface_count, 2);
	assert_string_equal(config->interfaces[0].name, "eth0.100");
	assert_int_equal(config->interfaces[0].mode, INTERFACE_NATIVE);
	assert_int_equal(config->interfaces[1].mode, INTERFACE_GENERIC);
	assert_string_equal(prefix_format(&config->source_ipv4, text), "192.0.2.7");
	assert_string_equal(prefix_format(&config->source_ipv6, text), "fd00:1::/32");
	assert_int_equal(config->encapsulation, POISE_ENCAP_GRE);
	assert_int_equal(config->gue_port, 65535);
	assert_true(config->pass_oversize);
	assert_true(config->decrement_ttl);
	assert_false(config->icmp.echo);
	assert_int_equal(config->icmp.echo_rate, 1);
	assert_int_equal(config->icmp.error_rate, 0);
	assert_true(config->fragments.pass_early);
	assert_int_equal(config->fragments.timeout_ms, 120000);
	assert_int_equal(config->flow_entries, 1024);
	assert_true(config->seed == UINT64_MAX);
	assert_string_equal(config->control_socket, "/tmp/s");
	assert_string_equal(config->pin_path, "/sys/fs/bpf/other");
	assert_int_equal(config->settle_ms, 12 * 3600 * 1000);
	assert_int_equal(config->service_count, 2);
	assert_string_equal(service->name, "a.b_C-9");
	assert_string_equal(address_format(&service->address, text), "2001:db8::1");
	assert_int_equal(service->port, 8080);
	assert_int_equal(service->ring_size, 655373);
	assert_int_equal(service->on_down, ON_DOWN_KEEP);
	assert_int_equal(service->slow_start_ms, 3600 * 1000);
	assert_int_equal(service->panic_threshold, 100);
	assert_false(service->damping);
	assert_true(service->second_chance);
	assert_false(service->exceptions);
	assert_int_equal(check->port, 8081);
	assert_string_equal(check->path, "/a?b=%20");
	assert_string_equal(check->host, "[fd00::1]:80");
	assert_string_equal(check->body, "it's \xc3\xbc");
	assert_int_equal(check->expect_count, 3);
	assert_int_equal(check->expect[1].first, 204);
	assert_int_equal(check->expect[1].last, 204);
	assert_int_equal(check->expect[2].first, 300);
	assert_int_equal(check->expect[2].last, 399);
	assert_int_equal(check->interval_ms, 3600 * 1000);
	assert_int_equal(check->fast_interval_ms, 60 * 1000);
	assert_int_equal(check->timeout_ms, 60 * 1000);
	assert_int_equal(check->jitter, 50);
	assert_int_equal(check->rise, 1);
	assert_int_equal(check->fall, 100);
	assert_int_equal(service->backend_count, 2);
	assert_string_equal(service->backends[0].name, "b");
	assert_string_equal(address_format(&service->backends[0].address, text), "fd00::2");
	assert_int_equal(service->backends[0].weight, 0);
	assert_int_equal(service->backends[1].weight, 1000);
	assert_int_equal(service[1].check.type, CHECK_TCP);
	assert_int_equal(service[1].check.port, 443);
	assert_int_equal(service[1].check.fast_interval_ms, 100);
	assert_int_equal(service[1].check.expect_count, 0);
	assert_null(service[1].check.path);
	config_free(config);
}

static void good_files_are_taken(void **state)
{
	static const char *const good[] = {
		IFACES,
		"\xef\xbb\xbf" IFACES,
		"%YAML 1.1\n---\n" IFACES "...\n",
		"interfaces:\r\n- name: eth0\r\n",
		"{\"interfaces\": [{\"name\": \"eth0\"}], \"seed\": 7}",
		IFACES "services:\ntunnel:\ncontrol: ~\n",
		IFACES "services: []\ntunnel: {}\ncontrol: {}\n",
		IFACES "services: null\n",
		SERVICE "    backends: }\n",
		SERVICE "    backends: [] }\n",
		IFACES "settle: 1000ms\n",
		IFACES "settle: 720m\n",
		IFACES "seed: 0\n",
		IFACES "tunnel: { source_ipv4: 10.0.0.0/8, source_ipv6: 'fd00::1' }\n",
		"interfaces: [{ name: 123456789012345 }]\n",
		IFACES "control: { socket: /" X64 X8 X8 X8 X8 X8 "xx }\n",
		/* The same address with another port, and one backend for two services. */
		IFACES "services:\n"
		       "- { name: a, address: 203.0.113.1, port: 1, backends: [{ name: x, address: "
		       "10.0.0.1 }] }\n"
		       "- { name: b, address: 203.0.113.1, port: 2, backends: [{ name: x, address: "
		       "10.0.0.1 }] }\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		config_free(load(good[i]));
}

static void without_a_check_there_is_none(void **state)
{
	struct config *config = load(SERVICE "    on_down: keep }\n");

	(void)state;
	assert_int_equal(config->services[0].check.type, CHECK_NONE);
	assert_int_equal(config->services[0].backend_count, 0);
	assert_null(config->services[0].backends);
	config_free(config);
}

static void the_default_timeout_never_exceeds_the_interval(void **state)
{
	struct config *config = load(SERVICE "    check: { type: tcp, interval: 200ms } }\n");

	(void)state;
	assert_int_equal(config->services[0].check.timeout_ms, 200);
	config_free(config);
}

/* Writes length bytes to a new file, whose name it returns. */
static const char *write_file(const char *data, size_t length)
{
	static char path[] = "/tmp/test_config.XXXXXX";
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, length), length);
	close(fd);
	return path;
}

static void expect_file_error(const char *path, const char *expected)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	char line[256];

	snprintf(line, sizeof(line), "%s%s", path, expected);
	assert_int_equal(config_load_file(path, &config, &errors), -EINVAL);
	assert_null(config);
	assert_int_equal(errors.count, 1);
	assert_string_equal(errors.lines[0], line);
	config_errors_free(&errors);
}

static void files_that_cannot_be_read_are_named(void **state)
{
	char directory[] = "/tmp/test_config.XXXXXX", fifo[64];

	(void)state;
	assert_non_null(mkdtemp(directory));
	snprintf(fifo, sizeof(fifo), "%s/fifo", directory);
	expect_file_error(fifo, ": cannot be opened: No such file or directory");
	assert_int_equal(mkfifo(fifo, 0600), 0);
	expect_file_error(fifo, ": found a special file, allowed is a regular file");
	expect_file_error(directory, ": found a directory, allowed is a regular file");
	expect_file_error("/dev/zero", ": found a special file, allowed is a regular file");
	unlink(fifo);
	rmdir(directory);
}

static void files_are_bounded(void **state)
{
	char *data = malloc(CONFIG_MAX_BYTES + 1);
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	const char *path;

	(void)state;
	assert_non_null(data);
	memset(data, '\n', CONFIG_MAX_BYTES + 1);
	memcpy(data, IFACES, strlen(IFACES));
	path = write_file(data, CONFIG_MAX_BYTES + 1);
	expect_file_error(path, ": found more than 16777216 bytes, allowed are at most as many");
	assert_int_equal(truncate(path, CONFIG_MAX_BYTES), 0);
	assert_int_equal(config_load_file(path, &config, &errors), 0);
	config_free(config);
	unlink(path);
	path = write_file("", 0);
	expect_file_error(path,
			  ":1:1: found nothing, allowed is a mapping of interfaces, tunnel, icmp, "
			  "fragments, probe, flows, seed, control, user, pin_path, state_dir, "
			  "settle, services");
	unlink(path);
	free(data);
}

static void the_examples_are_good(void **state)
{
	static const struct {
		const char *path;
		size_t services;
	} examples[] = {
		{ "examples/poise.yaml", 3 },
		{ "examples/data-plane.yaml", 6 },
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(examples); i++) {
		struct config_errors errors = { 0 };
		struct config *config = NULL;

		if (config_load_file(examples[i].path, &config, &errors))
			fail_msg("run from the top of the tree? %s", joined(&errors));
		assert_int_equal(config->service_count, examples[i].services);
		config_free(config);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(good_files_are_taken),
		cmocka_unit_test(without_a_check_there_is_none),
		cmocka_unit_test(the_default_timeout_never_exceeds_the_interval),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(files_are_bounded),
		cmocka_unit_test(the_examples_are_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
