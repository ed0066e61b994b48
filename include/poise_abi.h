/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the data plane (bpf/) and user space: map names' keys and values, limits,
 * reasons and events. Each shared structure stands here once. Built by gcc and by clang -target
 * bpf. A change of any layout or meaning here changes POISE_ABI_VERSION: pinned maps outlive
 * poised. Another version takes maps over member by member, by their names: a member or map of
 * another meaning gets another name, reasons and events are only appended.
 */
#ifndef POISE_ABI_H
#define POISE_ABI_H

#include <linux/types.h>

#ifndef POISE_ABI_NUMBER /* a test builds another one */
#define POISE_ABI_NUMBER 4
#endif

enum {
	POISE_ABI_VERSION = POISE_ABI_NUMBER,
	POISE_ABI_OLDEST = 3, /* whose maps can be taken over: userspace/poised/migrate.h */

	POISE_NAME_BYTES = 64, /* a service's or backend's name with its final NUL */

	POISE_MAX_SERVICES = 4096, /* services that a configuration may hold */
	/* Places of the service table, a power of two, 0 unused: at most half of them are for
	 * services and their addresses, before and after a reload. */
	POISE_SERVICE_ENTRIES = 32768,
	POISE_MAX_REACH = 32,	    /* places that an entry may be away from its home */
	POISE_MAX_BACKENDS = 32768, /* entries of the map; index 0 means 'no backend' */

	POISE_SEGMENT_SLOTS = 1 << 20, /* ring slots in one segment; a ring never crosses one */
	POISE_MAX_SEGMENTS = 512,

	/* The exceptions' buckets are in two levels, that of the first ones before that of the
	 * second ones; a flow has one of each. */
	POISE_EXCEPTION_FIRST = 1 << 14,
	POISE_EXCEPTION_SECOND = 1 << 17,
	POISE_EXCEPTION_BUCKETS = POISE_EXCEPTION_FIRST + POISE_EXCEPTION_SECOND,
	POISE_EXCEPTION_WAYS = 8, /* words in a bucket, one cache line */

	/* Recorded flows: buckets like those of the exceptions, as many as the configuration says.
	 */
	POISE_MIN_FLOWS = 1 << 10,
	POISE_DEFAULT_FLOWS = 1 << 20,
	POISE_MAX_FLOWS = 1 << 26,

	POISE_RANGE_ENTRIES = 1 << 17, /* port ranges of all addresses */
	POISE_MAX_RANGES = 255,	     /* of one address and protocol, cut up so that none overlap */
	POISE_PREFIX_ENTRIES = 8192, /* prefixes that have services, before and after a reload */

	POISE_FRAGMENT_ENTRIES = 1 << 14, /* packets in fragments, under way at one time */
	POISE_QUIC_ENTRIES = 1 << 16,	  /* server ids of all services */
	POISE_QUIC_ID_BYTES = 15,	  /* the longest server id */

	POISE_MAX_INTERFACES = 64, /* ways out, in the devmap */

	POISE_MAX_WEIGHT = 1000,
	POISE_MIN_RING = 251,	 /* slots */
	POISE_MAX_RING = 655373, /* slots */
};

/*
 * The coarse clock: CLOCK_MONOTONIC_COARSE nanoseconds >> POISE_TICK_SHIFT, the low 16 bits (a tick
 * is 1.07 s, the clock wraps after 19.5 hours). Ages are differences modulo 2^16.
 */
enum {
	POISE_TICK_SHIFT = 30,
	POISE_FUTURE_TICKS =
		256, /* differences that stand for a stamp newer than the reader's clock */
};

/*
 * A ring's slot: the owner's index, and the top bit while the slot is moving. It is always written
 * by one 16-bit store.
 */
enum {
	POISE_SLOT_MOVING = 0x8000,
	POISE_SLOT_OWNER = 0x7fff,
};

/*
 * A moving slot is RECORDED: the exceptions know what began at the owner, all else is previous'. Or
 * it is NAMED: the owner is believed in, no exception is looked up or recorded; the other backends
 * that may know a connection are named in the chain (poise_wire.h).
 */
enum {
	POISE_MOVE_NAMED = 0x8000,
	POISE_MOVE_OWNER = 0x7fff,
	POISE_MOVE_OLDER = 0x8000,
	POISE_MOVE_GUESSED = 0x8000,
	POISE_MOVE_EARLIER = 0x7fff,
};

