/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the packet for a service? A hash table of our own in two arrays, so that no helper is called:
 * a bucket of tagged indexes (one cache line), then the service's entry (one cache line).
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

static __always_inline bool service_matches(const struct poise_service *service,
					    const struct service_key *key)
{
	const __u64 *address = (const __u64 *)service->address;

	return address[0] == key->address[0] && address[1] == key->address[1] &&
	       service->port == key->port && service->protocol == key->protocol &&
	       service->family == key->family;
}

/* Returns the service and its index, or NULL. */
static __always_inline struct poise_service *service_find(const struct service_key *key, __u64 hash,
							  __u32 *index_out)
{
	__u32 number = poise_service_bucket(hash);
	__u32 tag = poise_service_tag(hash);
	struct poise_table_bucket *bucket = bpf_map_lookup_elem(&service_table, &number);

	if (!bucket)
		return NULL;
#pragma clang loop unroll(disable)
	for (int i = 0; i < POISE_TABLE_WAYS; i++) {
		__u32 word = READ_ONCE(bucket->word[i]);
		__u32 index = word & 0xffff;
		struct poise_service *service;

		if (word >> 16 != tag)
			continue;
		service = bpf_map_lookup_elem(&services, &index);
		if (service && service_matches(service, key)) {
			*index_out = index;
			return service;
		}
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
	return service_exact(packet, packet->ports >> 16, packet->protocol, &packet->service);
}

/* The entry of the packet's destination address, or of the longest prefix that holds it: NULL when
 * it has no services. */
static __always_inline struct poise_service *service_address(const struct packet *packet)
{
	__u32 index;

	return service_exact(packet, 0, 0, &index);
}

/* The most specific service for the packet: by the address's prefix first, then by the port. NULL
 * when there is none; else packet->service is its index. */
static __always_inline struct poise_service *service_of(struct packet *packet,
							const struct poise_service *address)
{
	return service_of_plain(packet);
}

#endif
