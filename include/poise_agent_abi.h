/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of bpf/agent.bpf.c and userspace/agent/: map keys and values, limits and reasons.
 * Each shared structure stands here once. Built by gcc and by clang -target bpf.
 * A change of any layout or meaning here changes POISE_AGENT_ABI_VERSION: the maps live on when the
 * command that made them ends, and may meet another version of it. Reasons and decisions are added
 * at the end of their lists alone: counters are carried from version to version.
 */
#ifndef POISE_AGENT_ABI_H
#define POISE_AGENT_ABI_H

#include <linux/types.h>

enum {
	POISE_AGENT_ABI_VERSION = 3,

	POISE_AGENT_MAX_VIPS = 4096,	/* addresses and prefixes */
	POISE_AGENT_MAX_SOURCES = 1024, /* prefixes */
	POISE_AGENT_MAX_HOPS = 1024,	/* prefixes */
	POISE_AGENT_MAX_NAMESPACES = 32,

	/* Entries of the maps: while one set replaces another, both are there. */
	POISE_AGENT_VIP_ENTRIES = 2 * POISE_AGENT_MAX_VIPS,
	POISE_AGENT_SOURCE_ENTRIES = 2 * POISE_AGENT_MAX_SOURCES,
	POISE_AGENT_HOP_ENTRIES = 2 * POISE_AGENT_MAX_HOPS,

	POISE_AGENT_GUE_PORT = 6080, /* by default */
};

/* Key of all tries, and of 'vips'. */
struct poise_agent_prefix {
	__u32 length;	/* bits: POISE_AGENT_FAMILY_BITS, and those of the prefix */
	__u32 family;	/* 4 or 6 */
	__u8 bytes[16]; /* network byte order; IPv4 in the first four bytes, the rest 0 */
};
_Static_assert(sizeof(struct poise_agent_prefix) == 24, "poise_agent_prefix");

enum { POISE_AGENT_FAMILY_BITS = 32 };

/*
 * 'vips' counts for each VIP, address or prefix. Prefixes are also in 'vip_prefixes', a trie, whose
 * value is the prefix itself: the key to look for in 'vips'.
 */

/* Value of 'vips', one a CPU: inner packets handed to the stack. */
struct poise_agent_count {
	__u64 packets;
	__u64 bytes; /* of the inner IP packets, by their own length */
};
_Static_assert(sizeof(struct poise_agent_count) == 16, "poise_agent_count");

/* How inner packets are wrapped: X(name, text). Names in lower case are those of --encapsulation.
 */
#define POISE_AGENT_ENCAPSULATIONS(X)                                                              \
	X(IPIP, "nothing between the two IP headers (RFC 2003, 2473, 4213)")                       \
	X(GUE, "UDP, and Generic UDP Encapsulation (draft-ietf-intarea-gue-09)")                   \
	X(GRE, "Generic Routing Encapsulation (RFC 2784)")

enum poise_agent_encapsulation {
#define POISE_AGENT_ENCAPSULATION_ENUM(name, text) POISE_AGENT_##name,
	POISE_AGENT_ENCAPSULATIONS(POISE_AGENT_ENCAPSULATION_ENUM)
#undef POISE_AGENT_ENCAPSULATION_ENUM
		POISE_AGENT_ENCAPSULATION_COUNT
};

/* The value of 'sources' and of 'hops', tries, is a __u32 that means nothing. 'hops': the addresses
 * that a packet may be sent on to. */

/* Value of 'settings', one entry. The version is the first member of every version. */
struct poise_agent_settings {
	__u32 abi_version;
	__u32 check_sources;  /* 0: any outer source will do, 1: only those of 'sources' */
	__u32 encapsulations; /* bit n: those of enum poise_agent_encapsulation that are opened */
	__be16 gue_port;      /* UDP destination */
	__u16 second_chance;  /* 0: what a chain (poise_wire.h) says is not followed */
	/* The outer source when the tunnel's family changes: the prefix, and the bits of its last
	 * four bytes that carry the flow's hash. */
	__u8 source6[16];
	__be32 source4;
	__be32 source4_mask, source6_mask;
	__u16 mss4, mss6; /* largest segment size that SYN-ACKs from VIPs may offer; 0: any */
	__u32 namespace_count;
	__s32 namespaces[POISE_AGENT_MAX_NAMESPACES]; /* network namespaces whose sockets count
						       * beside the interface's own: by the ids that
						       * they have there */
};
_Static_assert(sizeof(struct poise_agent_settings) == 180, "poise_agent_settings");

/*
 * What became of a packet: X(name, verdict, meaning). Names in lower case are those of
 * `poise-agent status`. The index of 'reasons', whose value is a __u64 a CPU: packets.
 */
