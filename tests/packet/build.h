/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets built from named layers: PKT(eth(A, B), ip4(C, D), tcp(1234, 80, SYN), payload(10)).
 * Lengths, next protocols and checksums come out right, but where a layer was told to lie.
 */
#ifndef POISE_TEST_BUILD_H
#define POISE_TEST_BUILD_H

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	PACKET_BYTES = 2048,
	LAYER_BYTES = 64, /* the longest header: IPv4 with options, or an extension header */

	ETH_BYTES = ETH_HLEN,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	TCP_BYTES = 20,
	UDP_BYTES = 8,
	ICMP_BYTES = 8, /* type, code, checksum, and the 32 bits after them */
	VLAN_BYTES = 4,
	ETH_MIN_BYTES = ETH_ZLEN, /* a shorter frame is padded by whoever sends it */

	IP4_MAX_WORDS = 15, /* of the header, options included */
	IP4_DONT_FRAGMENT = 0x4000,
	IP4_MORE_FRAGMENTS = 0x2000,
	IP6_MORE_FRAGMENTS = 1, /* beside the offset << 3 */
};

enum tcp_flag { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128 };

struct packet {
	size_t length;
	uint8_t bytes[PACKET_BYTES];
};

enum layer_type {
	LAYER_ETH,
	LAYER_VLAN,	    /* 802.1Q */
	LAYER_SERVICE_VLAN, /* 802.1ad */
	LAYER_IP4,
	LAYER_IP6,
	LAYER_IP6_EXTENSION,
	LAYER_TCP,
	LAYER_UDP,
	LAYER_ICMP,
	LAYER_ICMP6,
	LAYER_PAYLOAD, /* any bytes, within the IP packet */
	LAYER_TRAILER, /* any bytes after it */
};

struct layer {
	enum layer_type type;
	size_t length;
	uint8_t own_protocol; /* what the layer before says of an extension header */
	bool keep_next, keep_length, keep_checksum;
	const uint8_t *raw; /* payload and trailer; otherwise the header is in bytes */
	uint8_t bytes[LAYER_BYTES];
};

/* MAC and IP addresses as text. The defaults of IP headers are unlike those of Poise's own. */
struct layer eth(const char *source, const char *destination);
struct layer vlan(uint16_t id);		/* 802.1Q */
struct layer service_vlan(uint16_t id); /* 802.1ad */
struct layer ip4(const char *source, const char *destination);
struct layer ip6(const char *source, const char *destination);
struct layer ip6_extension(uint8_t protocol);		       /* of 8 bytes */
struct layer ip6_extension_of(uint8_t protocol, size_t bytes); /* a multiple of 8, up to 64 */
struct layer ip6_fragment(uint16_t offset_and_flag);
struct layer tcp(uint16_t source, uint16_t destination, unsigned int flags);
struct layer udp(uint16_t source, uint16_t destination);
/* rest: the 32 bits after the checksum; what follows is given by raw(), quote() or payload() */
struct layer icmp(uint8_t type, uint8_t code, uint32_t rest);
struct layer icmp6(uint8_t type, uint8_t code, uint32_t rest);
struct layer echo(void);  /* an ICMP request */
struct layer echo6(void); /* an ICMPv6 request */
struct layer arp(const char *sender, const char *target);
struct layer payload(size_t bytes);
struct layer raw(const void *bytes, size_t length);	       /* must live until PKT() */
struct layer quote(const struct packet *packet, size_t bytes); /* its IP header on; likewise */
struct layer trailer(const void *bytes, size_t length);	       /* likewise */
struct layer padding(size_t bytes);			       /* a trailer of zeros */

/* Changed copies of transport layers. */
struct layer checksum(struct layer transport, uint16_t value);
struct layer tcp_words(struct layer header, uint8_t value); /* data offset: says so */

/* Changed copies of IP layers. */
struct layer tos(struct layer ip, uint8_t value);	  /* or traffic class */
struct layer ttl(struct layer ip, uint8_t value);	  /* or hop limit */
struct layer next(struct layer header, uint8_t protocol); /* or of an extension header */
struct layer version(struct layer ip, uint8_t value);
struct layer claim(struct layer header, uint16_t value); /* the length; of UDP as well */
struct layer ip4_id(struct layer ip, uint16_t value);
struct layer ip4_fragment(struct layer ip, uint16_t flags_and_offset); /* offset in 8 bytes */
struct layer ip4_options(struct layer ip, size_t bytes);	       /* a multiple of 4 */
struct layer ip4_words(struct layer ip, uint8_t value);		       /* says so, but has not */
struct layer ip6_label(struct layer ip, uint32_t value);

/* Aborts when the packet would be longer than PACKET_BYTES. */
struct packet packet_make(const struct layer *layers, size_t count);

#define PKT(...)                                                                                   \
	packet_make((const struct layer[]){ __VA_ARGS__ },                                         \
		    sizeof((const struct layer[]){ __VA_ARGS__ }) / sizeof(struct layer))

/* The first length bytes of a packet. */
struct packet packet_cut(const struct packet *packet, size_t length);

/* A fragment with bytes of an IP packet's payload from offset, a multiple of 8, on; of IPv6 the
 * fragment header stands right behind the IP header. */
struct packet packet_fragment(const struct packet *whole, size_t offset, size_t bytes, bool more);

/* The ones' complement sum of RFC 1071, not complemented; sum: that of what comes before, whose
 * length must be even. A range with its right checksum in it gives 0xffff. */
uint16_t ones_complement(const uint8_t *bytes, size_t length, uint32_t sum);

#endif
