// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The configuration: what files become, and the exact message for what they must not be. In texts,
 * IFACES is line 1, SERVICE line 2 and 3: a service's further keys begin on line 4, column 5.
 */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "config_values.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define IFACES		  "interfaces: [{ name: eth0 }]\n"
#define SERVICE                                                                                    \
	IFACES "services:\n"                                                                       \
	       "  - { name: web, address: 203.0.113.10, port: 80,\n"
#define SERVICE_KEYS "name, address, port, protocol, ring_size, on_down, check, backends\n"
#define TOP_KEYS     "interfaces, tunnel, seed, control, pin_path, settle, services\n"
#define CHECK_KEYS   "type, port, path, host, body, expect, interval, timeout, rise, fall\n"
#define HOST_ADDRESS                                                                               \
	"allowed is a host's IPv4 or IPv6 address: not unspecified, loopback, multicast, "         \
	"broadcast or link-local IPv6\n"
#define NAME                                                                                       \
	"allowed is a name of letters, digits, '.', '_', '-' that begins with a letter or digit, " \
	"1 to 63 bytes\n"
#define X8   "xxxxxxxx"
#define X64  X8 X8 X8 X8 X8 X8 X8 X8
#define X256 X64 X64 X64 X64

static struct config *load(const char *text)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	if (config_load_text("poise.yaml", text, strlen(text), &config, &errors)) {
		print_error("%s\n", errors.count ? errors.lines[0] : "no memory");
		config_errors_free(&errors);
		fail();
	}
	assert_null(errors.lines);
	assert_int_equal(errors.count, 0);
	return config;
}

/* All messages, a line each, in a buffer that is valid until the next call. */
static const char *joined(const struct config_errors *errors)
{
	static char text[1 << 16];
	size_t used = 0, i;

	text[0] = '\0';
	for (i = 0; i < errors->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
					 errors->lines[i]);
	return text;
}

/* Is the text refused with just these lines? */
static bool has_errors(const char *name, const char *text, size_t length, const char *expected)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int err = config_load_text("poise.yaml", text, length, &config, &errors);
	const char *got = joined(&errors);
	bool right = err == -EINVAL && !config && !strcmp(got, expected);

	if (!right)
		print_error("%s: returned %d\nexpected:\n%sgot:\n%s", name, err, expected, got);
	config_errors_free(&errors);
	config_free(config);
	return right;
}

static void expect_errors(const char *name, const char *text, size_t length, const char *expected)
{
	assert_true(has_errors(name, text, length, expected));
}

