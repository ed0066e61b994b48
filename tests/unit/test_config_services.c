// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Services of every kind, and what their keys become. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <netinet/in.h>
#include <stdint.h>

#include "expect_config.h"

#define TWO_BACKENDS                                                                               \
	"    backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 'fd00::1' }] }\n"

static void ports(void **state)
{
	static const struct {
		const char *text;
		uint16_t first, last;
	} cases[] = {
		{ "1", 1, 1 },
		{ "65535", 65535, 65535 },
		{ "8000-8100", 8000, 8100 },
		{ "\"8000-8100\"", 8000, 8100 },
		{ "53-53", 53, 53 },
		{ "0x10-0x20", 16, 32 },
		{ "1-65535", 1, 65535 },
		{ "any", 1, 65535 },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			 IFACES "services: [{ name: a, address: 203.0.113.1, port: %s }]\n",
			 cases[i].text);
		config = load(text);
		assert_int_equal(config->services[0].port, cases[i].first);
		assert_int_equal(config->services[0].last_port, cases[i].last);
		config_free(config);
	}
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *address;
		uint8_t length;
	} cases[] = {
		{ "203.0.113.10", "203.0.113.10", 32 },
		{ "203.0.113.10/32", "203.0.113.10", 32 },
		{ "203.0.113.0/24", "203.0.113.0", 24 },
		{ "10.0.0.0/8", "10.0.0.0", 8 },
		{ "\"2001:db8:f::/64\"", "2001:db8:f::", 64 },
		{ "\"2001:db8::/32\"", "2001:db8::", 32 },
		{ "\"2001:db8::1\"", "2001:db8::1", 128 },
	};
	char text[256], address[ADDRESS_TEXT_BYTES];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			 IFACES "services: [{ name: a, address: %s, port: 80 }]\n", cases[i].text);
		config = load(text);
		assert_string_equal(address_format(&config->services[0].address, address),
				    cases[i].address);
		assert_int_equal(config->services[0].prefix_length, cases[i].length);
		config_free(config);
	}
}

static void udp_is_stateless_unless_flows_are_recorded(void **state)
{
	static const struct {
		const char *keys;
		enum udp_mode udp;
		uint32_t idle_ms;
	} cases[] = {
		{ "protocol: udp", UDP_STATELESS, 120000 },
		{ "protocol: udp, udp: stateless", UDP_STATELESS, 120000 },
		{ "protocol: udp, udp: sticky", UDP_STICKY, 120000 },
		{ "protocol: udp, udp: sticky, idle: 1s", UDP_STICKY, 1000 },
		{ "protocol: udp, scheduler: leastconn", UDP_STICKY, 120000 },
		{ "protocol: udp, scheduler: roundrobin, udp: sticky", UDP_STICKY, 120000 },
		{ "scheduler: leastconn", UDP_STATELESS, 900000 },
		{ "scheduler: leastconn, idle: 12h", UDP_STATELESS, 43200000 },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;

		snprintf(text, sizeof(text), SERVICE "    %s }\n", cases[i].keys);
		config = load(text);
		assert_int_equal(config->services[0].udp, cases[i].udp);
		assert_int_equal(config->services[0].idle_ms, cases[i].idle_ms);
		config_free(config);
	}
}

static void affinities(void **state)
{
	static const struct {
		const char *address, *keys;
		enum scheduler scheduler;
		uint8_t affinity;
	} cases[] = {
		{ "203.0.113.1", "affinity: source", SCHEDULER_MAGLEV, 32 },
		{ "203.0.113.1", "affinity: source/24", SCHEDULER_MAGLEV, 24 },
		{ "203.0.113.1", "affinity: source/1, scheduler: maglev", SCHEDULER_MAGLEV, 1 },
		{ "203.0.113.1", "scheduler: source", SCHEDULER_SOURCE, 32 },
		{ "203.0.113.1", "scheduler: source, affinity: source/16", SCHEDULER_SOURCE, 16 },
		{ "'fd00::1'", "scheduler: source", SCHEDULER_SOURCE, 128 },
		{ "'fd00::1'", "affinity: source/56", SCHEDULER_MAGLEV, 56 },
		{ "'fd00::1'", "scheduler: roundrobin", SCHEDULER_ROUNDROBIN, 0 },
	};
	char text[256];
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;

		snprintf(text, sizeof(text),
			 IFACES "services: [{ name: a, %s, port: 80, address: %s }]\n",
			 cases[i].keys, cases[i].address);
		config = load(text);
		assert_int_equal(config->services[0].scheduler, cases[i].scheduler);
		assert_int_equal(config->services[0].affinity, cases[i].affinity);
		config_free(config);
	}
}