/*
 * What a moving slot needs; means nothing while the slot is settled. poised writes it by one 64-bit
 * store, before the slot's word. Who follows chains reads it by one 64-bit load, after the slot's
 * word, and believes its owner, not the word's: so it never sees names of one time beside an owner
 * of another. The data plane itself changes but the stamp, by a store of its own.
 */
struct poise_move {
	__u16 previous; /* index of the backend that unrecorded connections belong to; NAMED: that
			 * owned the slot before */
	__u16 stamp;	/* coarse clock of the last packet that did not go to the owner; NAMED: of
			 * the last change of owner or state */
	__u16 earlier;	/* POISE_MOVE_EARLIER: a third backend at which connections of the slot
			 * may be, 0: none; POISE_MOVE_OLDER: RECORDED, and it owned the slot
			 * before previous did, not after; POISE_MOVE_GUESSED: NAMED, and both
			 * names are a guess, to be given up */
	__u16 owner;	/* POISE_MOVE_OWNER: its index, 0: as the slot's word says;
			 * POISE_MOVE_NAMED: the slot is that */
} __attribute__((aligned(8)));
_Static_assert(sizeof(struct poise_move) == 8, "poise_move");

/* Values of the inner maps of 'rings' and 'moves'. */
struct poise_ring_segment {
	__u16 slot[POISE_SEGMENT_SLOTS];
};

struct poise_move_segment {
	struct poise_move move[POISE_SEGMENT_SLOTS];
};

/*
 * An exception, one word: fingerprint (31 bits) | stamp (16) | state (2) | backend (15).
 * 0 is an empty place: a recorded backend's index is never 0.
 *
 * A flow is recorded in its first bucket, and only when that is full of what still counts may it be
 * recorded in the second one: so a hundred thousand records lie close together. Who looks for a
 * flow goes on to its second bucket unless the first one's word 0 is 0, which is filled last:
 * while there are records in a second bucket, an empty place there is POISE_EXCEPTION_GAP instead.
 */
enum {
	POISE_EXCEPTION_BACKEND_BITS = 15,
	POISE_EXCEPTION_STATE_SHIFT = 15,
	POISE_EXCEPTION_STAMP_SHIFT = 17,
	POISE_EXCEPTION_PRINT_SHIFT = 33,
	POISE_EXCEPTION_GAP = 3 << POISE_EXCEPTION_STATE_SHIFT,
};

enum poise_exception_state {
	POISE_EXCEPTION_HALF_OPEN = 0,	 /* nothing but SYNs were seen */
	POISE_EXCEPTION_ESTABLISHED = 1, /* a later packet was seen */
	POISE_EXCEPTION_CLOSING = 2,	 /* the client's FIN or RST was seen */
};

struct poise_exception_bucket {
	__u64 word[POISE_EXCEPTION_WAYS];
};
_Static_assert(sizeof(struct poise_exception_bucket) == 64, "poise_exception_bucket");

enum poise_setting_flags {
	POISE_SETTING_PREFIXES = 1 << 0,       /* some service is of a prefix: ask 'prefixes' */
	POISE_SETTING_PASS_FRAGMENTS = 1 << 1, /* that came before the first one; else drop them */
	POISE_SETTING_PASS_OVERSIZE = 1 << 2,  /* IPv4 without DF; else drop it */
};

/* Value of 'settings', one entry. All but the first four may change at any time, each by one store.
 */
struct poise_settings {
	__u32 abi_version;
	__u32 settle_ticks;  /* an exception idle for this long counts as absent */
	__u64 seed;	     /* of rings and of the flow hash */
	__u64 exception_key; /* of the exceptions' and flows' hash: random, of this host alone */
	__u64 fragment_ns;   /* how long fragments are waited for after the first one */
	__u32 flags;	     /* enum poise_setting_flags */
	__u32 echo_rate;     /* echo requests answered a second and CPU; 0: none, they are passed */
	__u32 error_rate;    /* ICMP errors sent a second and CPU; 0: none */
	/* The tunnel's sources: a packet is from this balancer's fleet when (its source & mask) is
	 * that. */
	__be32 source4, source4_mask;
	__be16 gue_port;
	__u16 generation; /* of the changes by command that the records hold, modulo 2^16 */
	__u64 source6[2], source6_mask[2]; /* as loaded from a packet */
};
_Static_assert(sizeof(struct poise_settings) == 88, "poise_settings");