static const struct bad {
	const char *name, *text, *errors;
} bad[] = {
	/* The file as a whole. */
	{ "empty", "", "poise.yaml:1:1: found nothing, allowed is a mapping of " TOP_KEYS },
	{ "only comments", "# nothing\n\n",
	  "poise.yaml:1:1: found nothing, allowed is a mapping of " TOP_KEYS },
	{ "a list", "- 1\n",
	  "poise.yaml:1:1: found a list of 1, allowed is a mapping of " TOP_KEYS },
	{ "a word", "hello\n", "poise.yaml:1:1: found 'hello', allowed is a mapping of " TOP_KEYS },
	{ "no interfaces", "seed: 1\n",
	  "poise.yaml:1:1: key 'interfaces' is missing, required is interfaces\n" },

	/* YAML. */
	{ "syntax", IFACES "seed: [1\n",
	  "poise.yaml:3:1: YAML syntax: did not find expected ',' or ']', while parsing a flow "
	  "sequence that begins at line 2, column 7\n" },
	{ "tab", IFACES "tunnel:\n\tsource_ipv4: 10.0.0.1\n",
	  "poise.yaml:3:1: YAML syntax: found character that cannot start any token, while "
	  "scanning "
	  "for the next token that begins at line 3, column 1\n" },
	{ "anchor", IFACES "seed: &seed 1\n",
	  "poise.yaml:2:7: found an anchor ('&'), allowed are plain values\n" },
	{ "anchored list", "interfaces: &a []\n",
	  "poise.yaml:1:13: found an anchor ('&'), allowed are plain values\n" },
	{ "anchored mapping", IFACES "tunnel: &a {}\n",
	  "poise.yaml:2:9: found an anchor ('&'), allowed are plain values\n" },
	{ "alias", IFACES "seed: *seed\n",
	  "poise.yaml:2:7: found an alias ('*'), allowed are plain values\n" },
	{ "alias as key", IFACES "*a : 1\n",
	  "poise.yaml:2:1: found an alias ('*'), allowed are plain values\n" },
	{ "tag", IFACES "seed: !!int 1\n",
	  "poise.yaml:2:7: found a tag ('!'), allowed are plain values\n" },
	{ "tagged list", "interfaces: !a []\n",
	  "poise.yaml:1:13: found a tag ('!'), allowed are plain values\n" },
	{ "tagged mapping", IFACES "tunnel: !a {}\n",
	  "poise.yaml:2:9: found a tag ('!'), allowed are plain values\n" },
	{ "two documents", IFACES "---\n" IFACES,
	  "poise.yaml:2:1: found a second document, allowed is one\n" },
	{ "list as key", IFACES "? [a]\n: 1\n",
	  "poise.yaml:2:3: found a list or mapping as a key, allowed is a word\n" },
	{ "deep", IFACES "seed: [[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]\n",
	  "poise.yaml:2:22: found more than 16 levels of nesting, allowed are fewer\n" },
	{ "Latin-1", IFACES "# \xc3\xbc \xfc\n",
	  "poise.yaml:2:5: found the byte 0xfc, allowed is UTF-8 text without control "
	  "characters\n" },
	{ "control character", IFACES "seed: \x1b[1m\n",
	  "poise.yaml:2:7: found the byte 0x1b, allowed is UTF-8 text without control "
	  "characters\n" },
	{ "broken UTF-8 at the end", IFACES "# \xc3",
	  "poise.yaml:2:3: found the byte 0xc3, allowed is UTF-8 text without control "
	  "characters\n" },

	/* Keys. */
	{ "misspelt key", "interfaces:\n  - name: eth0\n    moed: auto\n",
	  "poise.yaml:3:5: interfaces[0].moed: unknown key, did you mean 'mode'? allowed are name, "
	  "mode\n" },
	{ "half a key", SERVICE "    rings: 251 }\n",
	  "poise.yaml:4:5: services[0].rings: unknown key, did you mean 'ring_size'? allowed "
	  "are " SERVICE_KEYS },
	{ "foreign key", IFACES "quux: 1\n",
	  "poise.yaml:2:1: quux: unknown key, allowed are " TOP_KEYS },
	{ "single key", IFACES "control: { path: /x }\n",
	  "poise.yaml:2:12: control.path: unknown key, allowed is socket\n" },
	{ "long key", IFACES X256 ": 1\n",
	  "poise.yaml:2:1: " X8 X8 X8 X8 X8 "...: unknown key, allowed are " TOP_KEYS },
	{ "key with escapes", IFACES "\"seed\\0\\n\\e[1m\\x85\": 1\n",
	  "poise.yaml:2:1: seed\\x00\\x0a\\x1b[1m\\xc2\\x85: unknown key, allowed are " TOP_KEYS },
	{ "empty key", IFACES "\"\": 1\n",
	  "poise.yaml:2:1: '': unknown key, allowed are " TOP_KEYS },
	{ "duplicate key", IFACES "seed: 1\nsettle: 1m\nseed: x\n",
	  "poise.yaml:4:1: seed: found again, allowed is once: line 2 has it\n" },
	{ "duplicate list", IFACES IFACES,
	  "poise.yaml:2:1: interfaces: found again, allowed is once: line 1 has it\n" },
	{ "duplicate unknown key", IFACES "quux: 1\nquux: 1\n",
	  "poise.yaml:2:1: quux: unknown key, allowed are " TOP_KEYS
	  "poise.yaml:3:1: quux: found again, allowed is once: line 2 has it\n" },
	{ "everything missing", IFACES "services:\n  - backends:\n      - {}\n    check: {}\n",
	  "poise.yaml:3:5: services[0]: key 'name' is missing, required are name, address, port\n"
	  "poise.yaml:3:5: services[0]: key 'address' is missing, required are name, address, "
	  "port\n"
	  "poise.yaml:3:5: services[0]: key 'port' is missing, required are name, address, port\n"
	  "poise.yaml:4:9: services[0].backends[0]: key 'name' is missing, required are name, "
	  "address\n"
	  "poise.yaml:4:9: services[0].backends[0]: key 'address' is missing, required are name, "
	  "address\n"
	  "poise.yaml:5:12: services[0].check: key 'type' is missing, required is type\n" },

	/* Interfaces. */
	{ "no interface", "interfaces: []\n",
	  "poise.yaml:1:13: interfaces: found a list of 0, allowed is a list of 1 to 64 "
	  "interfaces\n" },
	{ "null interfaces", "interfaces:\n",
	  "poise.yaml:1:12: interfaces: found nothing, allowed is a list of 1 to 64 interfaces\n" },
	{ "interfaces a mapping", "interfaces: { name: eth0 }\n",
	  "poise.yaml:1:13: interfaces: found a mapping, allowed is a list of 1 to 64 "
	  "interfaces\n" },
	{ "interface a word", "interfaces: [eth0]\n",
	  "poise.yaml:1:14: interfaces[0]: found 'eth0', allowed is a mapping of name, "
	  "mode\n" },
	{ "interfaces twice", "interfaces:\n  - name: eth0\n  - name: eth1\n  - name: eth0\n",
	  "poise.yaml:4:11: interfaces[2].name: found 'eth0', allowed is a name of its own: "
	  "interfaces[0] on line 2 has it\n" },
	{ "interface names",
	  "interfaces:\n"
	  "- name: .\n- name: ..\n- name: a/b\n- name: a b\n- name: 'a:1'\n- name: "
	  "1234567890123456\n"
	  "- name: ''\n- name:\n- name: \"a\\tb\"\n- name: [a]\n",
#define INTERFACE "allowed is an interface's name without '/', ':' and white space, 1 to 15 bytes\n"
	  "poise.yaml:2:9: interfaces[0].name: found '.', " INTERFACE
	  "poise.yaml:3:9: interfaces[1].name: found '..', " INTERFACE
	  "poise.yaml:4:9: interfaces[2].name: found 'a/b', " INTERFACE
	  "poise.yaml:5:9: interfaces[3].name: found 'a b', " INTERFACE
	  "poise.yaml:6:9: interfaces[4].name: found 'a:1', " INTERFACE
	  "poise.yaml:7:9: interfaces[5].name: found 1234567890123456, " INTERFACE
	  "poise.yaml:8:9: interfaces[6].name: found '', " INTERFACE
	  "poise.yaml:9:8: interfaces[7].name: found nothing, " INTERFACE
	  "poise.yaml:10:9: interfaces[8].name: found 'a\\x09b', " INTERFACE
	  "poise.yaml:11:9: interfaces[9].name: found a list of 1, " INTERFACE },
	{ "mode", "interfaces: [{ name: eth0, mode: Native }]\n",
	  "poise.yaml:1:34: interfaces[0].mode: found 'Native', allowed is auto, native or "
	  "generic\n" },
	{ "mode a mapping", "interfaces: [{ name: eth0, mode: {} }]\n",
	  "poise.yaml:1:34: interfaces[0].mode: found a mapping, allowed is auto, native or "
	  "generic\n" },

	/* The top level's scalars. */
	{ "seed beyond 64 bits", IFACES "seed: 0x10000000000000000\n",
	  "poise.yaml:2:7: seed: found 0x10000000000000000, allowed is an integer from 0 to "
	  "18446744073709551615\n" },
	{ "settle without unit", IFACES "settle: 15\n",
	  "poise.yaml:2:9: settle: found 15, allowed is a duration from 1s to 12h, its unit one of "
	  "ms, s, m, h\n" },
	{ "settle too short", IFACES "settle: 999ms\n",
	  "poise.yaml:2:9: settle: found 999ms, allowed is a duration from 1s to 12h, its unit one "
	  "of ms, s, m, h\n" },
	{ "settle too long", IFACES "settle: 721m\n",
	  "poise.yaml:2:9: settle: found 721m, allowed is a duration from 1s to 12h, its unit one "
	  "of ms, s, m, h\n" },
	{ "relative socket", IFACES "control: { socket: poised.sock }\n",
	  "poise.yaml:2:20: control.socket: found 'poised.sock', allowed is an absolute path, 1 to "
	  "107 bytes\n" },
	{ "long socket", IFACES "control: { socket: /" X64 X8 X8 X8 X8 X8 "xxx }\n",
	  "poise.yaml:2:20: control.socket: found '/" X8 X8 X8 X8 "xxxxxxx...', allowed is an "
	  "absolute path, 1 to 107 bytes\n" },
	{ "control a word", IFACES "control: /run/poised.sock\n",
	  "poise.yaml:2:10: control: found '/run/poised.sock', allowed is a mapping of "
	  "socket\n" },
	{ "pin path", IFACES "pin_path: \"/sys/\\x7f\"\n",
	  "poise.yaml:2:11: pin_path: found '/sys/\\x7f', allowed is an absolute path, 1 to 255 "
	  "bytes\n" },
	{ "long pin path", IFACES "pin_path: /" X256 "\n",
	  "poise.yaml:2:11: pin_path: found '/" X8 X8 X8 X8 "xxxxxxx...', allowed is an absolute "
	  "path, 1 to 255 bytes\n" },

/* The tunnel. */
#define IPV4_SOURCE                                                                                \
	"allowed is a host's IPv4 address, or a prefix of such with a length from 8 to 32, such "  \
	"as 172.16.0.0/16\n"
#define IPV6_SOURCE                                                                                \
	"allowed is a host's IPv6 address, or a prefix of such with a length from 32 to 128, "     \
	"such as 100::/64\n"
	{ "source with bits",
	  IFACES "tunnel: { source_ipv4: 172.16.0.1/16, source_ipv6: 100::1/64 }\n",
	  "poise.yaml:2:24: tunnel.source_ipv4: found 172.16.0.1/16, allowed is a prefix without "
	  "bits set after its length, such as 172.16.0.0/16\n"
	  "poise.yaml:2:52: tunnel.source_ipv6: found 100::1/64, allowed is a prefix without bits "
	  "set after its length, such as 100::/64\n" },
	{ "sources swapped",
	  IFACES "tunnel: { source_ipv4: 100::/64, source_ipv6: 172.16.0.0/16 }\n",
	  "poise.yaml:2:24: tunnel.source_ipv4: found 100::/64, " IPV4_SOURCE
	  "poise.yaml:2:47: tunnel.source_ipv6: found 172.16.0.0/16, " IPV6_SOURCE },
	{ "sources too short",
	  IFACES "tunnel: { source_ipv4: 10.0.0.0/7, source_ipv6: 100::/31 }\n",
	  "poise.yaml:2:24: tunnel.source_ipv4: found 10.0.0.0/7, " IPV4_SOURCE
	  "poise.yaml:2:49: tunnel.source_ipv6: found 100::/31, " IPV6_SOURCE },
	{ "sources no hosts", IFACES "tunnel: { source_ipv4: 127.0.0.0/8, source_ipv6: ff02::1 }\n",
	  "poise.yaml:2:24: tunnel.source_ipv4: found 127.0.0.0/8, " IPV4_SOURCE
	  "poise.yaml:2:50: tunnel.source_ipv6: found 'ff02::1', " IPV6_SOURCE },
	{ "source garbage", IFACES "tunnel: { source_ipv4: here }\n",
	  "poise.yaml:2:24: tunnel.source_ipv4: found 'here', " IPV4_SOURCE },

	/* Services. */
	{ "service names",
	  IFACES "services:\n"
		 "- { name: -a, address: 203.0.113.1, port: 1 }\n"
		 "- { name: a/b, address: 203.0.113.2, port: 1 }\n"
		 "- { name: '', address: 203.0.113.3, port: 1 }\n"
		 "- { name: ~, address: 203.0.113.4, port: 1 }\n"
		 "- { name: \xc3\xa4, address: 203.0.113.5, port: 1 }\n"
		 "- { name: " X64 ", address: 203.0.113.6, port: 1 }\n"
		 "- { name: \"a\\0b\", address: 203.0.113.7, port: 1 }\n",
	  "poise.yaml:3:11: services[0].name: found '-a', " NAME
	  "poise.yaml:4:11: services[1].name: found 'a/b', " NAME
	  "poise.yaml:5:11: services[2].name: found '', " NAME
	  "poise.yaml:6:11: services[3].name: found nothing, " NAME
	  "poise.yaml:7:11: services[4].name: found '\xc3\xa4', " NAME
	  "poise.yaml:8:11: services[5].name: found '" X8 X8 X8 X8 X8 "...', " NAME
	  "poise.yaml:9:11: services[6].name: found 'a\\x00b', " NAME },
	{ "service addresses",
	  IFACES "services:\n"
		 "- { name: a, address: 0.0.0.0, port: 1 }\n"
		 "- { name: b, address: 127.0.0.1, port: 1 }\n"
		 "- { name: c, address: 'ff02::1', port: 1 }\n"
		 "- { name: d, address: 10.0.0.0/8, port: 1 }\n"
		 "- { name: e, address: www.example.org, port: 1 }\n"
		 "- { name: f, address: [10.0.0.1], port: 1 }\n",
	  "poise.yaml:3:23: services[0].address: found 0.0.0.0, " HOST_ADDRESS
	  "poise.yaml:4:23: services[1].address: found 127.0.0.1, " HOST_ADDRESS
	  "poise.yaml:5:23: services[2].address: found 'ff02::1', " HOST_ADDRESS
	  "poise.yaml:6:23: services[3].address: found 10.0.0.0/8, " HOST_ADDRESS
	  "poise.yaml:7:23: services[4].address: found 'www.example.org', " HOST_ADDRESS
	  "poise.yaml:8:23: services[5].address: found a list of 1, " HOST_ADDRESS },
	{ "ports",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 0 }\n"
		 "- { name: b, address: 203.0.113.2, port: 65536 }\n"
		 "- { name: c, address: 203.0.113.3, port: 080 }\n"
		 "- { name: d, address: 203.0.113.4, port: http }\n"
		 "- { name: e, address: 203.0.113.5, port: 80-81 }\n"
		 "- { name: f, address: 203.0.113.6, port: 18446744073709551696 }\n",
	  "poise.yaml:3:42: services[0].port: found 0, allowed is an integer from 1 to 65535\n"
	  "poise.yaml:4:42: services[1].port: found 65536, allowed is an integer from 1 to 65535\n"
	  "poise.yaml:5:42: services[2].port: found 080, allowed is an integer from 1 to 65535\n"
	  "poise.yaml:6:42: services[3].port: found 'http', allowed is an integer from 1 to 65535\n"
	  "poise.yaml:7:42: services[4].port: found 80-81, allowed is an integer from 1 to 65535\n"
	  "poise.yaml:8:42: services[5].port: found 18446744073709551696, allowed is an integer "
	  "from "
	  "1 to 65535\n" },
	{ "protocol", SERVICE "    protocol: udp }\n",
	  "poise.yaml:4:15: services[0].protocol: found 'udp', allowed is tcp\n" },
	{ "ring not prime", SERVICE "    ring_size: 65536 }\n",
	  "poise.yaml:4:16: services[0].ring_size: found 65536, allowed is a prime number from 251 "
	  "to 655373\n" },
	{ "ring too small", SERVICE "    ring_size: 241 }\n",
	  "poise.yaml:4:16: services[0].ring_size: found 241, allowed is a prime number from 251 "
	  "to "
	  "655373\n" },
	{ "ring too large", SERVICE "    ring_size: 655379 }\n",
	  "poise.yaml:4:16: services[0].ring_size: found 655379, allowed is a prime number from "
	  "251 "
	  "to 655373\n" },
	{ "on_down", SERVICE "    on_down: drop }\n",
	  "poise.yaml:4:14: services[0].on_down: found 'drop', allowed is rehash or keep\n" },
	{ "services a mapping", IFACES "services: {}\n",
	  "poise.yaml:2:11: services: found a mapping, allowed is a list of 0 to 4096 services\n" },
	{ "service nothing", IFACES "services: [~]\n",
	  "poise.yaml:2:12: services[0]: found nothing, allowed is a mapping of " SERVICE_KEYS },
	{ "services twice",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 1 }\n"
		 "- { name: b, address: 203.0.113.1, port: 1 }\n"
		 "- { name: a, address: 203.0.113.1, port: 2 }\n"
		 "- { name: a, address: '2001:db8:0::1', port: 1 }\n"
		 "- { name: c, address: '2001:db8::1', port: 1, protocol: tcp }\n",
	  "poise.yaml:4:23: services[1].address: found 203.0.113.1, allowed is an address, port "
	  "and "
	  "protocol of its own: services[0] on line 3 has it\n"
	  "poise.yaml:5:11: services[2].name: found 'a', allowed is a name of its own: services[0] "
	  "on "
	  "line 3 has it\n"
	  "poise.yaml:6:11: services[3].name: found 'a', allowed is a name of its own: services[0] "
	  "on "
	  "line 3 has it\n"
	  "poise.yaml:7:23: services[4].address: found 2001:db8::1, allowed is an address, port "
	  "and "
	  "protocol of its own: services[3] on line 6 has it\n" },

	/* Checks. */
	{ "null check", SERVICE "    check: }\n",
	  "poise.yaml:4:12: services[0].check: found nothing, allowed is a mapping "
	  "of " CHECK_KEYS },
	{ "check type", SERVICE "    check: { type: icmp } }\n",
	  "poise.yaml:4:20: services[0].check.type: found 'icmp', allowed is tcp or http\n" },
	{ "http keys in tcp",
	  SERVICE "    check: { type: tcp, path: /, host: a, body: a, expect: 200 } }\n",
	  "poise.yaml:4:31: services[0].check.path: found in a check of type tcp, allowed is http "
	  "only\n"
	  "poise.yaml:4:40: services[0].check.host: found in a check of type tcp, allowed is http "
	  "only\n"
	  "poise.yaml:4:49: services[0].check.body: found in a check of type tcp, allowed is http "
	  "only\n"
	  "poise.yaml:4:60: services[0].check.expect: found in a check of type tcp, allowed is "
	  "http "
	  "only\n" },
