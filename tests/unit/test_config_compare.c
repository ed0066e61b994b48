// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* How configurations differ: which keys, services and backends are told of, and which are not. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "config_compare.h"
#include "expect_config.h"

#define WEB  "services:\n  - { name: web, address: 203.0.113.10, port: 80, "
#define HTTP "check: { type: http }, "
#define TWO  "backends: [{ name: a, address: 10.0.0.1 }, { name: b, address: 10.0.0.2 }] }\n"

static const struct {
	const char *name, *before, *after, *expected;
} cases[] = {
	{ "nothing", WEB HTTP TWO, WEB HTTP TWO, "" },
	{ "standard values said", WEB "protocol: tcp, on_down: rehash, " TWO, WEB TWO, "" },
	{ "what follows from another key", "tunnel: { encapsulation: gue }\n" WEB TWO, WEB TWO,
	  "~ - - tunnel.encapsulation: gue -> ipip\n" },
	{ "a value", WEB "check: { type: http, path: /a }, " TWO,
	  WEB "check: { type: http, path: /b }, " TWO, "~ web - check.path: /a -> /b\n" },
	{ "a value that is standard on one side", "settle: 10m\n", "",
	  "~ - - settle: 10m -> 15m\n" },
	{ "the seed", "seed: 1\n", "seed: 2\n", "~ - - seed: 0x1 -> 0x2\n" },
	{ "a section", "icmp: { echo_rate: 5 }\ncontrol: { socket: /a }\n", "",
	  "~ - - icmp.echo_rate: 5 -> 1000\n"
	  "~ - - control.socket: /a -> /run/poise/poised.sock\n" },
	{ "a check that begins", WEB TWO, WEB "check: { type: tcp, interval: 2s }, " TWO,
	  "~ web - check.type: none -> tcp\n~ web - check.interval: none -> 2s\n" },
	{ "a check's type", WEB HTTP TWO, WEB "check: { type: tcp }, " TWO,
	  "~ web - check.type: http -> tcp\n" },
	{ "tls as a word and as a mapping", WEB "check: { type: tcp, tls: true }, " TWO,
	  WEB "check: { type: tcp, tls: { insecure: true } }, " TWO,
	  "~ web - check.tls: true -> none\n~ web - check.tls.insecure: none -> true\n" },
	{ "a backend's weight and drain", WEB TWO,
	  WEB "backends: [{ name: b, address: 10.0.0.2, drain: true },\n"
	      "{ name: a, address: 10.0.0.1, weight: 5 }] }\n",
	  "~ web a weight: 100 -> 5\n~ web b drain: false -> true\n" },
	{ "backends", WEB TWO,
	  WEB "backends: [{ name: a, address: 10.0.0.1 },\n"
	      "{ name: c, address: 10.0.0.3, weight: 7 }] }\n",
	  "- web b none: address 10.0.0.2 -> none\n"
	  "+ web c none: none -> address 10.0.0.3, weight 7\n" },
	{ "a service", "", WEB HTTP TWO,
	  "+ web - none: none -> address 203.0.113.10, port 80, check.type http\n"
	  "+ web a none: none -> address 10.0.0.1\n+ web b none: none -> address 10.0.0.2\n" },
	{ "a service that goes", WEB "backends: [] }\n", "",
	  "- web - none: address 203.0.113.10, port 80 -> none\n" },
};

struct output {
	char text[1024];
	size_t used;
};

static const char *or_none(const char *text, const char *none)
{
	return text ? text : none;
}

static void write_down(void *context, const struct config_difference *difference)
{
	struct output *output = context;

	output->used += (size_t)snprintf(
		output->text + output->used, sizeof(output->text) - output->used,
		"%c %s %s %s: %s -> %s\n", "+-~"[difference->change],
		or_none(difference->service, "-"), or_none(difference->backend, "-"),
		or_none(difference->key, "none"), or_none(difference->before, "none"),
		or_none(difference->after, "none"));
}

static struct config *load_with_head(const char *head, const char *text)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), "%s%s", head, text);
	return load(whole);
}

static bool differ_as(const char *before, const char *after, const char *head, const char *expected)
{
	struct config *a = load_with_head(IFACES, before), *b = load_with_head(head, after);
	struct output output = { .used = 0 };

	assert_int_equal(config_compare(a, b, write_down, &output), 0);
	config_free(a);
	config_free(b);
	if (!strcmp(output.text, expected))
		return true;
	print_error("expected:\n%sgot:\n%s", expected, output.text);
	return false;
}

static void each_difference_is_told_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (!differ_as(cases[i].before, cases[i].after, IFACES, cases[i].expected))
			fail_msg("%s", cases[i].name);
}

static void interfaces_are_the_same_by_name(void **state)
{
	(void)state;
	assert_true(differ_as("", "", "interfaces: [{ name: eth1 }]\n",
			      "- - - interface: eth0 -> none\n+ - - interface: none -> eth1\n"));
	assert_true(differ_as("", "", "interfaces: [{ name: eth0, mode: native }]\n",
			      "~ - - interfaces.eth0.mode: auto -> native\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_difference_is_told_of),
		cmocka_unit_test(interfaces_are_the_same_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
