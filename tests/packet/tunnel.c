// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The way out of a packet as the entry of its backend says, written down a second time. */
#include "tunnel.h"

#include <arpa/inet.h>
#include <string.h>

#include "inspect.h"

enum {
	OUTER_TTL = 64,
	FLOW_LABEL_BITS = 0xfffff,
	GUE_FIRST_PORT = 49152,
	GUE_PORTS = 16384,
	IP4_TTL = 8, /* offsets of fields */
	IP4_CHECKSUM = 10,
	IP6_HOPS = 7,
	UDP_CHECKSUM = 6,
	GUE_PROTOCOL = 1,
	CHAIN_HEAD_BYTES = 4,
	CHAIN_COUNT = 2, /* beside the version */
	CHAIN_FAMILIES = 3,
	MAX_LAYERS = 8,
};

struct stack {
	struct layer layers[MAX_LAYERS];
	size_t count;
	uint8_t gue[GUE_HEADER_BYTES + POISE_CHAIN_MAX_BYTES];
};

static void push(struct stack *stack, struct layer layer)
{
	stack->layers[stack->count++] = layer;
}

static uint8_t kind_of(const struct poise_backend *entry)
{
	return entry->encapsulation & POISE_ENCAP_KIND;
}

size_t tunnel_bytes(const struct poise_backend *entry)
{
	size_t ip = entry->family == 4 ? IP4_BYTES : IP6_BYTES;

	switch (kind_of(entry)) {
	case POISE_ENCAP_GUE:
		return ip + UDP_BYTES + GUE_HEADER_BYTES;
	case POISE_ENCAP_GRE:
		return ip + GRE_BYTES;
	case POISE_ENCAP_L2:
		return 0;
	default:
		return ip;
	}
}

static void push_link(struct stack *stack, const struct poise_backend *entry)
{
	struct layer ethernet = { .type = LAYER_ETH, .length = ETH_BYTES };

	memcpy(ethernet.bytes, entry->destination_mac, ETH_ALEN);
	memcpy(ethernet.bytes + ETH_ALEN, entry->source_mac, ETH_ALEN);
	push(stack, ethernet);
	for (int i = 0; i < 2; i++) {
		uint16_t id = entry->vlan[i] & POISE_VLAN_ID;

		if (entry->vlan[i])
			push(stack,
			     entry->vlan[i] & POISE_VLAN_SERVICE ? service_vlan(id) : vlan(id));
	}
}

/* The tunnel's near end: the entry's, with the flow's hash in the bits that the mask names. */
static const char *outer_source(const struct poise_backend *entry, uint64_t hash,
				char text[INET6_ADDRSTRLEN])
{
	int family = entry->family == 4 ? AF_INET : AF_INET6;
	uint8_t *last, address[16];
	uint32_t word;

	memcpy(address, entry->source, sizeof(address));
	last = entry->family == 4 ? address : address + 12;
	memcpy(&word, last, sizeof(word));
	word |= (uint32_t)hash & entry->source_mask;
	memcpy(last, &word, sizeof(word));
	return inet_ntop(family, address, text, INET6_ADDRSTRLEN);
}