#define HTTP "    check: { type: http,\n      "
#define HTTP_PATH                                                                                  \
	"allowed is a path that begins with '/', of printable ASCII without spaces and '#', 1 to " \
	"1024 bytes\n"
	{ "relative path", SERVICE HTTP "path: healthz } }\n",
	  "poise.yaml:5:13: services[0].check.path: found 'healthz', " HTTP_PATH },
	{ "path with CR and LF", SERVICE HTTP "path: \"/ HTTP/1.1\\r\\nHost: x\" } }\n",
	  "poise.yaml:5:13: services[0].check.path: found '/ HTTP/1.1\\x0d\\x0aHost: "
	  "x', " HTTP_PATH },
	{ "path with space", SERVICE HTTP "path: /a b } }\n",
	  "poise.yaml:5:13: services[0].check.path: found '/a b', " HTTP_PATH },
	{ "path with fragment", SERVICE HTTP "path: /a#b } }\n",
	  "poise.yaml:5:13: services[0].check.path: found '/a#b', " HTTP_PATH },
	{ "path not ASCII", SERVICE HTTP "path: /\xc3\xa4 } }\n",
	  "poise.yaml:5:13: services[0].check.path: found '/\xc3\xa4', " HTTP_PATH },
	{ "path too long", SERVICE HTTP "path: /" X256 X256 X256 X256 " } }\n",
	  "poise.yaml:5:13: services[0].check.path: found '/" X8 X8 X8 X8
	  "xxxxxxx...', " HTTP_PATH },
	{ "host with LF", SERVICE HTTP "host: \"a\\nb\" } }\n",
	  "poise.yaml:5:13: services[0].check.host: found 'a\\x0ab', allowed is a host name or "
	  "address, with a port or without, 1 to 255 bytes\n" },
	{ "host with space", SERVICE HTTP "host: a b } }\n",
	  "poise.yaml:5:13: services[0].check.host: found 'a b', allowed is a host name or "
	  "address, "
	  "with a port or without, 1 to 255 bytes\n" },
	{ "body with C1 control", SERVICE HTTP "body: \"a\\x9b\" } }\n",
	  "poise.yaml:5:13: services[0].check.body: found 'a\\xc2\\x9b', allowed is text without "
	  "control characters, 1 to 1024 bytes\n" },
	{ "empty body", SERVICE HTTP "body: '' } }\n",
	  "poise.yaml:5:13: services[0].check.body: found '', allowed is text without control "
	  "characters, 1 to 1024 bytes\n" },
	{ "expect", SERVICE HTTP "expect: 200-99 } }\n",
	  "poise.yaml:5:15: services[0].check.expect: found 200-99, allowed are 1 to 8 codes or "
	  "ranges from 100 to 599, such as \"200,204,300-399\"\n" },
	{ "expect split by YAML", SERVICE HTTP "expect: 200,204 } }\n",
	  "poise.yaml:5:19: services[0].check.204: unknown key, allowed are " CHECK_KEYS },
	{ "interval", SERVICE HTTP "interval: 99ms } }\n",
	  "poise.yaml:5:17: services[0].check.interval: found 99ms, allowed is a duration from "
	  "100ms "
	  "to 1h, its unit one of ms, s, m, h\n" },
	{ "interval too long", SERVICE HTTP "interval: 61m } }\n",
	  "poise.yaml:5:17: services[0].check.interval: found 61m, allowed is a duration from "
	  "100ms "
	  "to 1h, its unit one of ms, s, m, h\n" },
	{ "timeout", SERVICE HTTP "timeout: 9ms } }\n",
	  "poise.yaml:5:16: services[0].check.timeout: found 9ms, allowed is a duration from 10ms "
	  "to "
	  "1h, its unit one of ms, s, m, h\n" },
	{ "timeout beyond the interval", SERVICE HTTP "timeout: 1001ms } }\n",
	  "poise.yaml:5:16: services[0].check.timeout: found 1001ms, allowed is at most the "
	  "interval, "
	  "1s\n" },
	{ "rise and fall", SERVICE HTTP "rise: 0, fall: 101 } }\n",
	  "poise.yaml:5:13: services[0].check.rise: found 0, allowed is an integer from 1 to 100\n"
	  "poise.yaml:5:22: services[0].check.fall: found 101, allowed is an integer from 1 to "
	  "100\n" },

	/* Backends. */
	{ "backends",
	  SERVICE "    backends: [\n"
		  "{ name: a, address: 10.0.0.1 },\n"
		  "{ name: a, address: 10.0.0.2 },\n"
		  "{ name: b, address: 10.0.0.1 },\n"
		  "{ name: c, address: 203.0.113.10 },\n"
		  "{ name: d, address: 'fe80::1', weight: 1001 },\n"
		  "{ name: a b, address: 10.0.0.5, weigth: 1 }]}\n",
	  "poise.yaml:6:9: services[0].backends[1].name: found 'a', allowed is a name of its own: "
	  "backends[0] on line 5 has it\n"
	  "poise.yaml:7:21: services[0].backends[2].address: found 10.0.0.1, allowed is an address "
	  "of "
	  "its own: backends[0] on line 5 has it\n"
	  "poise.yaml:8:21: services[0].backends[3].address: found 203.0.113.10, allowed is no "
	  "service's address: its packets would come back\n"
	  "poise.yaml:9:21: services[0].backends[4].address: found 'fe80::1', " HOST_ADDRESS
	  "poise.yaml:9:40: services[0].backends[4].weight: found 1001, allowed is an integer from "
	  "0 "
	  "to 1000\n"
	  "poise.yaml:10:9: services[0].backends[5].name: found 'a b', " NAME
	  "poise.yaml:10:33: services[0].backends[5].weigth: unknown key, did you mean 'weight'? "
	  "allowed are name, address, weight\n" },
	{ "backend is a later service",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 1, backends: [{ name: x, address: "
		 "203.0.113.2 }] }\n"
		 "- { name: b, address: 203.0.113.2, port: 2 }\n",
	  "poise.yaml:3:76: services[0].backends[0].address: found 203.0.113.2, allowed is no "
	  "service's address: its packets would come back\n" },
	{ "backends a word", SERVICE "    backends: none }\n",
	  "poise.yaml:4:15: services[0].backends: found 'none', allowed is a list of 0 to 32767 "
	  "backends\n" },
};

static void bad_files_are_refused_with_every_error(void **state)
{
	size_t wrong = 0, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!has_errors(bad[i].name, bad[i].text, strlen(bad[i].text), bad[i].errors))
			wrong++;
	assert_int_equal(wrong, 0);
}

