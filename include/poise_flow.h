/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The hashes that the data plane and user space must agree on. Pure functions, built by gcc and by
 * clang -target bpf. Addresses and ports are taken as they stand in the packet (network byte order)
 * and loaded as little-endian words: both sides run on the same host.
 * The mixer is the 64-bit finalizer of MurmurHash3 (Appleby; constants of Stafford's variant 13).
 */
#ifndef POISE_FLOW_H
#define POISE_FLOW_H

#include "poise_abi.h"

static inline __u64 poise_mix(__u64 h)
{
	h ^= h >> 30;
	h *= 0xbf58476d1ce4e5b9ULL;
	h ^= h >> 27;
	h *= 0x94d049bb133111ebULL;
	h ^= h >> 31;
	return h;
}

/* One multiplication: for folding further words into a hash that poise_mix() finishes. */
static inline __u64 poise_fold(__u64 h, __u64 word)
{
	h = (h ^ word) * 0x9e3779b97f4a7c15ULL;
	return h ^ (h >> 32);
}

/*
 * The flow's hash. addresses: source, destination; ports: source | destination << 16 as loaded
 * from the packet. The upper 32 bits choose the slot.
 */
static inline __u64 poise_flow_hash4(__u32 source, __u32 destination, __u32 ports, __u8 protocol,
				     __u64 seed)
{
	__u64 h = poise_fold(seed, (__u64)source << 32 | destination);

	return poise_mix(h ^ ((__u64)protocol << 32 | ports));
}

/* source and destination: two 64-bit words each. */
static inline __u64 poise_flow_hash6(const __u64 *source, const __u64 *destination, __u32 ports,
				     __u8 protocol, __u64 seed)
{
	__u64 h = poise_fold(seed, source[0]);

	h = poise_fold(h, source[1]);
	h = poise_fold(h, destination[0]);
	h = poise_fold(h, destination[1]);
	return poise_mix(h ^ ((__u64)protocol << 32 | ports));
}

/* The first bits of 64, as a mask of a word loaded from a packet; bits: 0-64. */
static inline __u64 poise_mask64(__u32 bits)
{
	__u64 mask = bits ? ~0ULL << (64 - (bits < 64 ? bits : 64)) : 0;

	return __builtin_bswap64(mask);
}

/*
 * The hash of a client's address alone, of its first bits (0-32 or 0-128): for services whose
 * clients keep their backend over all connections, and over all services of the same backends.
 * source: two words as loaded from the packet, IPv4 in the first four bytes, the rest 0.
 */
static inline __u64 poise_affinity_hash(const __u64 *source, __u32 bits, __u64 seed)
{
	__u64 h = poise_fold(seed, source[0] & poise_mask64(bits));

	return poise_mix(h ^ (source[1] & poise_mask64(bits > 64 ? bits - 64 : 0)));
}

/* The slot of a flow in a ring of size slots: multiply and shift instead of a division. */
static inline __u32 poise_slot(__u64 flow_hash, __u32 size)
{
	return (flow_hash >> 32) * size >> 32;
}

/* Where a service stands in the service table. The entry of an address has port 0 and protocol 0.
 */
static inline __u64 poise_service_hash4(__u32 address, __u16 port, __u8 protocol)
{
	__u64 h = ((__u64)address << 32 | (__u32)port << 8 | protocol) * 0x9e3779b97f4a7c15ULL;

	return (h ^ h >> 32) * 0xbf58476d1ce4e5b9ULL;
}

static inline __u64 poise_service_hash6(const __u64 *address, __u16 port, __u8 protocol)
{
	__u64 h = poise_fold((__u32)port << 8 | protocol, address[0]);

	return poise_fold(h, address[1]) * 0xbf58476d1ce4e5b9ULL;
}

static inline __u32 poise_service_home(__u64 hash)
{
	return (hash >> 32) * POISE_SERVICE_ENTRIES >> 32;
}

/* The exceptions' hash: low bits the buckets, upper 31 bits the fingerprint. */
static inline __u64 poise_exception_hash(__u64 flow_hash, __u64 key)
{
	return poise_mix(flow_hash ^ key);
}

/* The numbers of the flow's two buckets: some second ones to each first one. */
static inline __u32 poise_exception_first(__u64 exception_hash)
{
	return exception_hash & (POISE_EXCEPTION_FIRST - 1);
}

static inline __u32 poise_exception_second(__u64 exception_hash)
{
	return POISE_EXCEPTION_FIRST + (exception_hash & (POISE_EXCEPTION_SECOND - 1));
}

static inline __u64 poise_exception_make(__u64 exception_hash, __u32 backend, __u32 state,
					 __u16 stamp)
{
	return (exception_hash >> POISE_EXCEPTION_PRINT_SHIFT << POISE_EXCEPTION_PRINT_SHIFT) |
	       (__u64)stamp << POISE_EXCEPTION_STAMP_SHIFT |
	       (__u64)state << POISE_EXCEPTION_STATE_SHIFT | backend;
}

static inline __u32 poise_exception_backend(__u64 word)
{
	return word & ((1 << POISE_EXCEPTION_BACKEND_BITS) - 1);
}

static inline __u32 poise_exception_state(__u64 word)
{
	return word >> POISE_EXCEPTION_STATE_SHIFT & 3;
}

static inline __u16 poise_exception_stamp(__u64 word)
{
	return word >> POISE_EXCEPTION_STAMP_SHIFT;
}

/*
 * Ticks that passed since stamp, at the clock value now. Others stamp while a reader holds a clock
 * value that it read a moment ago: a stamp of the near future has age 0, not the clock's whole
 * range. Stamps are gone long before they could be taken for one (POISE_FUTURE_TICKS).
 */
static inline __u16 poise_age(__u16 now, __u16 stamp)
{
	__u16 age = now - stamp;

	return age > 0xffff - POISE_FUTURE_TICKS ? 0 : age;
}

#endif