static void quic_backends_have_server_ids(void **state)
{
	struct config *config =
		load(SERVICE
		     "    protocol: udp, quic: { config_id: 6, server_id_length: 15 },\n"
		     "    backends: [\n"
		     "{ name: a, address: 10.0.0.1, server_id: 000102030405060708090a0b0c0d0e },"
		     "{ name: b, address: 10.0.0.2, server_id: \"fFfefdfcfbfaf9f8f7f6f5f4f3f2f1\" "
		     "}] }\n");
	const struct config_service *service = config->services;
	size_t i;

	(void)state;
	assert_int_equal(service->quic.config_id, 6);
	assert_int_equal(service->quic.server_id_length, 15);
	for (i = 0; i < 15; i++) {
		assert_int_equal(service->backends[0].server_id[i], i);
		assert_int_equal(service->backends[1].server_id[i], 255 - i);
	}
	assert_int_equal(service->backends[1].server_id_length, 15);
	config_free(config);
}

/* Wherever in the file the tunnel stands. */
static void encapsulations_are_inherited(void **state)
{
	struct config *config = load(
		IFACES
		"services:\n"
		"- { name: a, address: 203.0.113.1, port: 80,\n" TWO_BACKENDS
		"- { name: b, address: 203.0.113.1, port: 81, encapsulation: gue, backends: [\n"
		"    { name: x, address: 10.0.0.1, encapsulation: l2 },\n"
		"    { name: y, address: 10.0.0.2 },\n"
		"    { name: z, address: 10.0.0.3, encapsulation: ipip }] }\n"
		"tunnel: { encapsulation: gre }\n");
	const struct config_service *service = config->services;

	(void)state;
	assert_int_equal(service[0].encapsulation, POISE_ENCAP_GRE);
	assert_int_equal(service[0].backends[0].encapsulation, POISE_ENCAP_GRE);
	assert_int_equal(service[0].backends[1].encapsulation, POISE_ENCAP_GRE);
	assert_int_equal(service[1].encapsulation, POISE_ENCAP_GUE);
	assert_int_equal(service[1].backends[0].encapsulation, POISE_ENCAP_L2);
	assert_int_equal(service[1].backends[1].encapsulation, POISE_ENCAP_GUE);
	assert_int_equal(service[1].backends[2].encapsulation, POISE_ENCAP_IPIP);
	config_free(config);
}

static void checks_have_a_tcp_port(void **state)
{
	struct config *config =
		load(IFACES "services:\n"
			    "- { name: a, address: 203.0.113.1, port: 53, protocol: udp,\n"
			    "    check: { type: tcp, port: 53 } }\n"
			    "- { name: b, address: 203.0.113.1, port: any,\n"
			    "    check: { type: http, port: 8080 } }\n"
			    "- { name: c, address: 203.0.113.0/24, port: 90-90,\n"
			    "    check: { type: http } }\n");

	(void)state;
	assert_int_equal(config->services[0].check.port, 53);
	assert_int_equal(config->services[1].check.port, 8080);
	assert_int_equal(config->services[2].check.port, 90);
	config_free(config);
}

/* What may stand beside each other. */
static void services_that_differ(void **state)
{
	static const char *const good[] = {
		/* nested ranges, also with a common end */
		IFACES "services:\n"
		       "- { name: a, address: 203.0.113.1, port: any }\n"
		       "- { name: b, address: 203.0.113.1, port: 8000-8100 }\n"
		       "- { name: c, address: 203.0.113.1, port: 8050-8100 }\n"
		       "- { name: d, address: 203.0.113.1, port: 8050 }\n"
		       "- { name: e, address: 203.0.113.1, port: 8101-8200 }\n",
		/* ranges that cross, but of other protocols, families and prefixes */
		IFACES "services:\n"
		       "- { name: a, address: 203.0.113.0/24, port: 10-20 }\n"
		       "- { name: b, address: 203.0.113.0/24, port: 15-25, protocol: udp }\n"
		       "- { name: c, address: 203.0.113.0/25, port: 15-25 }\n"
		       "- { name: d, address: 203.0.113.0, port: 5-15 }\n"
		       "- { name: e, address: 'cb00:7100::', port: 15-25 }\n",
		/* backends beside the prefix */
		IFACES "services:\n"
		       "- { name: a, address: 203.0.113.0/24, port: 10, backends: [\n"
		       "{ name: x, address: 203.0.112.255 }, { name: y, address: 203.0.114.0 },\n"
		       "{ name: z, address: 'cb00:7100::' }] }\n",
		IFACES
		"services:\n"
		"- { name: a, address: 203.0.113.9, port: 10, encapsulation: l2, backends: [\n"
		"{ name: x, address: 10.0.0.1 },\n"
		"{ name: y, address: 'fd00::1', encapsulation: ipip }] }\n",
	};
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		config_free(load(good[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ports),
		cmocka_unit_test(addresses),
		cmocka_unit_test(udp_is_stateless_unless_flows_are_recorded),
		cmocka_unit_test(affinities),
		cmocka_unit_test(quic_backends_have_server_ids),
		cmocka_unit_test(encapsulations_are_inherited),
		cmocka_unit_test(checks_have_a_tcp_port),
		cmocka_unit_test(services_that_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