/* Text with NULs, which the table cannot hold. */
static void binary_files_are_refused(void **state)
{
	static const char binary[] = IFACES "\0";

	(void)state;
	expect_errors("NUL", binary, sizeof(binary) - 1,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
	expect_errors("ELF", "\177ELF\2\1\1\0\0", 9,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
	expect_errors("UTF-16", "\xff\xfe#\0", 4,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
}

static void too_large_text_is_refused(void **state)
{
	char *text = malloc(CONFIG_MAX_BYTES + 1);
	struct config *config = NULL;
	struct config_errors errors = { 0 };
	const size_t used = strlen(IFACES);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_MAX_BYTES + 1);
	memcpy(text, IFACES, used);
	expect_errors("too large", text, CONFIG_MAX_BYTES + 1,
		      "poise.yaml: found more than 16777216 bytes, allowed are at most as many\n");
	assert_int_equal(config_load_text("x", text, CONFIG_MAX_BYTES, &config, &errors), 0);
	config_free(config);
	free(text);
}

/* Appends to a text that grows. */
struct text {
	char *data;
	size_t length;
	FILE *stream;
};

static FILE *text_begin(struct text *text)
{
	text->stream = open_memstream(&text->data, &text->length);
	assert_non_null(text->stream);
	return text->stream;
}

static void text_free(struct text *text)
{
	free(text->data);
}

static void errors_beyond_the_limit_are_counted(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	fprintf(out, IFACES "services:\n  - name: web\n    address: 203.0.113.10\n"
			    "    port: 80\n    backends:\n");
	for (i = 0; i < CONFIG_MAX_ERRORS + 5; i++)
		fprintf(out, "      - { name: b%d, address: 10.0.0.%d, weight: x }\n", i, i + 1);
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), -EINVAL);
	assert_null(config);
	assert_int_equal(errors.count, CONFIG_MAX_ERRORS + 1);
	assert_string_equal(
		errors.lines[0],
		"f:7:48: services[0].backends[0].weight: found 'x', allowed is an integer "
		"from 0 to 1000");
	assert_string_equal(errors.lines[CONFIG_MAX_ERRORS], "f: and 5 more");
	config_errors_free(&errors);
	assert_null(errors.lines);
	assert_int_equal(errors.count, 0);
	text_free(&text);
}

