// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Services and settings of the data plane that are wrong, one a row, and exactly what is said. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include "expect_config.h"

static const struct bad {
	const char *name, *text, *errors;
} bad[] = {
	/* Settings. */
	{ "tunnel",
	  IFACES "tunnel: { encapsulation: vxlan, gue_port: 0, oversize: fragment,\n"
		 "decrement_ttl: yes, gue: 1 }\n",
	  "poise.yaml:2:26: tunnel.encapsulation: found 'vxlan', allowed is ipip, gue, gre or l2\n"
	  "poise.yaml:2:43: tunnel.gue_port: found 0, allowed is an integer from 1 to 65535\n"
	  "poise.yaml:2:56: tunnel.oversize: found 'fragment', allowed is drop or pass\n"
	  "poise.yaml:3:16: tunnel.decrement_ttl: found 'yes', allowed is true or false\n"
	  "poise.yaml:3:21: tunnel.gue: unknown key, allowed are source_ipv4, source_ipv6, "
	  "encapsulation, gue_port, oversize, decrement_ttl\n" },
	{ "icmp", IFACES "icmp: { echo: on, echo_rate: 0, error_rate: 1000001, rate: 1 }\n",
	  "poise.yaml:2:15: icmp.echo: found 'on', allowed is true or false\n"
	  "poise.yaml:2:30: icmp.echo_rate: found 0, allowed is an integer from 1 to 1000000\n"
	  "poise.yaml:2:45: icmp.error_rate: found 1000001, allowed is an integer from 0 to "
	  "1000000\n"
	  "poise.yaml:2:54: icmp.rate: unknown key, allowed are echo, echo_rate, error_rate\n" },
	{ "icmp echo a number", IFACES "icmp: { echo: 1 }\n",
	  "poise.yaml:2:15: icmp.echo: found 1, allowed is true or false\n" },
	{ "fragments", IFACES "fragments: { early: keep, timeout: 121s }\n",
	  "poise.yaml:2:21: fragments.early: found 'keep', allowed is drop or pass\n"
	  "poise.yaml:2:36: fragments.timeout: found 121s, allowed is a duration from 1s to 2m, "
	  "its unit one of ms, s, m, h\n" },
	{ "fragments too short", IFACES "fragments: { timeout: 999ms }\n",
	  "poise.yaml:2:23: fragments.timeout: found 999ms, allowed is a duration from 1s to 2m, "
	  "its unit one of ms, s, m, h\n" },
	{ "flows no power of two", IFACES "flows: 1000000\n",
	  "poise.yaml:2:8: flows: found 1000000, allowed is a power of two from 1024 to "
	  "67108864\n" },
	{ "flows too few", IFACES "flows: 512\n",
	  "poise.yaml:2:8: flows: found 512, allowed is a power of two from 1024 to 67108864\n" },
	{ "flows too many", IFACES "flows: 134217728\n",
	  "poise.yaml:2:8: flows: found 134217728, allowed is a power of two from 1024 to "
	  "67108864\n" },

	/* How a service bears the loss and return of backends. */
	{ "slow start, panic, damping",
	  SERVICE "    slow_start: 999ms, panic_threshold: 101%, damping: on }\n",
	  "poise.yaml:4:17: services[0].slow_start: found 999ms, allowed is a duration from 1s to "
	  "1h, its unit one of ms, s, m, h\n"
	  "poise.yaml:4:41: services[0].panic_threshold: found '101%', allowed is a percentage "
	  "from 0% to 100%\n"
	  "poise.yaml:4:56: services[0].damping: found 'on', allowed is true or false\n" },

	{ "a service on the tunnel's own port",
	  IFACES "tunnel: { gue_port: 5000 }\nservices:\n"
		 "  - { name: u, address: 203.0.113.10, port: 5000, protocol: udp }\n"
		 "  - { name: t, address: 203.0.113.10, port: 5000 }\n"
		 "  - { name: r, address: 203.0.113.11, port: 4999-5001, protocol: udp }\n",
	  "poise.yaml:4:45: services[0].port: found 5000, allowed is any other UDP port than "
	  "tunnel.gue_port, which may be another one\n" },

	/* Slots that move. */
	{ "second chance, exceptions",
	  SERVICE "    encapsulation: gue, second_chance: on, exceptions: yes }\n",
	  "poise.yaml:4:40: services[0].second_chance: found 'on', allowed is true or false\n"
	  "poise.yaml:4:56: services[0].exceptions: found 'yes', allowed is on, off, true or "
	  "false\n" },
	{ "second chance of UDP",
	  SERVICE "    protocol: udp, encapsulation: gue, second_chance: true, exceptions: off }\n",
	  "poise.yaml:4:55: services[0].second_chance: found in a service of protocol udp, allowed "
	  "is tcp only\n"
	  "poise.yaml:4:73: services[0].exceptions: found in a service of protocol udp, allowed is "
	  "tcp only\n" },
	{ "second chance of recorded flows",
	  SERVICE "    scheduler: leastconn, encapsulation: gue, second_chance: true }\n",
	  "poise.yaml:4:62: services[0].second_chance: found where every flow is recorded, allowed "
	  "is with scheduler: maglev or source only\n" },
	{ "second chance without GUE", SERVICE "    second_chance: true }\n",
	  "poise.yaml:4:20: services[0].second_chance: found 'true', allowed is true only with "
	  "encapsulation: gue, in whose header the next backends are named\n" },
	{ "second chance, a backend without GUE",
	  SERVICE
	  "    encapsulation: gue, second_chance: true,\n    backends: [{ name: a, address: "
	  "10.0.0.1 },\n { name: b, address: 10.0.0.2, encapsulation: ipip }] }\n",
	  "poise.yaml:6:47: services[0].backends[1].encapsulation: found 'ipip', allowed is gue "
	  "only, in a service with second_chance\n" },

	/* Keys of a service that do not go together. */
	{ "udp keys in tcp",
	  SERVICE "    udp: sticky, quic: { config_id: 0, server_id_length: 1 } }\n",
	  "poise.yaml:4:10: services[0].udp: found in a service of protocol tcp, allowed is udp "
	  "only\n"
	  "poise.yaml:4:24: services[0].quic: found in a service of protocol tcp, allowed is udp "
	  "only\n" },
	{ "udp mode", SERVICE "    protocol: udp, udp: yes }\n",
	  "poise.yaml:4:25: services[0].udp: found 'yes', allowed is stateless or sticky\n" },
	{ "stateless, but recorded",
	  SERVICE "    protocol: udp, udp: stateless, scheduler: leastconn }\n",
	  "poise.yaml:4:25: services[0].udp: found 'stateless', allowed is sticky: the scheduler "
	  "records every flow\n" },
	{ "idle of a ring", SERVICE "    idle: 1m }\n",
	  "poise.yaml:4:11: services[0].idle: found where no flows are recorded, allowed is with "
	  "udp: sticky, scheduler: roundrobin or leastconn only\n" },
	{ "idle of stateless UDP", SERVICE "    protocol: udp, idle: 1m }\n",
	  "poise.yaml:4:26: services[0].idle: found where no flows are recorded, allowed is with "
	  "udp: sticky, scheduler: roundrobin or leastconn only\n" },
	{ "idle too short", SERVICE "    protocol: udp, udp: sticky, idle: 999ms }\n",
	  "poise.yaml:4:39: services[0].idle: found 999ms, allowed is a duration from 1s to 12h, "
	  "its unit one of ms, s, m, h\n" },
	{ "idle too long", SERVICE "    scheduler: leastconn, idle: 721m }\n",
	  "poise.yaml:4:33: services[0].idle: found 721m, allowed is a duration from 1s to 12h, "
	  "its unit one of ms, s, m, h\n" },
	{ "scheduler", SERVICE "    scheduler: round-robin }\n",
	  "poise.yaml:4:16: services[0].scheduler: found 'round-robin', allowed is maglev, source, "
	  "roundrobin or leastconn\n" },
	{ "affinity", SERVICE "    affinity: sauce }\n",
	  "poise.yaml:4:15: services[0].affinity: found 'sauce', allowed is source, or source/ and "
	  "a prefix length from 1 to 32 (IPv6: 128), such as source/24\n" },
	{ "affinity of no bits", SERVICE "    affinity: source/0 }\n",
	  "poise.yaml:4:15: services[0].affinity: found 'source/0', allowed is source, or source/ "
	  "and a prefix length from 1 to 32 (IPv6: 128), such as source/24\n" },
	{ "affinity beyond IPv4", SERVICE "    affinity: source/33 }\n",
	  "poise.yaml:4:15: services[0].affinity: found 'source/33', allowed is source/1 to "
	  "source/32 in a service of IPv4\n" },
	{ "affinity beyond IPv6", SERVICE "    affinity: source/129 }\n",
	  "poise.yaml:4:15: services[0].affinity: found 'source/129', allowed is source, or "
	  "source/ and a prefix length from 1 to 32 (IPv6: 128), such as source/24\n" },
	{ "affinity with leastconn", SERVICE "    scheduler: leastconn, affinity: source }\n",
	  "poise.yaml:4:37: services[0].affinity: found with a scheduler that looks at no address, "
	  "allowed is with maglev or source only\n" },
	{ "encapsulation", SERVICE "    encapsulation: IPIP }\n",
	  "poise.yaml:4:20: services[0].encapsulation: found 'IPIP', allowed is ipip, gue, gre or "
	  "l2\n" },

	/* QUIC. */
	{ "quic sticky",
	  SERVICE "    protocol: udp, udp: sticky, quic: { config_id: 0, server_id_length: 1 } "
		  "}\n",
	  "poise.yaml:4:39: services[0].quic: found where every flow is recorded, allowed is with "
	  "udp: stateless, scheduler: maglev or source only\n" },
	{ "quic leastconn",
	  SERVICE "    protocol: udp, quic: { config_id: 0, server_id_length: 1 },\n"
		  "    scheduler: leastconn }\n",
	  "poise.yaml:4:26: services[0].quic: found where every flow is recorded, allowed is with "
	  "udp: stateless, scheduler: maglev or source only\n" },
	{ "quic's numbers",
	  SERVICE "    protocol: udp, quic: { config_id: 7, server_id_length: 16 } }\n",
	  "poise.yaml:4:39: services[0].quic.config_id: found 7, allowed is an integer from 0 to "
	  "6\n"
	  "poise.yaml:4:60: services[0].quic.server_id_length: found 16, allowed is an integer "
	  "from 1 to 15\n" },
	{ "quic without numbers", SERVICE "    protocol: udp, quic: {} }\n",
	  "poise.yaml:4:26: services[0].quic: key 'config_id' is missing, required are config_id, "
	  "server_id_length\n"
	  "poise.yaml:4:26: services[0].quic: key 'server_id_length' is missing, required are "
	  "config_id, server_id_length\n" },
	{ "quic a number", SERVICE "    protocol: udp, quic: 1 }\n",
	  "poise.yaml:4:26: services[0].quic: found 1, allowed is a mapping of config_id, "
	  "server_id_length\n" },
	{ "server ids",
	  SERVICE "    protocol: udp, quic: { config_id: 0, server_id_length: 2 }, backends: [\n"
		  "{ name: a, address: 10.0.0.1 },\n"
		  "{ name: b, address: 10.0.0.2, server_id: 0a },\n"
		  "{ name: c, address: 10.0.0.3, server_id: 0a0b0c },\n"
		  "{ name: d, address: 10.0.0.4, server_id: 0a0 },\n"
		  "{ name: e, address: 10.0.0.5, server_id: 0x0a },\n"
		  "{ name: f, address: 10.0.0.6, server_id: 00112233445566778899aabbccddeeff },\n"
		  "{ name: g, address: 10.0.0.7, server_id: 0a0b },\n"
		  "{ name: h, address: 10.0.0.8, server_id: 0A0B }] }\n",
	  "poise.yaml:5:1: services[0].backends[0]: key 'server_id' is missing, required in a "
	  "service with quic\n"
	  "poise.yaml:6:42: services[0].backends[1].server_id: found 0a, allowed are 2 bytes, two "
	  "hexadecimal digits each, as quic.server_id_length says\n"
	  "poise.yaml:7:42: services[0].backends[2].server_id: found 0a0b0c, allowed are 2 bytes, "
	  "two hexadecimal digits each, as quic.server_id_length says\n"
	  "poise.yaml:8:42: services[0].backends[3].server_id: found 0a0, allowed are 1 to 15 "
	  "bytes, two hexadecimal digits each, such as \"0a0b\"\n"
	  "poise.yaml:9:42: services[0].backends[4].server_id: found 0x0a, allowed are 1 to 15 "
	  "bytes, two hexadecimal digits each, such as \"0a0b\"\n"
	  "poise.yaml:10:42: services[0].backends[5].server_id: found "
	  "00112233445566778899aabbccddeeff, allowed are 1 to 15 bytes, two hexadecimal digits "
	  "each, such as \"0a0b\"\n"
	  "poise.yaml:12:42: services[0].backends[7].server_id: found 0A0B, allowed is a server id "
	  "of its own: backends[6] on line 11 has it\n" },
	{ "server id without quic",
	  SERVICE "    backends: [{ name: a, address: 10.0.0.1, server_id: 0a }] }\n",
	  "poise.yaml:4:57: services[0].backends[0].server_id: found in a service without quic, "
	  "allowed is with quic only\n" },

	/* Checks. */
	{ "check of UDP without port", SERVICE "    protocol: udp, check: { type: tcp } }\n",
	  "poise.yaml:4:27: services[0].check: key 'port' is missing, required in a check of a "
	  "service of protocol udp: a TCP port that the backends listen on\n" },
	{ "check of many ports without port",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 80-81, check: { type: http } }\n"
		 "- { name: b, address: 203.0.113.2, port: any, check: { type: tcp, rise: 1 } }\n",
	  "poise.yaml:3:56: services[0].check: key 'port' is missing, required in a check of a "
	  "service of more than one port\n"
	  "poise.yaml:4:54: services[1].check: key 'port' is missing, required in a check of a "
	  "service of more than one port\n" },

	/* Between services. */
	{ "the same ports twice",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.0/24, port: 80-81 }\n"
		 "- { name: b, address: 203.0.113.0/24, port: 80-81, protocol: udp }\n"
		 "- { name: c, address: 203.0.113.0/24, port: '80-81' }\n"
		 "- { name: d, address: 203.0.113.0/24, port: 80-81, protocol: udp }\n"
		 "- { name: e, address: 203.0.113.0/25, port: 80-81 }\n",
	  "poise.yaml:5:23: services[2].address: found 203.0.113.0/24, allowed is an address, port "
	  "and protocol of its own: services[0] on line 3 has it\n"
	  "poise.yaml:6:23: services[3].address: found 203.0.113.0/24, allowed is an address, port "
	  "and protocol of its own: services[1] on line 4 has it\n" },
	{ "any twice",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: any }\n"
		 "- { name: b, address: 203.0.113.1, port: 1-65535 }\n",
	  "poise.yaml:4:23: services[1].address: found 203.0.113.1, allowed is an address, port "
	  "and protocol of its own: services[0] on line 3 has it\n" },
	{ "ranges that cross",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.1, port: 8000-8100 }\n"
		 "- { name: b, address: 203.0.113.1, port: 8100-8200 }\n"
		 "- { name: c, address: 203.0.113.1, port: 7000-8000 }\n"
		 "- { name: d, address: 203.0.113.1, port: 8050-8150 }\n",
	  "poise.yaml:4:42: services[1].port: found 8100-8200, allowed is a range within that of "
	  "services[0] on line 3, which is 8000-8100, or around it, or apart from it\n"
	  "poise.yaml:5:42: services[2].port: found 7000-8000, allowed is a range within that of "
	  "services[0] on line 3, which is 8000-8100, or around it, or apart from it\n"
	  "poise.yaml:6:42: services[3].port: found 8050-8150, allowed is a range within that of "
	  "services[0] on line 3, which is 8000-8100, or around it, or apart from it\n"
	  "poise.yaml:6:42: services[3].port: found 8050-8150, allowed is a range within that of "
	  "services[1] on line 4, which is 8100-8200, or around it, or apart from it\n" },

	/* Backends. */
	{ "backends within a service's prefix",
	  IFACES "services:\n"
		 "- { name: a, address: 203.0.113.0/24, port: 80, backends: [\n"
		 "{ name: x, address: 203.0.113.255 }] }\n"
		 "- { name: b, address: 'fd00:5::/32', port: 80, backends: [\n"
		 "{ name: x, address: 'fd00:5:ffff::1' }, { name: y, address: 203.0.113.0 }] }\n",
	  "poise.yaml:4:21: services[0].backends[0].address: found 203.0.113.255, allowed is no "
	  "service's address: its packets would come back\n"
	  "poise.yaml:6:21: services[1].backends[0].address: found 'fd00:5:ffff::1', allowed is no "
	  "service's address: its packets would come back\n"
	  "poise.yaml:6:61: services[1].backends[1].address: found 203.0.113.0, allowed is no "
	  "service's address: its packets would come back\n" },
	{ "l2 to another family",
	  IFACES "tunnel: { encapsulation: l2 }\nservices:\n"
		 "- { name: a, address: 203.0.113.1, port: 80, backends: [\n"
		 "{ name: x, address: 'fd00::1' },\n"
		 "{ name: y, address: 'fd00::2', encapsulation: gue }] }\n"
		 "- { name: b, address: 'fd00::9', port: 80, encapsulation: ipip, backends: [\n"
		 "{ name: x, address: 10.0.0.1, encapsulation: l2 }] }\n",
	  "poise.yaml:5:21: services[0].backends[0].address: found 'fd00::1', allowed is an IPv4 "
	  "address like the service's: encapsulation l2 leaves packets as they are\n"
	  "poise.yaml:8:21: services[1].backends[0].address: found 10.0.0.1, allowed is an IPv6 "
	  "address like the service's: encapsulation l2 leaves packets as they are\n" },
};

static void bad_services_are_refused_with_every_error(void **state)
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
		cmocka_unit_test(bad_services_are_refused_with_every_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
