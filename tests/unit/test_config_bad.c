// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Wrong configurations, one a row, and exactly what is said of each. Long, for it is one table. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "expect_config.h"

#define SERVICE_KEYS                                                                               \
	"name, address, port, protocol, udp, idle, scheduler, affinity, quic, encapsulation, "     \
	"ring_size, on_down, check, agent, slow_start, panic_threshold, damping, second_chance, "  \
	"exceptions, backends\n"
#define TOP_KEYS                                                                                   \
	"interfaces, tunnel, icmp, fragments, probe, flows, seed, control, user, pin_path, "       \
	"state_dir, settle, services\n"
#define CHECK_KEYS                                                                                 \
	"type, port, via, probe_mtu, path, host, body, send, expect, tls, user, password_file, "   \
	"role, max_lag, service, command, query, query_type, rcode, interval, fast_interval, "     \
	"jitter, timeout, rise, fall\n"
#define HOST_ADDRESS                                                                               \
	"allowed is a host's IPv4 or IPv6 address: not unspecified, loopback, multicast, "         \
	"broadcast or link-local IPv6\n"
#define VIRTUAL_ADDRESS                                                                            \
	"allowed is a host's IPv4 or IPv6 address (not unspecified, loopback, multicast, "         \
	"broadcast or link-local IPv6), or a prefix of such with a length from 8 to 32 or 32 to "  \
	"128\n"