/* One error each for a list that is too long; what it holds is not even read. */
static void long_lists_are_refused(void **state)
{
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	fprintf(out, "interfaces:\n");
	for (i = 0; i <= CONFIG_MAX_INTERFACES; i++)
		fprintf(out, "- { name: eth%d }\n", i);
	fprintf(out, "services:\n");
	for (i = 0; i <= POISE_MAX_SERVICES; i++)
		fprintf(out, "- {}\n");
	fclose(out);
	expect_errors(
		"long lists", text.data, text.length,
		"poise.yaml:2:1: interfaces: found a list of 65, allowed is a list of 1 to 64 "
		"interfaces\n"
		"poise.yaml:68:1: services: found a list of 4097, allowed is a list of 0 to 4096 "
		"services\n");
	text_free(&text);
}

/* count backends in each of two services, from line 3 on. */
static void write_two_services(FILE *out, int first, int second)
{
	const int counts[] = { first, second };
	int i, j;

	fprintf(out, IFACES "services:\n");
	for (i = 0; i < 2; i++) {
		fprintf(out, "- { name: s%d, address: 203.0.113.%d, port: 80, backends: [\n", i,
			i + 1);
		for (j = 0; j < counts[i]; j++)
			fprintf(out, "{ name: b%d, address: 10.%d.%d.%d },\n", j, i, j >> 8,
				j & 255);
		fprintf(out, "]}\n");
	}
}

