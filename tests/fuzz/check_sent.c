// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Every byte of a packet that was sent to a backend, from its entry and the packet that came in. */
#include <arpa/inet.h>
#include <string.h>

#include "check.h"
#include "poise_wire.h"
#include "shim.h"

enum {
	MACS_BYTES = 12,
	PROTOCOL_IPIP = 4,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_GRE = 47,
	PROTOCOL_TCP = 6,
	TYPE_IP4 = 0x0800,
	TYPE_IP6 = 0x86dd,
	TTL = 64,
	DONT_FRAGMENT = 0x4000,
	GRE_BYTES = 4,
	GUE_BYTES = 12, /* with UDP's */
	TCP_BYTES = 20, /* of the least header */
	UDP_BYTES = 8,
	UDP_LENGTH = 4,
	UDP_CHECKSUM = 6,
	GUE_FIRST_PORT = 49152,
};

/* Returns where the IP header begins. */
static uint32_t check_link(const struct passage *passage, const struct poise_backend *backend,
			   uint16_t type)
{
	const uint8_t *at = passage->out;
	int i;

	REQUIRE(!memcmp(at, backend->destination_mac, 6));
	REQUIRE(!memcmp(at + 6, backend->source_mac, 6));
	at += MACS_BYTES;
	for (i = 0; i < 2 && backend->vlan[i]; i++) {
		uint16_t tag = backend->vlan[i];

		REQUIRE(view_get16(at) == (tag & POISE_VLAN_SERVICE ? 0x88a8 : 0x8100));
		REQUIRE(view_get16(at + 2) == (tag & POISE_VLAN_ID));
		at += 4;
	}
	REQUIRE(view_get16(at) == type);
	return (uint32_t)(at + 2 - passage->out);
}

/* The client's packet as it must come out: with one TTL less if the backend's entry says so. What
 * its checksum becomes is looked at elsewhere. */
static void check_inner(const struct passage *passage, const struct view *in, uint32_t at,
			const struct poise_backend *backend)
{
	uint32_t hops = in->family == 4 ? VIEW_TTL4 : VIEW_HOPS6, i;
	const uint8_t *inner = passage->out + at, *original = in->frame + in->l3;
	bool less = backend->encapsulation & POISE_ENCAP_TTL;
	struct view out = *in;

	REQUIRE(at + in->frame_bytes - in->l3 == passage->out_bytes);
	for (i = 0; i < in->frame_bytes - in->l3; i++) {
		if (less && i == hops)
			REQUIRE(original[i] > 1 && inner[i] == original[i] - 1);
		else if (!less || in->family == 6 || i / 2 != VIEW_CHECKSUM4 / 2)
			REQUIRE(inner[i] == original[i]);
	}
	out.frame = passage->out;
	out.l3 = at;
	REQUIRE(view_header_right(&out) || !view_header_right(in));
}

/* Bytes that the mask leaves to the flow's hash may be any. */
static void check_source(const struct passage *passage, const struct poise_backend *backend,
			 const uint8_t *source)
{
	uint32_t bytes = backend->family == 4 ? 4 : 16, found, wanted;

	REQUIRE(!memcmp(source, backend->source, bytes - 4));
	memcpy(&found, source + bytes - 4, sizeof(found));
	memcpy(&wanted, backend->source + bytes - 4, sizeof(wanted));
	REQUIRE(!((found ^ wanted) & ~backend->source_mask));
}

static uint8_t outer_protocol(const struct view *in, uint32_t kind)
{
	if (kind == POISE_ENCAP_GUE)
		return PROTOCOL_UDP;
	if (kind == POISE_ENCAP_GRE)
		return PROTOCOL_GRE;
	return in->family == 4 ? PROTOCOL_IPIP : PROTOCOL_IPV6;
}

/*
 * Must the UDP checksum over IPv6 be right? Not when it was made from a checksum of the client's
 * that is wrong: that of the IPv4 header, or of a whole TCP segment or UDP datagram.
 */
static bool must_be_right(const struct view *in)
{
	uint32_t bytes = in->length - in->header;
	const uint8_t *udp = in->frame + in->l3 + in->header;

	if (!view_header_right(in))
		return false;
	if (in->fragment || (in->protocol != PROTOCOL_TCP && in->protocol != PROTOCOL_UDP))
		return true;
	if (in->protocol == PROTOCOL_UDP &&
	    (!view_get16(udp + UDP_CHECKSUM) || view_get16(udp + UDP_LENGTH) != bytes))
		return true;
	return view_payload_right(in);
}

/* The addresses of a chain: each of a backend with GUE, none twice nor the tunnel's own. Returns
 * its bytes. */
static uint32_t check_hops(const struct passage *passage, const uint8_t *chain, uint32_t number)
{
	uint32_t count = chain[2] & POISE_CHAIN_COUNT_MASK, bytes = sizeof(struct poise_chain);
	uint8_t last = 0;

	for (uint32_t i = 0; i < count; i++) {
		uint8_t family = chain[3] >> i & 1 ? 6 : 4, size = family == 4 ? 4 : 16;
		uint8_t hop = chain[bytes + size - 1]; /* the backend's number */

		REQUIRE(hop && hop <= WORLD_BACKENDS && hop != number && hop != last);
		REQUIRE(world_backend_kind(hop) == POISE_ENCAP_GUE);
		REQUIRE(world_backend(hop)->flags && world_backend_family(hop) == family);
		REQUIRE(!memcmp(chain + bytes, world_backend(hop)->address, size));
		bytes += size;
		last = hop;
	}
	return bytes;
}