#define PORTS "allowed is an integer from 1 to 65535, a range of such as \"8000-8100\", or any\n"
#define NAME                                                                                       \
	"allowed is a name of letters, digits, '.', '_', '-' that begins with a letter or digit, " \
	"1 to 63 bytes\n"

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
	{ "letters swapped twice", IFACES "esde: 1\n",
	  "poise.yaml:2:1: esde: unknown key, did you mean 'seed'? allowed are " TOP_KEYS },
	{ "key cut between characters", IFACES X8 X8 X8 X8 "xxxxxx\xe2\x82\xac" X8 ": 1\n",
	  "poise.yaml:2:1: " X8 X8 X8 X8 "xxxxxx...: unknown key, allowed are " TOP_KEYS },
	{ "foreign key", IFACES "quux: 1\n",
	  "poise.yaml:2:1: quux: unknown key, allowed are " TOP_KEYS },
	{ "single key", IFACES "control: { path: /x }\n",
	  "poise.yaml:2:12: control.path: unknown key, allowed are socket, readers, writers\n" },
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
	  "socket, readers, writers\n" },
	{ "group with a colon", IFACES "control: { readers: \"a:b\" }\n",
	  "poise.yaml:2:21: control.readers: found 'a:b', allowed is a group's name or number, 1 "
	  "to "
	  "63 bytes\n" },
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
		 "- { name: d, address: 10.0.0.1/8, port: 1 }\n"
		 "- { name: e, address: www.example.org, port: 1 }\n"
		 "- { name: f, address: [10.0.0.1], port: 1 }\n"
		 "- { name: g, address: 10.0.0.0/7, port: 1 }\n"
		 "- { name: h, address: 2000::/31, port: 1 }\n"
		 "- { name: i, address: 224.0.0.0/8, port: 1 }\n"
		 "- { name: j, address: 10.0.0.0/33, port: 1 }\n"
		 "- { name: k, address: 'fe80::/64', port: 1 }\n",
	  "poise.yaml:3:23: services[0].address: found 0.0.0.0, " VIRTUAL_ADDRESS
	  "poise.yaml:4:23: services[1].address: found 127.0.0.1, " VIRTUAL_ADDRESS
	  "poise.yaml:5:23: services[2].address: found 'ff02::1', " VIRTUAL_ADDRESS
	  "poise.yaml:6:23: services[3].address: found 10.0.0.1/8, allowed is a prefix without "
	  "bits set after its length, such as 203.0.113.0/24\n"
	  "poise.yaml:7:23: services[4].address: found 'www.example.org', " VIRTUAL_ADDRESS
	  "poise.yaml:8:23: services[5].address: found a list of 1, " VIRTUAL_ADDRESS
	  "poise.yaml:9:23: services[6].address: found 10.0.0.0/7, " VIRTUAL_ADDRESS
	  "poise.yaml:10:23: services[7].address: found 2000::/31, " VIRTUAL_ADDRESS
	  "poise.yaml:11:23: services[8].address: found 224.0.0.0/8, " VIRTUAL_ADDRESS
	  "poise.yaml:12:23: services[9].address: found 10.0.0.0/33, " VIRTUAL_ADDRESS
	  "poise.yaml:13:23: services[10].address: found 'fe80::/64', " VIRTUAL_ADDRESS },
	{ "ports",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 0 }\n"
		 "- { name: b, address: 203.0.113.2, port: 65536 }\n"
		 "- { name: c, address: 203.0.113.3, port: 080 }\n"
		 "- { name: d, address: 203.0.113.4, port: http }\n"
		 "- { name: e, address: 203.0.113.5, port: 81-80 }\n"
		 "- { name: f, address: 203.0.113.6, port: 18446744073709551696 }\n"
		 "- { name: g, address: 203.0.113.6, port: 0-80 }\n"
		 "- { name: h, address: 203.0.113.6, port: '80 - 81' }\n"
		 "- { name: i, address: 203.0.113.6, port: }\n",
	  "poise.yaml:3:42: services[0].port: found 0, " PORTS
	  "poise.yaml:4:42: services[1].port: found 65536, " PORTS
	  "poise.yaml:5:42: services[2].port: found 080, " PORTS
	  "poise.yaml:6:42: services[3].port: found 'http', " PORTS
	  "poise.yaml:7:42: services[4].port: found 81-80, " PORTS
	  "poise.yaml:8:42: services[5].port: found 18446744073709551696, " PORTS
	  "poise.yaml:9:42: services[6].port: found 0-80, " PORTS
	  "poise.yaml:10:42: services[7].port: found '80 - 81', " PORTS
	  "poise.yaml:11:42: services[8].port: found nothing, " PORTS },
	{ "protocol", SERVICE "    protocol: sctp }\n",
	  "poise.yaml:4:15: services[0].protocol: found 'sctp', allowed is tcp or udp\n" },
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
	{ "agent without a port", SERVICE "    agent: { interval: 1s } }\n",
	  "poise.yaml:4:12: services[0].agent: key 'port' is missing, required is port\n" },
	{ "agent in words", SERVICE "    agent: true }\n",
	  "poise.yaml:4:12: services[0].agent: found 'true', allowed is a mapping of port, "
	  "interval, "
	  "timeout\n" },
	{ "agent that never gives up",
	  SERVICE "    agent: { port: 1, interval: 1s, timeout: 1001ms } }\n",
	  "poise.yaml:4:46: services[0].agent.timeout: found 1001ms, allowed is at most the "
	  "interval, 1s\n" },
	{ "check type", SERVICE "    check: { type: icmp } }\n",
	  "poise.yaml:4:20: services[0].check.type: found 'icmp', allowed is tcp, tls, http, "
	  "https, redis, postgres, mysql, grpc, dns, udp, exec or none\n" },
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
	{ "fast interval", SERVICE HTTP "interval: 2s, fast_interval: 2001ms } }\n",
	  "poise.yaml:5:36: services[0].check.fast_interval: found 2001ms, allowed is at most the "
	  "interval, 2s\n" },
	{ "timeout beyond the fast interval",
	  SERVICE HTTP "fast_interval: 200ms, timeout: 201ms } }\n",
	  "poise.yaml:5:38: services[0].check.timeout: found 201ms, allowed is at most the "
	  "fast_interval, 200ms\n" },
	{ "jitter", SERVICE HTTP "jitter: 51% } }\n",
	  "poise.yaml:5:15: services[0].check.jitter: found '51%', allowed is a percentage from 0% "
	  "to 50%\n" },
	{ "jitter without its sign", SERVICE HTTP "jitter: 5 } }\n",
	  "poise.yaml:5:15: services[0].check.jitter: found 5, allowed is a percentage from 0% to "
	  "50%\n" },
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
	  "allowed are name, address, weight, drain, encapsulation, server_id\n" },
	{ "backend is a later service",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 1, backends: [{ name: x, address: "
		 "203.0.113.2 }] }\n"
		 "- { name: b, address: 203.0.113.2, port: 2 }\n",
	  "poise.yaml:3:76: services[0].backends[0].address: found 203.0.113.2, allowed is no "
	  "service's address: its packets would come back\n" },
	{ "backend is a service, of many",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.9, port: 1 }\n"
		 "- { name: b, address: 203.0.113.7, port: 1 }\n"
		 "- { name: c, address: 203.0.113.5, port: 1 }\n"
		 "- { name: d, address: 203.0.113.3, port: 1, backends: [\n"
		 "{ name: x, address: 203.0.113.9 }, { name: y, address: 203.0.113.3 }] }\n",
	  "poise.yaml:7:21: services[3].backends[0].address: found 203.0.113.9, allowed is no "
	  "service's address: its packets would come back\n"
	  "poise.yaml:7:56: services[3].backends[1].address: found 203.0.113.3, allowed is no "
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files_are_refused_with_every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