static void too_many_backends_are_refused(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out;

	(void)state;
	out = text_begin(&text);
	write_two_services(out, 30000, POISE_MAX_BACKENDS - 1 - 30000);
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	assert_int_equal(config->services[0].backend_count, 30000);
	config_free(config);
	text_free(&text);

	out = text_begin(&text);
	write_two_services(out, 30000, POISE_MAX_BACKENDS - 30000);
	fclose(out);
	expect_errors("too many in all", text.data, text.length,
		      "poise.yaml:30005:57: services[1].backends: found 32768 backends in the "
		      "services up "
		      "to this one, allowed are 32767 in all\n");
	text_free(&text);

	out = text_begin(&text);
	write_two_services(out, POISE_MAX_BACKENDS, 0);
	fclose(out);
	expect_errors("too many in one", text.data, text.length,
		      "poise.yaml:3:57: services[0].backends: found a list of 32768, allowed is a "
		      "list of "
		      "0 to 32767 backends\n");
	text_free(&text);
}

static void too_many_keys_and_nodes_are_refused(void **state)
{
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	for (i = 0; i <= 64; i++)
		fprintf(out, "k%d: 1\n", i);
	fclose(out);
	expect_errors(
		"keys", text.data, text.length,
		"poise.yaml:65:1: found more than 64 keys in one mapping, allowed are fewer\n");
	text_free(&text);
	out = text_begin(&text);
	for (i = 0; i < 1 << 19; i++)
		fprintf(out, "- 1\n");
	fclose(out);
	expect_errors(
		"nodes", text.data, text.length,
		"poise.yaml:524288:3: found more than 524288 keys and values, allowed are fewer\n");
	text_free(&text);
}

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
	assert_int_equal(config->service_count, 1);
	assert_int_equal(service->protocol, IPPROTO_TCP);
	assert_int_equal(service->ring_size, 65537);
	assert_int_equal(service->on_down, ON_DOWN_REHASH);
	assert_int_equal(service->check.type, CHECK_HTTP);
	assert_int_equal(service->check.port, 80);
	assert_int_equal(service->check.interval_ms, 1000);
	assert_int_equal(service->check.timeout_ms, 500);
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
		"tunnel: { source_ipv4: 192.0.2.7, source_ipv6: 'fd00:1::/32' }\n"
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
		"             timeout: 1h, rise: 1, fall: 100 }\n"
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
	assert_int_equal(check->timeout_ms, 3600 * 1000);
	assert_int_equal(check->rise, 1);
	assert_int_equal(check->fall, 100);
	assert_int_equal(service->backend_count, 2);
	assert_string_equal(service->backends[0].name, "b");
	assert_string_equal(address_format(&service->backends[0].address, text), "fd00::2");
	assert_int_equal(service->backends[0].weight, 0);
	assert_int_equal(service->backends[1].weight, 1000);
	assert_int_equal(service[1].check.type, CHECK_TCP);
	assert_int_equal(service[1].check.port, 443);
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
			  ":1:1: found nothing, allowed is a mapping of interfaces, tunnel, seed, "
			  "control, pin_path, settle, services");
	unlink(path);
	free(data);
}