/* Behind the GUE header; words: of it. */
static uint32_t check_chain(const struct passage *passage, const struct view *in,
			    const uint8_t *chain, uint32_t words, uint32_t number)
{
	if (!words)
		return 0;
	REQUIRE(!in->fragment);
	REQUIRE(view_get16(chain) == POISE_CHAIN_MAGIC);
	REQUIRE(chain[2] >> POISE_CHAIN_VERSION_SHIFT == POISE_CHAIN_VERSION);
	REQUIRE((chain[2] & POISE_CHAIN_COUNT_MASK) == 1 ||
		(chain[2] & POISE_CHAIN_COUNT_MASK) == 2);
	REQUIRE(chain[3] < 1 << (chain[2] & POISE_CHAIN_COUNT_MASK));
	REQUIRE(check_hops(passage, chain, number) == words * 4);
	return words * 4;
}

/* Returns the bytes of a chain. */
static uint32_t check_gue(const struct passage *passage, const struct view *in,
			  const struct view *outer, uint32_t number)
{
	const struct poise_backend *backend = world_backend(number);
	const uint8_t *udp = outer->frame + outer->l3 + outer->header;

	REQUIRE(view_get16(udp) >= GUE_FIRST_PORT);
	REQUIRE(view_get16(udp + 2) == ntohs(backend->gue_port));
	REQUIRE(view_get16(udp + UDP_LENGTH) == outer->length - outer->header);
	if (outer->family == 4)
		REQUIRE(!view_get16(udp + UDP_CHECKSUM));
	else
		REQUIRE(view_get16(udp + UDP_CHECKSUM));
	if (outer->family == 6 && must_be_right(in))
		REQUIRE(view_payload_right(outer));
	REQUIRE(udp[8] <= POISE_CHAIN_MAX_BYTES / 4 && !udp[10] && !udp[11]);
	REQUIRE(udp[9] == (in->family == 4 ? PROTOCOL_IPIP : PROTOCOL_IPV6));
	return check_chain(passage, in, udp + GUE_BYTES, udp[8], number);
}

static void check_gre(const struct passage *passage, const struct view *in,
		      const struct view *outer)
{
	const uint8_t *gre = outer->frame + outer->l3 + outer->header;

	REQUIRE(!view_get16(gre));
	REQUIRE(view_get16(gre + 2) == (in->family == 4 ? TYPE_IP4 : TYPE_IP6));
}

static uint8_t tos_of(const struct view *view)
{
	const uint8_t *ip = view->frame + view->l3;

	return view->family == 4 ? ip[1] : (uint8_t)(view_get16(ip) >> 4);
}

/* What is the same for all packets: DF, no id, and the TTL. */
static void check_outer(const struct passage *passage, const struct view *outer)
{
	const uint8_t *ip = outer->frame + outer->l3;

	if (outer->family == 4)
		REQUIRE(!view_get16(ip + 4) && view_get16(ip + 6) == DONT_FRAGMENT &&
			ip[VIEW_TTL4] == TTL);
	else
		REQUIRE(ip[VIEW_HOPS6] == TTL);
}

/* Returns the bytes of the tunnel's headers, and sets those of a chain. */
static uint32_t check_tunnel(const struct passage *passage, const struct view *in, uint32_t at,
			     uint32_t number, uint32_t kind, uint32_t *chain)
{
	const struct poise_backend *backend = world_backend(number);
	struct view outer = view_read(passage->out, passage->out_bytes);
	uint32_t bytes;

	REQUIRE(outer.whole && outer.l3 == at && outer.family == backend->family);
	REQUIRE(view_header_right(&outer) && outer.protocol == outer_protocol(in, kind));
	REQUIRE(outer.header == (backend->family == 4 ? 20 : 40));
	REQUIRE(!memcmp(outer.destination, backend->address, outer.address_bytes));
	check_outer(passage, &outer);
	check_source(passage, backend, outer.source);
	REQUIRE(tos_of(&outer) == tos_of(in));
	bytes = outer.header;
	if (kind == POISE_ENCAP_GUE) {
		*chain = check_gue(passage, in, &outer, number);
		bytes += GUE_BYTES;
	} else if (kind == POISE_ENCAP_GRE) {
		check_gre(passage, in, &outer);
		bytes += GRE_BYTES;
	}
	REQUIRE(outer.length == bytes + *chain + in->length);
	return bytes;
}

/* A whole packet has its transport header in it: what chose the backend is part of it. Behind
 * extension headers nobody looks here. */
static void check_transport(const struct passage *passage, const struct view *in)
{
	uint32_t bytes = in->length - in->header;

	if (in->fragment)
		return;
	if (in->protocol == PROTOCOL_TCP)
		REQUIRE(bytes >= TCP_BYTES);
	if (in->protocol == PROTOCOL_UDP)
		REQUIRE(bytes >= UDP_BYTES);
}

void check_sent(const struct passage *passage, const struct view *in, uint32_t number)
{
	const struct poise_backend *backend = world_backend(number);
	uint32_t kind = backend->encapsulation & POISE_ENCAP_KIND, at, bytes = 0, chain = 0;
	uint8_t family = kind == POISE_ENCAP_L2 ? in->family : backend->family;

	REQUIRE(in->whole);
	check_transport(passage, in);
	REQUIRE((passage->verdict == XDP_TX) == (backend->ifindex == WORLD_INGRESS));
	REQUIRE(backend->ifindex && backend->ifindex != WORLD_NO_EGRESS);
	at = check_link(passage, backend, family == 4 ? TYPE_IP4 : TYPE_IP6);
	if (kind != POISE_ENCAP_L2)
		bytes = check_tunnel(passage, in, at, number, kind, &chain);
	REQUIRE(in->length + bytes <= backend->mtu);
	check_inner(passage, in, at + bytes + chain, backend);
}
