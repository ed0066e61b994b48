// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Checks that travel as clients' packets do: via, probe_mtu, and the mark of their sockets. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "expect_config.h"

#define CHECK SERVICE "    check: { "
#define AT(c) "poise.yaml:4:" #c ": services[0].check."
#define MARK  "allowed is a multiple of 32768 from 32768 to 4294934528\n"

static const struct bad {
	const char *name, *text, *errors;
} bad[] = {
	{ "via", CHECK "type: tcp, via: vpn } }\n",
	  AT(30) "via: found 'vpn', allowed is direct or tunnel\n" },
	{ "probe_mtu without a tunnel", CHECK "type: tcp, probe_mtu: true } }\n",
	  AT(36) "probe_mtu: found 'true', allowed only with 'via: tunnel'\n" },
	{ "none", CHECK "type: none, via: tunnel } }\n",
	  AT(31) "via: found in a check of type none, which takes no key but 'type'\n" },
	{ "a prefix",
	  "interfaces: [{ name: eth0 }]\nservices:\n"
	  "  - { name: a, address: 10.0.0.0/8, port: 80,\n"
	  "    check: { type: tcp, via: tunnel } }\n",
	  AT(30) "via: found 'tunnel', allowed is direct in a check of a service of a prefix, "
		 "which has no address of its own\n" },
	{ "ports",
	  "interfaces: [{ name: eth0 }]\nservices:\n"
	  "  - { name: a, address: 10.0.0.1, port: any,\n"
	  "    check: { type: tcp, via: tunnel } }\n",
	  "poise.yaml:4:12: services[0].check: key 'port' is missing, required in a check of a "
	  "service of more than one port\n" },
	{ "no mark", "interfaces: [{ name: eth0 }]\nprobe: { mark: 0 }\n",
	  "poise.yaml:2:16: probe.mark: found 0, " MARK },
	{ "a mark among the indexes", "interfaces: [{ name: eth0 }]\nprobe: { mark: 0x50000001 }\n",
	  "poise.yaml:2:16: probe.mark: found 0x50000001, " MARK },
	{ "a mark of 33 bits", "interfaces: [{ name: eth0 }]\nprobe: { mark: 0x100000000 }\n",
	  "poise.yaml:2:16: probe.mark: found 0x100000000, " MARK },
};

static void bad_values_are_refused(void **state)
{
	size_t wrong = 0, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!has_errors(bad[i].name, bad[i].text, strlen(bad[i].text), bad[i].errors))
			wrong++;
	assert_int_equal(wrong, 0);
}

static void the_default_is_a_direct_check_without_a_mark(void **state)
{
	struct config *config = load(CHECK "type: tcp } }\n");

	(void)state;
	assert_int_equal(config->probe_mark, 0x50000000);
	assert_int_equal(config->services[0].check.via, CHECK_DIRECT);
	assert_false(config->services[0].check.probe_mtu);
	assert_int_equal(config->services[0].check.mark, 0);
	config_free(config);
}

static void a_tunnel_check_has_the_configurations_mark(void **state)
{
	struct config *config = load(
		CHECK "type: tcp, via: tunnel, probe_mtu: true } }\nprobe: { mark: 0xabc8000 }\n");

	(void)state;
	assert_int_equal(config->services[0].check.via, CHECK_TUNNEL);
	assert_true(config->services[0].check.probe_mtu);
	assert_int_equal(config->services[0].check.mark, 0xabc8000);
	config_free(config);
}

/* A range of ports is no hindrance when the check says which one. */
static void a_port_of_many_can_be_probed(void **state)
{
	struct config *config = load("interfaces: [{ name: eth0 }]\nservices:\n"
				     "  - { name: a, address: 10.0.0.1, port: any,\n"
				     "    check: { type: tcp, port: 80, via: tunnel } }\n");

	(void)state;
	assert_int_equal(config->services[0].check.port, 80);
	config_free(config);
}

/* Sockets that are open have the old mark: the checks must begin anew. */
static void another_mark_is_another_check(void **state)
{
	struct config *a = load(CHECK "type: tcp, via: tunnel } }\n");
	struct config *b = load(CHECK "type: tcp, via: tunnel } }\nprobe: { mark: 0x8000 }\n");

	(void)state;
	assert_false(config_check_equal(&a->services[0].check, &b->services[0].check));
	b->services[0].check.mark = a->services[0].check.mark;
	assert_true(config_check_equal(&a->services[0].check, &b->services[0].check));
	config_free(a);
	config_free(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_values_are_refused),
		cmocka_unit_test(the_default_is_a_direct_check_without_a_mark),
		cmocka_unit_test(a_tunnel_check_has_the_configurations_mark),
		cmocka_unit_test(a_port_of_many_can_be_probed),
		cmocka_unit_test(another_mark_is_another_check),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