static void the_example_is_good(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int err = config_load_file("examples/poise.yaml", &config, &errors);

	(void)state;
	if (err)
		fail_msg("run from the top of the tree? %s", joined(&errors));
	assert_int_equal(config->service_count, 3);
	assert_int_equal(config->seed, 0x5eed);
	assert_int_equal(config->services[0].backends[2].weight, 50);
	assert_int_equal(config->services[2].check.expect[0].last, 200);
	config_free(config);
}

/* The aim is 0.5 s without sanitizers; what is quadratic takes minutes. */
static void a_large_file_loads_fast(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct timespec before, after;
	struct text text;
	FILE *out = text_begin(&text);
	int i, j;

	(void)state;
	fprintf(out, IFACES "services:\n");
	for (i = 0; i < POISE_MAX_SERVICES; i++) {
		fprintf(out, "- name: s%d\n  address: 203.1.%d.%d\n  port: 80\n  backends:\n", i,
			i >> 8, i & 255);
		for (j = 0; j < 4; j++)
			fprintf(out, "  - { name: b%d, address: 10.%d.%d.%d }\n", j, j, i >> 8,
				i & 255);
	}
	fclose(out);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(config->service_count, POISE_MAX_SERVICES);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 5);
	config_free(config);
	text_free(&text);
}

