/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The contract of the data plane (bpf/) and user space: map names' keys and values, limits,
 * reasons and events. Each shared structure stands here once. Built by gcc and by clang -target
 * bpf. A change of any layout or meaning here changes POISE_ABI_VERSION: pinned maps outlive
 * poised.
 */
#ifndef POISE_ABI_H
#define POISE_ABI_H

#include <linux/types.h>

enum {
	POISE_ABI_VERSION = 1,

	POISE_NAME_BYTES = 64, /* a service's or backend's name with its final NUL */

	POISE_MAX_SERVICES = 4096, /* services that a configuration may hold */
	/* Entries of the map, 0 unused: services and their addresses, before and after a reload. */
	POISE_SERVICE_ENTRIES = 16384,
	POISE_MAX_BACKENDS = 32768, /* entries of the map; index 0 means 'no backend' */

	POISE_TABLE_BUCKETS = 4096, /* of the service table, a power of two */
	POISE_TABLE_WAYS = 16,	    /* words in a bucket, one cache line */

	POISE_SEGMENT_SLOTS = 1 << 20, /* ring slots in one segment; a ring never crosses one */
	POISE_MAX_SEGMENTS = 512,

	POISE_EXCEPTION_BUCKETS = 1 << 17,
	POISE_EXCEPTION_WAYS = 8, /* words in a bucket, one cache line */

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

/* What a moving slot needs besides its owner; means nothing while the slot is settled. */
struct poise_move {
	__u16 previous; /* index of the backend that unrecorded connections belong to */
	__u16 stamp;	/* coarse clock of the last packet that did not go to the owner */
};
_Static_assert(sizeof(struct poise_move) == 4, "poise_move");

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
 */
enum {
	POISE_EXCEPTION_BACKEND_BITS = 15,
	POISE_EXCEPTION_STATE_SHIFT = 15,
	POISE_EXCEPTION_STAMP_SHIFT = 17,
	POISE_EXCEPTION_PRINT_SHIFT = 33,
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

/* Value of 'settings', one entry. */
struct poise_settings {
	__u32 abi_version;
	__u32 settle_ticks;  /* an exception idle for this long counts as absent */
	__u64 seed;	     /* of rings and of the flow hash */
	__u64 exception_key; /* of the exceptions' hash: random, of this host alone */
};
_Static_assert(sizeof(struct poise_settings) == 24, "poise_settings");

/*
 * The service table: a bucket's words are tag (16 bits) << 16 | index into 'services'; 0 is empty.
 * One 32-bit store publishes or withdraws a service.
 */
struct poise_table_bucket {
	__u32 word[POISE_TABLE_WAYS];
};
_Static_assert(sizeof(struct poise_table_bucket) == 64, "poise_table_bucket");

enum poise_service_flags {
	POISE_SERVICE_ADDRESS = 1 << 0, /* no service: 'this address has one of this protocol' */
};

/* A service's entry; complete before a word of the table names it, unchanged after. */
struct poise_service {
	__u8 address[16]; /* network byte order; IPv4 in the first four bytes, the rest 0 */
	__be16 port;	  /* 0 for POISE_SERVICE_ADDRESS */
	__u8 protocol;	  /* IPPROTO_* */
	__u8 family;	  /* 4 or 6 */
	__u32 flags;	  /* enum poise_service_flags */
	__u32 segment;	  /* the ring's segment */
	__u32 base;	  /* the ring's first slot in that segment */
	__u32 size;	  /* the ring's slots */
	__u32 reserved[7];
};
_Static_assert(sizeof(struct poise_service) == 64, "poise_service");

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
	__u16 mtu;	    /* largest IP packet that the way out takes, bytes */
	__u8 family;	    /* of the tunnel: 4 or 6 */
	__u8 flags;	    /* enum poise_backend_flags */
	__u8 current;
	__u8 reserved[7];
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
};

struct poise_service_record {
	char name[POISE_NAME_BYTES];
	__u32 state;	/* enum poise_record_state: FREE or ACTIVE */
	__u32 changing; /* the ring is not what the records say: build it anew */
};
_Static_assert(sizeof(struct poise_service_record) == 72, "poise_service_record");

struct poise_backend_record {
	char name[POISE_NAME_BYTES];
	__u8 address[16];
	__u8 family;
	__u8 state; /* enum poise_record_state */
	__u8 flags; /* enum poise_record_flags */
	__u8 reserved;
	__u16 weight;
	__u16 service; /* index into 'services' */
};
_Static_assert(sizeof(struct poise_backend_record) == 88, "poise_backend_record");

/*
 * Reasons why a packet was not sent to a backend: X(name, verdict, meaning).
 * SENT stands for none of them. Names in lower case are those of `poise stats`.
 */
#define POISE_REASONS(X)                                                                           \
	X(SENT, XDP_TX, "sent to a backend")                                                       \
	X(NOT_IP, XDP_PASS, "neither IPv4 nor IPv6: passed to the host")                           \
	X(NOT_SERVICE, XDP_PASS, "not for a service: passed to the host")                          \
	X(MALFORMED, XDP_DROP, "truncated, or a length that lies, for a service's address")        \
	X(FRAGMENT, XDP_DROP, "an IP fragment for a service's address")                            \
	X(IP6_EXTENSION, XDP_DROP, "IPv6 extension headers, for a service's address")              \
	X(NO_BACKEND, XDP_DROP, "no backend of the service can take the packet")                   \
	X(NO_NEXT_HOP, XDP_DROP, "the backend's next hop is not known")                            \
	X(TOO_BIG, XDP_DROP, "larger than the MTU of the way to the backend once encapsulated")    \
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
	X(EXCEPTION_LOST, "connections that could not be recorded, for other CPUs were faster")

enum poise_event {
#define POISE_EVENT_ENUM(name, text) POISE_EVENT_##name,
	POISE_EVENTS(POISE_EVENT_ENUM)
#undef POISE_EVENT_ENUM
		POISE_EVENT_COUNT
};

#endif
