/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the packet for a service? A hash table of our own in an array, so that no helper is called,
 * and mostly one cache line is read: the service's entry. Only the long way asks for port ranges
 * and prefixes.
 */
#ifndef POISE_SERVICE_BPF_H
#define POISE_SERVICE_BPF_H

#include "packet.bpf.h"
#include "poise_flow.h"

/* A destination as it is looked up; words of the address as in the packet. */
struct service_key {
	__u64 address[2];
	__be16 port;
	__u8 protocol;
	__u8 family;
	__u8 reserved[4];
};

/* LISTED first: an entry whose LISTED was seen is of the service that it was published with. */
static __always_inline bool service_matches(const struct poise_service *service,
					    const struct service_key *key)
{
	const __u64 *address = (const __u64 *)service->address;

	return READ_ONCE(service->flags) & POISE_SERVICE_LISTED &&
	       READ_ONCE(address[0]) == key->address[0] &&
	       READ_ONCE(address[1]) == key->address[1] && service->port == key->port &&
	       service->protocol == key->protocol && service->family == key->family;
}

/* Returns the service and its index, or NULL. */
static __always_inline struct poise_service *service_find(const struct service_key *key, __u64 hash,
							  __u32 *index_out)
{
	__u32 home = poise_service_home(hash), reach = 0;

#pragma clang loop unroll(disable)
	for (__u32 i = 0; i <= POISE_MAX_REACH && i <= reach; i++) {
		__u32 index = (home + i) & (POISE_SERVICE_ENTRIES - 1);
		struct poise_service *service = bpf_map_lookup_elem(&services, &index);

		if (!service)
			return NULL;
		if (likely(service_matches(service, key))) {
			*index_out = index;
			return service;
		}
		if (i == 0)
			reach = READ_ONCE(service->reach);
	}
	return NULL;
}

/* The entry of exactly this address, port (network byte order) and protocol. */
static __always_inline struct poise_service *service_exact(const struct packet *packet, __be16 port,
							   __u8 protocol, __u32 *index)
{
	struct service_key key = { .address = { packet->destination[0], packet->destination[1] },
				   .port = port,
				   .protocol = protocol,
				   .family = packet->family };

	if (packet->family == 4)
		return service_find(&key, poise_service_hash4(key.address[0], port, protocol),
				    index);
	return service_find(&key, poise_service_hash6(key.address, port, protocol), index);
}

/* The service of a plain packet, if one has exactly its address, port and protocol; else NULL. */
static __always_inline struct poise_service *service_of_plain(struct packet *packet)
{
	__u32 index = 0;
	struct poise_service *service =
		service_exact(packet, packet->ports >> 16, packet->protocol, &index);

	packet->service = index;
	return service;
}

enum { RANGE_STEPS = 8 }; /* halvings of POISE_MAX_RANGES ranges down to none */
_Static_assert(POISE_MAX_RANGES < 1 << RANGE_STEPS, "RANGE_STEPS");

/* The service of the range that holds the port (host byte order), as an index; 0: none does.
 * ranges: a word of an address's entry. */
__noinline int range_find(__u32 ranges, __u32 port)
{
	__u32 low = ranges >> 8, high = low + (ranges & 0xff);

#pragma clang loop unroll(disable)
	for (int i = 0; i < RANGE_STEPS && low < high; i++) {
		__u32 middle = low + (high - low) / 2;
		struct poise_port_range *range = bpf_map_lookup_elem(&port_ranges, &middle);

		if (!range)
			return 0;
		if (port < range->first)
			high = middle;
		else if (port > range->last)
			low = middle + 1;
		else
			return range->service;
	}
	return 0;
}

/* The address's entry of the longest prefix that holds the packet's destination, as an index; 0:
 * none does. */
__noinline int prefix_find(const struct packet *packet)
{
	struct poise_prefix key = {};
	__u32 *index;

	if (!packet)
		return 0;
	key.length = POISE_PREFIX_FAMILY_BITS + 8 * sizeof(key.bytes); /* the most that may match */
	key.family = packet->family;
	__builtin_memcpy(key.bytes, packet->destination, sizeof(key.bytes));
	index = bpf_map_lookup_elem(&prefixes, &key);
	return index ? *index : 0;
}

static __always_inline struct poise_service *service_get(__u32 index)
{
	return index ? bpf_map_lookup_elem(&services, &index) : NULL;
}

static __always_inline bool prefixes_used(void)
{
	__u32 zero = 0;
	struct poise_settings *setting = bpf_map_lookup_elem(&settings, &zero);

	return setting && READ_ONCE(setting->flags) & POISE_SETTING_PREFIXES;
}

/* The entry of the packet's destination address, or of the longest prefix that holds it: NULL when
 * it has no services. */
static __always_inline struct poise_service *service_address(const struct packet *packet)
{
	__u32 index;
	struct poise_service *address = service_exact(packet, 0, 0, &index);

	if (address || !prefixes_used())
		return address;
	return service_get(prefix_find(packet));
}

/* The most specific service for the packet: by the address's prefix first, then by the port. NULL
 * when there is none; else packet->service is its index. address: what service_address() said;
 * it lists what is offered by shorter prefixes as well. */
static __always_inline struct poise_service *service_of(struct packet *packet,
							const struct poise_service *address)
{
	struct poise_service *service = service_of_plain(packet);

	if (service)
		return service;
	packet->service = range_find(READ_ONCE(address->ranges[packet->protocol == IPPROTO_UDP]),
				     bpf_ntohs(packet->ports >> 16));
	return service_get(packet->service);
}

#endif