/* A listed service with none of the others but AFFINITY and CHAIN takes the short way through the
 * data plane. */
enum poise_service_flags {
	POISE_SERVICE_ADDRESS = 1 << 0,	 /* no service: 'this address, or prefix, has some' */
	POISE_SERVICE_AFFINITY = 1 << 1, /* the client's address alone chooses the slot */
	POISE_SERVICE_QUIC = 1 << 2,	 /* connection ids name the backend */
	POISE_SERVICE_RECORD = 1 << 3,	 /* every flow is recorded */
	POISE_SERVICE_LISTED = 1 << 4,	 /* whoever looks for its address and port finds it */
	POISE_SERVICE_CHAIN = 1 << 5,	 /* second chance: packets of moving slots name the other
					  * backends that may know the connection; GUE alone */
};

enum poise_scheduler {
	POISE_SCHEDULER_RING = 0, /* the slot's owner (maglev, source) */
	POISE_SCHEDULER_ROUNDROBIN = 1,
	POISE_SCHEDULER_LEASTCONN = 2,
};

/*
 * A service's entry, of the map 'services', which is the service table as well: an entry of one
 * address and port is found by its hash (poise_flow.h), at its home or at one of the places behind
 * it, as many as the entry at home says ('reach', whosever entry that is). One store of LISTED
 * publishes or withdraws it; to any other entry a port range of its address's entry leads. It is
 * complete before anything leads to it, unchanged after but for 'reach', 'idle_ticks', 'ranges' and
 * the flag CHAIN.
 * An address's entry (POISE_SERVICE_ADDRESS) is listed with port 0 and protocol 0 or, of a prefix,
 * stands in 'prefixes'. It means: the address has services; 'ranges' holds those of ports that are
 * not listed, shorter prefixes' services included, most specific first.
 */
struct poise_service {
	__u8 address[16]; /* network byte order; IPv4 in the first four bytes, the rest 0 */
	__be16 port;	  /* 0: a port range leads here, or POISE_SERVICE_ADDRESS */
	__u8 protocol;	  /* IPPROTO_TCP or IPPROTO_UDP; 0 for POISE_SERVICE_ADDRESS */
	__u8 family;	  /* 4 or 6 */
	__u32 flags;	  /* enum poise_service_flags */
	__u32 segment;	  /* the ring's segment */
	__u32 base;	  /* the ring's first slot in that segment */
	__u32 size;	  /* the ring's slots */
	__u8 affinity;	  /* bits of the client's address that choose the slot */
	__u8 scheduler;	  /* enum poise_scheduler */
	__u8 quic_config; /* the connection id's three config rotation bits */
	__u8 quic_length; /* bytes of a server id */
	__u16 idle_ticks; /* a recorded flow idle for this long counts as absent */
	__u8 prefix;	  /* bits of the address that count: 32 or 128 for all */
	__u8 reach;	  /* of the entries whose home this place is: 0 to POISE_MAX_REACH */
	/* The schedule of roundrobin and leastconn: slots like a ring's, never moving. */
	__u32 schedule_segment, schedule_base, schedule_size;
	__u32 ranges[2]; /* of TCP and of UDP: first of 'port_ranges' << 8 | how many */
};
_Static_assert(sizeof(struct poise_service) == 64, "poise_service");

/* Value of 'port_ranges'; those of an address and protocol are sorted and do not overlap. Rewritten
 * only while no 'ranges' word names them. */
struct poise_port_range {
	__u16 first, last; /* host byte order, both included */
	__u16 service;	   /* index into 'services' */
	__u16 reserved;
};
_Static_assert(sizeof(struct poise_port_range) == 8, "poise_port_range");

/* Key of 'prefixes', a trie; its value, a __u32, is the index of an address's entry. */
struct poise_prefix {
	__u32 length; /* bits: POISE_PREFIX_FAMILY_BITS, and those of the prefix */
	__u32 family; /* 4 or 6 */
	__u8 bytes[16];
};
_Static_assert(sizeof(struct poise_prefix) == 24, "poise_prefix");

enum { POISE_PREFIX_FAMILY_BITS = 32 };