#define POISE_AGENT_REASONS(X)                                                                     \
	X(DECAPSULATED_4IN4, XDP_PASS, "IPv4 taken out of IPv4, handed to the host")               \
	X(DECAPSULATED_6IN4, XDP_PASS, "IPv6 taken out of IPv4, handed to the host")               \
	X(DECAPSULATED_4IN6, XDP_PASS, "IPv4 taken out of IPv6, handed to the host")               \
	X(DECAPSULATED_6IN6, XDP_PASS, "IPv6 taken out of IPv6, handed to the host")               \
	X(DECAPSULATED_GUE_4IN4, XDP_PASS, "IPv4 taken out of GUE over IPv4")                      \
	X(DECAPSULATED_GUE_6IN4, XDP_PASS, "IPv6 taken out of GUE over IPv4")                      \
	X(DECAPSULATED_GUE_4IN6, XDP_PASS, "IPv4 taken out of GUE over IPv6")                      \
	X(DECAPSULATED_GUE_6IN6, XDP_PASS, "IPv6 taken out of GUE over IPv6")                      \
	X(DECAPSULATED_GRE_4IN4, XDP_PASS, "IPv4 taken out of GRE over IPv4")                      \
	X(DECAPSULATED_GRE_6IN4, XDP_PASS, "IPv6 taken out of GRE over IPv4")                      \
	X(DECAPSULATED_GRE_4IN6, XDP_PASS, "IPv4 taken out of GRE over IPv6")                      \
	X(DECAPSULATED_GRE_6IN6, XDP_PASS, "IPv6 taken out of GRE over IPv6")                      \
	X(NOT_TUNNEL, XDP_PASS, "not a tunnel packet: passed to the host")                         \
	X(NOT_VIP, XDP_PASS, "a tunnel packet for another address than a VIP: passed to the host") \
	X(FRAGMENT, XDP_PASS, "a fragment of a tunnel packet: passed to the host")                 \
	X(GUE_UNKNOWN, XDP_PASS, "GUE with fields or contents that are not known: passed")         \
	X(GRE_UNKNOWN, XDP_PASS, "GRE with fields or contents that are not known: passed")         \
	X(TRUNCATED, XDP_PASS, "a tunnel packet that ends before the inner destination: passed")   \
	X(BAD_SOURCE, XDP_DROP, "for a VIP, from a source that --from does not name")              \
	X(MALFORMED, XDP_DROP, "for a VIP, with a length or version that lies")                    \
	X(ECN_DROP, XDP_DROP, "for a VIP, marked as congested though not capable of ECN")          \
	X(INTERNAL, XDP_DROP, "what cannot fail did: a defect, report it")                         \
	X(FORWARDED, XDP_TX, "no socket knows the connection: sent to the chain's next backend")   \
	X(CHAIN_UNKNOWN, XDP_DROP, "for a VIP, with a chain of another version")                   \
	X(CHAIN_MALFORMED, XDP_DROP, "for a VIP, with a chain whose length or contents lie")       \
	X(MERGED, XDP_DROP, "for a VIP, several tunnel packets that the kernel made one of")

enum poise_agent_reason {
#define POISE_AGENT_REASON_ENUM(name, verdict, text) POISE_AGENT_REASON_##name,
	POISE_AGENT_REASONS(POISE_AGENT_REASON_ENUM)
#undef POISE_AGENT_REASON_ENUM
		POISE_AGENT_REASON_COUNT
};
_Static_assert(POISE_AGENT_REASON_COUNT < 32, "agent.bpf.c keeps a bit for each reason");

/*
 * Why a packet with a chain was opened, or sent on: X(name, meaning). Names in lower case are those
 * of `poise-agent status`. The index of 'decisions', whose value is a __u64 a CPU: packets.
 */
#define POISE_AGENT_DECISIONS(X)                                                                   \
	X(ESTABLISHED, "a socket has the connection: opened")                                      \
	X(OPENING, "a SYN, and a socket listens for it: opened")                                   \
	X(COOKIE, "acknowledges a SYN cookie of ours: opened")                                     \
	X(OFF, "second chance is off: opened")                                                     \
	X(OTHER, "neither a TCP segment nor an ICMP error that quotes one: opened")                \
	X(HOP_REFUSED, "--second-chance does not name the next backend: opened")                   \
	X(NO_ROUTE, "no route to the next backend, or none that it fits: opened")                  \
	X(SENT_ON, "no socket knows the connection: sent to the next backend")                     \
	X(CLAMPED, "SYN-ACKs whose segment size was made smaller")                                 \
	X(SLOW_PATH, "left to the slow path, which decides and counts anew")

enum poise_agent_decision {
#define POISE_AGENT_DECISION_ENUM(name, text) POISE_AGENT_DECISION_##name,
	POISE_AGENT_DECISIONS(POISE_AGENT_DECISION_ENUM)
#undef POISE_AGENT_DECISION_ENUM
		POISE_AGENT_DECISION_COUNT
};

#endif