static void names(void **state)
{
	static const char *const good[] = { "a",      "9", "a.b",
					    "a_b-c.", "A", X8 X8 X8 X8 X8 X8 X8 "xxxxxxx" };
	static const char *const wrong[] = { "",    ".a",  "-a",       "_a", "a b",
					     "a/b", "a\n", "\xc3\xa4", X64 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(config_check_name(good[i]), 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(config_check_name(wrong[i]), -EINVAL);
}

static void primes(void **state)
{
	static const uint32_t prime[] = { 2, 3, 5, 7, 251, 65537, 655373, 4294967291 };
	static const uint32_t composite[] = { 0,   1,	  4,	 9,	 25,	     249,
					      253, 65535, 65536, 655371, 4294836225, 4294967295 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(prime); i++)
		assert_true(is_prime(prime[i]));
	for (i = 0; i < ARRAY_SIZE(composite); i++)
		assert_false(is_prime(composite[i]));
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "65537", 0, 65537 },
		{ "0x5eed", 0, 0x5eed },
		{ "0x0", 0, 0 },
		{ "0x00ff", 0, 255 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "010", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "ff", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "0X1", -EINVAL, 0 },
		{ "0x0x1", -EINVAL, 0 },
		{ "0xfg", -EINVAL, 0 },
	};
	uint64_t value;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_integer(cases[i].text, &value);
		if (err != cases[i].err || (!err && value != cases[i].value))
			fail_msg("\"%s\": got %d, %" PRIu64, cases[i].text, err, value);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ms;
		const char *shortest;
	} cases[] = {
		{ "500ms", 0, 500, "500ms" },
		{ "1500ms", 0, 1500, "1500ms" },
		{ "1000ms", 0, 1000, "1s" },
		{ "90s", 0, 90000, "90s" },
		{ "15m", 0, 900000, "15m" },
		{ "120m", 0, 7200000, "2h" },
		{ "2h", 0, 7200000, "2h" },
		{ "18446744073709551615ms", 0, UINT64_MAX, "18446744073709551615ms" },
		{ "18446744073709551615s", -ERANGE, 0, NULL },
		{ "18446744073709551616ms", -ERANGE, 0, NULL },
		{ "", -EINVAL, 0, NULL },
		{ "5", -EINVAL, 0, NULL },
		{ "s", -EINVAL, 0, NULL },
		{ "1 s", -EINVAL, 0, NULL },
		{ "1S", -EINVAL, 0, NULL },
		{ "1d", -EINVAL, 0, NULL },
		{ "1.5s", -EINVAL, 0, NULL },
		{ "1m30s", -EINVAL, 0, NULL },
		{ "-1s", -EINVAL, 0, NULL },
		{ "01s", -EINVAL, 0, NULL },
		{ "0x1s", -EINVAL, 0, NULL },
		{ "1sec", -EINVAL, 0, NULL },
	};
	char text[CONFIG_DURATION_BYTES];
	uint64_t ms;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_duration(cases[i].text, &ms);
		if (err != cases[i].err || (!err && ms != cases[i].ms))
			fail_msg("\"%s\": got %d, %" PRIu64, cases[i].text, err, ms);
		if (!err)
			assert_string_equal(config_format_duration(ms, text), cases[i].shortest);
	}
}

static void status_ranges(void **state)
{
	static const struct {
		const char *text;
		int err;
		size_t count;
		uint16_t first, last; /* of the last range */
	} cases[] = {
		{ "200", 0, 1, 200, 200 },
		{ "100-599", 0, 1, 100, 599 },
		{ "200,204,300-399", 0, 3, 300, 399 },
		{ "200, 204,  301", 0, 3, 301, 301 },
		{ "200,201,202,203,204,205,206,207", 0, 8, 207, 207 },
		{ "200,201,202,203,204,205,206,207,208", -E2BIG, 0, 0, 0 },
		{ "", -EINVAL, 0, 0, 0 },
		{ "99", -EINVAL, 0, 0, 0 },
		{ "600", -EINVAL, 0, 0, 0 },
		{ "200-", -EINVAL, 0, 0, 0 },
		{ "-200", -EINVAL, 0, 0, 0 },
		{ "300-200", -EINVAL, 0, 0, 0 },
		{ "200-300-400", -EINVAL, 0, 0, 0 },
		{ "200,", -EINVAL, 0, 0, 0 },
		{ ",200", -EINVAL, 0, 0, 0 },
		{ "200 204", -EINVAL, 0, 0, 0 },
		{ "2xx", -EINVAL, 0, 0, 0 },
		{ "65736", -EINVAL, 0, 0, 0 },
	};
	struct status_range ranges[CONFIG_MAX_EXPECT];
	size_t count, i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_expect(cases[i].text, ranges, &count);
		if (err != cases[i].err)
			fail_msg("\"%s\": got %d", cases[i].text, err);
		if (err)
			continue;
		assert_int_equal(count, cases[i].count);
		assert_int_equal(ranges[count - 1].first, cases[i].first);
		assert_int_equal(ranges[count - 1].last, cases[i].last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_refused_with_every_error),
		cmocka_unit_test(binary_files_are_refused),
		cmocka_unit_test(too_large_text_is_refused),
		cmocka_unit_test(errors_beyond_the_limit_are_counted),
		cmocka_unit_test(long_lists_are_refused),
		cmocka_unit_test(too_many_backends_are_refused),
		cmocka_unit_test(too_many_keys_and_nodes_are_refused),
		cmocka_unit_test(absent_keys_have_their_defaults),
		cmocka_unit_test(every_key_is_taken),
		cmocka_unit_test(good_files_are_taken),
		cmocka_unit_test(without_a_check_there_is_none),
		cmocka_unit_test(the_default_timeout_never_exceeds_the_interval),
		cmocka_unit_test(files_that_cannot_be_read_are_named),
		cmocka_unit_test(files_are_bounded),
		cmocka_unit_test(the_example_is_good),
		cmocka_unit_test(a_large_file_loads_fast),
		cmocka_unit_test(names),
		cmocka_unit_test(primes),
		cmocka_unit_test(integers),
		cmocka_unit_test(durations),
		cmocka_unit_test(status_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