/* Key of 'quic_servers'; its value, a __u32, is a backend's index. */
struct poise_quic_server {
	__u16 service;		      /* index */
	__u8 length;		      /* bytes of the id */
	__u8 id[POISE_QUIC_ID_BYTES]; /* the rest 0 */
};
_Static_assert(sizeof(struct poise_quic_server) == 18, "poise_quic_server");

/* Key and value of 'fragments', an LRU hash: where the first fragment of a packet went. */
struct poise_fragment_key {
	__u8 source[16], destination[16]; /* as in poise_service */
	__u32 id;			  /* as in the packet: 16 bits of IPv4, 32 of IPv6 */
	__u8 protocol;			  /* IPv4; 0 for IPv6, whose id does without (RFC 8200) */
	__u8 family;
	__u8 reserved[2];
};
_Static_assert(sizeof(struct poise_fragment_key) == 40, "poise_fragment_key");

struct poise_fragment {
	__u64 time_ns; /* of the first fragment, CLOCK_MONOTONIC_COARSE */
	__u64 hash;    /* of the flow */
	__u16 service, backend;
	__u32 reason; /* enum poise_reason: SENT, or why the whole packet is the host's */
};
_Static_assert(sizeof(struct poise_fragment) == 24, "poise_fragment");

/*
 * Value of 'backend_load': what recorded flows need to know of a backend. A flow counts as active
 * from its record to its end: whoever changes its word, by compare-and-exchange, changes the count.
 */
struct poise_backend_load {
	__u32 active; /* recorded flows that have not ended; changed by atomic additions */
	__u16 weight;
	__u16 idle_ticks; /* its service's: which of its records have expired */
};
_Static_assert(sizeof(struct poise_backend_load) == 8, "poise_backend_load");

/* Value of 'limits', one of each a CPU: a token bucket. */
enum poise_limit_kind { POISE_LIMIT_ECHO = 0, POISE_LIMIT_ERROR = 1, POISE_LIMIT_COUNT = 2 };

enum {
	POISE_LIMIT_PACKET = 1000000000, /* what a packet costs: ns * packets a second */
	POISE_LIMIT_BURSTS = 10, /* at most this part of a second's packets, but at least one, may
				  * go at once */
};

struct poise_limit {
	__u64 time_ns; /* when it was filled up last, CLOCK_MONOTONIC_COARSE */
	__u64 credit;  /* each ns adds as much as packets a second are allowed */
};
_Static_assert(sizeof(struct poise_limit) == 16, "poise_limit");

enum poise_encapsulation {
	POISE_ENCAP_IPIP = 0, /* 4in4, 6in6, 4in6, 6in4 */
	POISE_ENCAP_GUE = 1,  /* UDP, and a GUE header of variant 0 (draft-ietf-intarea-gue-09) */
	POISE_ENCAP_GRE = 2,  /* without key, checksum and sequence (RFC 2784) */
	POISE_ENCAP_L2 = 3,   /* none: the frame goes to the backend's own MAC address */
	POISE_ENCAP_KIND = 0x0f,
	POISE_ENCAP_TTL = 0x80, /* the client's packet loses one of its TTL */
};

/* A VLAN tag that the way out needs; 0 stands for none. */
enum poise_vlan {
	POISE_VLAN_ID = 0x0fff,
	POISE_VLAN_TAG = 1 << 12,     /* there is one */
	POISE_VLAN_SERVICE = 1 << 13, /* its type is 802.1ad (0x88a8), not 802.1Q (0x8100) */
};

/* The mark of a probe's socket (check with 'via: tunnel'): a base that the configuration says, and
 * in the low bits the index of the backend. */
enum {
	POISE_PROBE_INDEX = 0x7fff,
	POISE_PROBE_MARK = 0x50000000, /* the base, unless the configuration says another */
};
_Static_assert(POISE_PROBE_INDEX + 1 == POISE_MAX_BACKENDS, "POISE_PROBE_INDEX");

enum poise_backend_flags {
	POISE_BACKEND_LIVE = 1 << 0,	 /* packets of its connections may still go to it */
	POISE_BACKEND_ELIGIBLE = 1 << 1, /* new connections may go to it */
};

/*
 * A backend's entry: all that encapsulation needs. 'backends' and 'backends_next' hold two copies;
 * a reader uses the one of 'backends' while its 'current' is set, else that of 'backends_next'.
 * A copy that readers may use is never rewritten, except for 'flags' (one byte) in place.
 */