static uint8_t outer_protocol(const struct packet *in, const struct poise_backend *entry)
{
	if (kind_of(entry) == POISE_ENCAP_GUE)
		return IPPROTO_UDP;
	if (kind_of(entry) == POISE_ENCAP_GRE)
		return IPPROTO_GRE;
	return packet_family(in) == 4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

static void push_ip(struct stack *stack, const struct packet *in, const struct poise_backend *entry,
		    uint64_t hash)
{
	char source[INET6_ADDRSTRLEN], destination[INET6_ADDRSTRLEN];
	struct layer ip;

	inet_ntop(entry->family == 4 ? AF_INET : AF_INET6, entry->address, destination,
		  sizeof(destination));
	if (entry->family == 4)
		ip = ip4_fragment(ip4_id(ip4(outer_source(entry, hash, source), destination), 0),
				  IP4_DONT_FRAGMENT);
	else
		ip = ip6_label(ip6(outer_source(entry, hash, source), destination),
			       (uint32_t)hash & FLOW_LABEL_BITS);
	ip = next(ip, outer_protocol(in, entry));
	push(stack, tos(ttl(ip, OUTER_TTL), packet_tos(in)));
}

/* GUE's header and, of hops that are not NULL, the chain. Returns its bytes. */
static size_t write_gue(uint8_t *gue, bool six, const struct tunnel_hops *hops)
{
	uint8_t *at = gue + GUE_HEADER_BYTES + CHAIN_HEAD_BYTES;

	memset(gue, 0, GUE_HEADER_BYTES + CHAIN_HEAD_BYTES);
	gue[GUE_PROTOCOL] = six ? IPPROTO_IPV6 : IPPROTO_IPIP;
	if (!hops || !hops->hop[0])
		return GUE_HEADER_BYTES;
	memcpy(gue + GUE_HEADER_BYTES, "PO\x10", 3);
	for (int i = 0; i < POISE_CHAIN_HOPS && hops->hop[i]; i++) {
		size_t bytes = hops->hop[i]->family == 4 ? 4 : 16;

		memcpy(at, hops->hop[i]->address, bytes);
		at += bytes;
		gue[GUE_HEADER_BYTES + CHAIN_COUNT]++;
		gue[GUE_HEADER_BYTES + CHAIN_FAMILIES] |= (bytes == 16) << i;
	}
	gue[0] = (uint8_t)((at - gue - GUE_HEADER_BYTES) / 4);
	return (size_t)(at - gue);
}

/* UDP and GUE, or GRE. */
static void push_shim(struct stack *stack, const struct packet *in,
		      const struct poise_backend *entry, uint64_t hash,
		      const struct tunnel_hops *hops)
{
	static const uint8_t gre[2][GRE_BYTES] = { { 0, 0, 0x08, 0x00 }, { 0, 0, 0x86, 0xdd } };
	uint16_t source = (uint16_t)(GUE_FIRST_PORT + hash % GUE_PORTS);
	int six = packet_family(in) == 6;

	if (kind_of(entry) == POISE_ENCAP_GRE)
		push(stack, raw(gre[six], GRE_BYTES));
	if (kind_of(entry) != POISE_ENCAP_GUE)
		return;
	push(stack, udp(source, ntohs(entry->gue_port)));
	if (entry->family == 4)
		stack->layers[stack->count - 1] = checksum(stack->layers[stack->count - 1], 0);
	push(stack, raw(stack->gue, write_gue(stack->gue, six, hops)));
}

/* The client's IP packet, one hop further. */
static void take_hop(uint8_t *ip)
{
	size_t header = (ip[0] & 0xf) * 4U;
	uint16_t sum;

	if (ip[0] >> 4 == 6) {
		ip[IP6_HOPS]--;
		return;
	}
	ip[IP4_TTL]--;
	memset(ip + IP4_CHECKSUM, 0, sizeof(sum));
	sum = (uint16_t)~ones_complement(ip, header, 0);
	ip[IP4_CHECKSUM] = sum >> 8;
	ip[IP4_CHECKSUM + 1] = sum & 0xff;
}

/* Behind the link's header there are bytes, not a layer with a type. */
static void put_type(struct packet *out, const struct packet *in)
{
	memcpy(out->bytes + packet_l3(out) - 2, in->bytes + packet_l3(in) - 2, 2);
}

/* A UDP checksum that comes out as 0 is sent as its other form: 0 means 'none'. */
static void put_checksum(struct packet *out)
{
	uint8_t *at = out->bytes + packet_l4(out) + UDP_CHECKSUM;

	if (!at[0] && !at[1])
		memset(at, 0xff, 2);
}

struct packet tunnel_packet(const struct packet *in, const struct poise_backend *entry,
			    uint64_t hash)
{
	return tunnel_packet_chained(in, entry, hash, NULL);
}

struct packet tunnel_packet_chained(const struct packet *in, const struct poise_backend *entry,
				    uint64_t hash, const struct tunnel_hops *hops)
{
	size_t l3 = packet_l3(in), length = packet_ip_length(in);
	struct packet copy = *in, out;
	const uint8_t *inner = copy.bytes + l3;
	struct stack stack = { .count = 0 };

	if (entry->encapsulation & POISE_ENCAP_TTL)
		take_hop(copy.bytes + l3);
	push_link(&stack, entry);
	if (kind_of(entry) != POISE_ENCAP_L2) {
		push_ip(&stack, in, entry, hash);
		push_shim(&stack, in, entry, hash, hops);
	}
	push(&stack, raw(inner, length));
	push(&stack, trailer(inner + length, in->length - l3 - length));
	out = packet_make(stack.layers, stack.count);
	if (kind_of(entry) == POISE_ENCAP_L2)
		put_type(&out, in);
	if (kind_of(entry) == POISE_ENCAP_GUE && entry->family == 6)
		put_checksum(&out);
	return out;
}
