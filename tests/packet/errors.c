// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* ICMP errors and what they quote. */
#include "errors.h"

#include <linux/bpf.h>

static struct layer ports(uint8_t protocol, uint16_t source, uint16_t destination)
{
	return protocol == IPPROTO_TCP ? tcp(source, destination, ACK) : udp(source, destination);
}

struct layer error_service_ip(int family)
{
	return family == 4 ? ip4(VIP4, CLIENT4) : ip6(VIP6, CLIENT6);
}

struct packet error_flow(int family, uint8_t protocol)
{
	return PKT(eth(ROUTER_MAC, EDGE_MAC), family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6),
		   ports(protocol, CLIENT_PORT, SERVICE_PORT));
}

struct packet error_answer_from(struct layer ip, uint8_t protocol)
{
	return PKT(eth(EDGE_MAC, ROUTER_MAC), ip, ports(protocol, SERVICE_PORT, CLIENT_PORT),
		   payload(100));
}

struct packet error_answer(int family, uint8_t protocol)
{
	return error_answer_from(error_service_ip(family), protocol);
}

size_t error_quoted_bytes(const struct packet *quoted, size_t transport_bytes)
{
	return packet_l4(quoted) - packet_l3(quoted) + transport_bytes;
}

struct packet error_of_type(int family, uint8_t type, uint8_t code, const struct packet *quoted,
			    size_t bytes)
{
	if (family == 4)
		return PKT(eth(ROUTER_MAC, EDGE_MAC), ip4(ERROR_ROUTER4, VIP4),
			   icmp(type, code, NEXT_MTU), quote(quoted, bytes));
	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip6(ERROR_ROUTER6, VIP6), icmp6(type, code, NEXT_MTU),
		   quote(quoted, bytes));
}

struct packet error_too_big(const struct packet *quoted, size_t bytes)
{
	int family = packet_family(quoted);

	return family == 4 ? error_of_type(4, UNREACHABLE, FRAGMENTATION_NEEDED, quoted, bytes)
			   : error_of_type(6, 2, 0, quoted, bytes);
}

bool error_follows(const struct fixture *fixture, const char *name, const struct packet *in,
		   const struct packet *flow, uint16_t backend)
{
	struct fate fate =
		fate_of(name, *in, backend, fixture_verdict(fixture, &fixture->entries[backend]),
			POISE_REASON_SENT);

	fate.flow = flow;
	fate.events[POISE_EVENT_ICMP_FORWARDED] = 1;
	return fate_holds(fixture, &fate);
}

bool error_ends(const struct fixture *fixture, const char *name, const struct packet *in,
		int verdict, enum poise_reason reason)
{
	struct fate fate = fate_of(name, *in, A4, verdict, reason);

	return fate_holds(fixture, &fate);
}

bool error_passed(const struct fixture *fixture, const char *name, const struct packet *in)
{
	return error_ends(fixture, name, in, XDP_PASS, POISE_REASON_ICMP_PASSED);
}

bool error_malformed(const struct fixture *fixture, const char *name, const struct packet *in)
{
	return error_ends(fixture, name, in, XDP_DROP, POISE_REASON_MALFORMED);
}