struct poise_backend {
	__u8 destination_mac[6]; /* the next hop's */
	__u8 source_mac[6];	 /* of the interface that leads there */
	__u32 ifindex;		 /* of that interface; 0: no next hop */
	__u8 address[16];	 /* tunnel's far end, as in poise_service */
	__u8 source[16];	 /* tunnel's near end */
	__be32 source_mask; /* bits of the source's last four bytes that carry the flow's hash */
	__u16 mtu;	    /* largest IP packet that the way out takes, bytes; of services with
			     * CHAIN less the room of a chain: POISE_CHAIN_MAX_BYTES and others */
	__u8 family;	    /* of the tunnel: 4 or 6 */
	__u8 flags;	    /* enum poise_backend_flags */
	__u8 current;
	__u8 encapsulation; /* enum poise_encapsulation */
	__be16 gue_port;    /* UDP destination of GUE */
	__u16 vlan[2];	    /* enum poise_vlan; the outer tag first */
};
_Static_assert(sizeof(struct poise_backend) == 64, "poise_backend");

/* Counters; one of each a CPU. Bytes are those of the client's IP packets, before encapsulation. */
struct poise_service_count {
	__u64 packets;
	__u64 bytes;
};

struct poise_backend_count {
	__u64 packets;
	__u64 bytes;
	__u64 connections; /* SYNs */
	__u64 reserved;
};

/* What poised must find again after a restart, by index; the data plane never reads it. */
enum poise_record_state {
	POISE_RECORD_FREE = 0,
	POISE_RECORD_ACTIVE = 1,
	POISE_RECORD_REMOVING = 2, /* removed, but connections of it may live */
	POISE_RECORD_REMOVED = 3,  /* removed by command although the configuration declares it */
};

enum poise_record_flags {
	POISE_RECORD_DRAIN = 1 << 0,   /* drained by command */
	POISE_RECORD_WEIGHT = 1 << 1,  /* 'weight' was set by command */
	POISE_RECORD_RUNTIME = 1 << 2, /* added by command */
	POISE_RECORD_UP = 1 << 3,      /* its health check passed when last heard of */
	POISE_RECORD_OUT = 1 << 4, /* removed by command although the configuration declares it */
	POISE_RECORD_UNDRAIN = 1 << 5, /* undrained by command although that declares it drained */
	POISE_RECORD_HELD = 1 << 6,    /* held down, by its penalty */
};

struct poise_service_record {
	char name[POISE_NAME_BYTES];
	__u32 state;	       /* enum poise_record_state: FREE or ACTIVE */
	__u32 changing;	       /* the ring is not what the records say: build it anew */
	__u16 port, last_port; /* host byte order, both included */
};
_Static_assert(sizeof(struct poise_service_record) == 76, "poise_service_record");

/* What a backend's agent said last. */
enum poise_record_agent {
	POISE_AGENT_HEARD = 1 << 0, /* else nothing of it counts */
	POISE_AGENT_DRAIN = 1 << 1,
	POISE_AGENT_MAINT = 1 << 2,
	POISE_AGENT_DOWN = 1 << 3,
};

struct poise_backend_record {
	char name[POISE_NAME_BYTES];
	__u8 address[16];
	__u8 family;
	__u8 state;   /* enum poise_record_state */
	__u8 flags;   /* enum poise_record_flags */
	__u8 penalty; /* for going up and down, at the time of the stamp: lib/damping.h */
	__u16 weight;
	__u16 service;	       /* index into 'services' */
	__u8 encapsulation;    /* enum poise_encapsulation */
	__u8 server_id_length; /* bytes; 0: none */
	__u8 server_id[POISE_QUIC_ID_BYTES];
	__u8 slow_start; /* the part of it that has passed, 0: it is not in one: lib/slow_start.h */
	__u16 stamp;	 /* coarse clock, when this was written */
	__u16 agent_percent; /* of the weight, if its agent was heard */
	__u8 agent;	     /* enum poise_record_agent */
	__u8 unused;
};
_Static_assert(sizeof(struct poise_backend_record) == 112, "poise_backend_record");

/*
 * What became of a packet: X(name, verdict, meaning). Names in lower case are those of `poise
 * stats`. SENT stands for 'to a backend', whose verdict depends on the way out.
 */
