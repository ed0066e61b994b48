/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Is the packet for a service? A hash table of our own in two arrays, so that no helper is called:
 * a bucket of tagged indexes (one cache line), then the service's entry (one cache line).
 */
#ifndef POISE_SERVICE_BPF_H
#define POISE_SERVICE_BPF_H

#include "maps.bpf.h"
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

static __always_inline struct poise_service *service_find4(__be32 address, __be16 port,
							   __u8 protocol, __u32 *index)
{
	struct service_key key = {
		.address = { address }, .port = port, .protocol = protocol, .family = 4
	};

	return service_find(&key, poise_service_hash4(address, port, protocol), index);
}

static __always_inline struct poise_service *service_find6(const __u64 *address, __be16 port,
							   __u8 protocol, __u32 *index)
{
	struct service_key key = { .address = { address[0], address[1] },
				   .port = port,
				   .protocol = protocol,
				   .family = 6 };

	return service_find(&key, poise_service_hash6(address, port, protocol), index);
}

#endif