#define POISE_REASONS(X)                                                                           \
	X(SENT, XDP_TX, "sent to a backend")                                                       \
	X(NOT_IP, XDP_PASS, "neither IPv4 nor IPv6: passed to the host")                           \
	X(NOT_SERVICE, XDP_PASS, "not for a service: passed to the host")                          \
	X(MALFORMED, XDP_DROP, "truncated, or a length that lies, for a service's address")        \
	X(EXTENSIONS, XDP_DROP, "too many IPv6 extension headers, for a service's address")        \
	X(FRAGMENT_TINY, XDP_DROP, "a fragment that hides or overwrites the ports")                \
	X(FRAGMENT_EARLY, XDP_DROP,                                                                \
	  "a fragment before the first of its packet, or after its time")                          \
	X(FRAGMENT_PASSED, XDP_PASS, "the same, passed to the host as configured")                 \
	X(ICMP_PASSED, XDP_PASS, "ICMP for a service's address: passed to the host")               \
	X(ECHO_ANSWERED, XDP_TX, "an echo request to a service's address: answered")               \
	X(ECHO_LIMITED, XDP_DROP, "echo requests beyond the rate limit")                           \
	X(NO_BACKEND, XDP_DROP, "no backend of the service can take the packet")                   \
	X(NO_NEXT_HOP, XDP_DROP, "the backend's next hop is not known")                            \
	X(TOO_BIG, XDP_DROP, "does not fit the way to the backend, and may be fragmented")         \
	X(TOO_BIG_PASSED, XDP_PASS, "the same, passed to the host as configured")                  \
	X(TOO_BIG_TOLD, XDP_TX, "does not fit the way to the backend: an ICMP error went back")    \
	X(TOO_BIG_LIMITED, XDP_DROP, "the same, but beyond the rate limit, or not to be answered") \
	X(TTL_EXPIRED, XDP_DROP, "its TTL is used up")                                             \
	X(LOOP, XDP_DROP, "sent by this balancer, and come back")                                  \
	X(NO_HEADROOM, XDP_DROP, "the driver left no room for the tunnel's header")                \
	X(NO_EGRESS, XDP_DROP, "the interface to the backend is not in the devmap")                \
	X(INTERNAL, XDP_DROP, "a map entry that must exist is missing: a defect, report it")

enum poise_reason {
#define POISE_REASON_ENUM(name, verdict, text) POISE_REASON_##name,
	POISE_REASONS(POISE_REASON_ENUM)
#undef POISE_REASON_ENUM
		POISE_REASON_COUNT
};

/* Things worth counting that do not end a packet's path: X(name, meaning). */
#define POISE_EVENTS(X)                                                                            \
	X(EXCEPTION_RECORDED, "connections recorded as exceptions")                                \
	X(EXCEPTION_EVICTED_HALF_OPEN, "half-open exceptions given up for new ones")               \
	X(EXCEPTION_EVICTED, "exceptions of live connections given up for new ones")               \
	X(EXCEPTION_LOST, "connections that could not be recorded, for other CPUs were faster")    \
	X(FLOW_RECORDED, "flows recorded, of services that record every flow")                     \
	X(FLOW_EVICTED_HALF_OPEN, "recorded half-open flows given up for new ones")                \
	X(FLOW_EVICTED, "recorded live flows given up for new ones")                               \
	X(FLOW_LOST, "flows that could not be recorded, for other CPUs were faster")               \
	X(QUIC_ROUTED, "packets whose QUIC connection id named the backend")                       \
	X(ICMP_FORWARDED, "ICMP errors sent to the backend of the flow that they quote")           \
	X(FRAGMENT_FOLLOWED, "fragments sent after the first one of their packet")                 \
	X(CHAINED, "packets whose header names the backends that are asked next")

enum poise_event {
#define POISE_EVENT_ENUM(name, text) POISE_EVENT_##name,
	POISE_EVENTS(POISE_EVENT_ENUM)
#undef POISE_EVENT_ENUM
		POISE_EVENT_COUNT
};

/*
 * Below: the maps of the program that tells what it does (bpf/trace.bpf.h), never pinned, and so of
 * no ABI version.
 */
enum poise_trace_flags {
	POISE_TRACE_ADDRESS = 1 << 0,	/* the packet's destination has services */
	POISE_TRACE_SLOT = 1 << 1,	/* a ring was asked: 'slot' and 'slot_word' */
	POISE_TRACE_EXCEPTION = 1 << 2, /* the exceptions were asked: 'record' and 'now' */
	POISE_TRACE_FLOW = 1 << 3,	/* the recorded flows were asked: 'record' and 'now' */
	POISE_TRACE_FRAGMENT = 1 << 4,	/* 'fragments' was asked for 'fragment_key' */
	POISE_TRACE_DONE = 1 << 5,	/* the rest is filled in */
	POISE_TRACE_MOVE = 1 << 6,	/* a moving slot: 'move' and 'now' */
	POISE_TRACE_QUOTED = 1 << 7,	/* an ICMP error: the flow is the one that it quotes */
};

/* Value of 'trace', one entry: what was decided of a packet. Addresses and ports are those of its
 * flow, which for ICMP errors is the one that they quote. */
struct poise_trace {
	__u64 source[2], destination[2]; /* as in the packet; IPv4 in the first four bytes */
	__u64 hash;			 /* of the flow */
	__u64 record;			 /* the flow's word in the table that was asked; 0: none */
	__u32 flags;			 /* enum poise_trace_flags */
	__u32 events;			 /* bits: 1 << enum poise_event */
	__u32 reason;			 /* enum poise_reason */
	__u32 service, backend;		 /* indexes; 0: none */
	__u32 slot;			 /* in the service's ring */
	__u32 ports;			 /* source | destination << 16, as in the packet */
	__u32 length;			 /* of the IP packet, bytes */
	__u16 slot_word;
	__u16 now;     /* coarse clock */
	__u16 hops[2]; /* indexes of the backends that the chain names; 0: none */
	struct poise_move move;
	__u8 family; /* 0: neither IPv4 nor IPv6 */
	__u8 protocol;
	__u8 tcp_flags; /* FIN to CWR; 0 for other protocols */
	__u8 reserved[5];
	struct poise_fragment_key fragment_key;
	struct poise_fragment fragment; /* before a dry run, what 'fragments' has of it, or zeros */
};
_Static_assert(sizeof(struct poise_trace) == 168, "poise_trace");

enum {
	POISE_CAPTURE_BYTES = 256, /* of a frame, unless told otherwise */
	POISE_CAPTURE_MIN_BYTES = 64,
	POISE_CAPTURE_MAX_BYTES = 2048,
	POISE_CAPTURE_RING_BYTES = 1 << 20,
};

enum poise_capture_flags {
	POISE_CAPTURE_DROPS = 1 << 0, /* nothing but what is dropped */
	POISE_CAPTURE_ALL = 1 << 1,   /* also what is not for a service's address */
	POISE_CAPTURE_SENT = 1 << 2,  /* frames as they went, too */
};

/* Value of 'capture_options', one entry. */
struct poise_capture_options {
	__u32 sample;  /* one packet in so many, at random; 0: none */
	__u32 bytes;   /* of a frame, at most */
	__u32 service; /* index; 0: packets of any */
	__u32 flags;   /* enum poise_capture_flags */
	__u64 lost;    /* records that found no room in the ring buffer; atomic additions */
};
_Static_assert(sizeof(struct poise_capture_options) == 24, "poise_capture_options");

enum poise_capture_direction { POISE_CAPTURE_CAME = 0, POISE_CAPTURE_WENT = 1 };

/* A record of the ring buffer 'captures', cut off behind the captured bytes. */
struct poise_capture {
	__u64 time_ns;	/* CLOCK_MONOTONIC */
	__u32 ifindex;	/* by which it came */
	__u32 length;	/* of the frame, bytes */
	__u32 captured; /* of these, in 'data' */
	__u32 service, backend;
	__u8 reason;	/* enum poise_reason */
	__u8 verdict;	/* enum xdp_action */
	__u8 direction; /* enum poise_capture_direction */
	__u8 reserved;
	__u8 data[POISE_CAPTURE_MAX_BYTES];
};
enum { POISE_CAPTURE_HEADER_BYTES = sizeof(struct poise_capture) - POISE_CAPTURE_MAX_BYTES };
_Static_assert(POISE_CAPTURE_HEADER_BYTES == 32, "poise_capture");

#endif
