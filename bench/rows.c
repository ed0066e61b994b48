// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "rows.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { MANY = 1000000, SOME = 100000, FEW = 1000, NEVER_TWICE = 0 };

enum subject_index {
	PLAIN4,
	PLAIN6,
	UDP4,
	UDP6,
	TUNNEL_4IN6,
	TUNNEL_6IN4,
	GUE4,
	GUE6,
	GUE_4IN6,
	GRE4,
	GRE6,
	L2,
	SERVICES_64,
	SERVICES_4096,
	CHAINED4,
	CHAINED6,
	UNRECORDED,
	RECORDED,
	RECORDED_MANY,
	OPENING,
	FLOOD,
	SOURCE,
	ROUNDROBIN,
	LEASTCONN,
	ROUNDROBIN_FLOOD,
	LEASTCONN_FLOOD,
	STICKY,
	QUIC,
	RANGE,
	PREFIX,
};

#define RECORD(scheduler_)                                                                         \
	.service_flags = POISE_SERVICE_RECORD, .scheduler = POISE_SCHEDULER_##scheduler_,          \
	.flow_entries = POISE_DEFAULT_FLOWS

const struct subject_row subject_rows[] = {
	[PLAIN4] = { .options = { .family = 4 } },
	[PLAIN6] = { .options = { .family = 6 } },
	[UDP4] = { .options = { .family = 4, .protocol = IPPROTO_UDP } },
	[UDP6] = { .options = { .family = 6, .protocol = IPPROTO_UDP } },
	[TUNNEL_4IN6] = { .options = { .family = 4, .tunnel = 6 } },
	[TUNNEL_6IN4] = { .options = { .family = 6, .tunnel = 4 } },
	[GUE4] = { .options = { .family = 4, .encapsulation = POISE_ENCAP_GUE } },
	[GUE6] = { .options = { .family = 6, .encapsulation = POISE_ENCAP_GUE } },
	[GUE_4IN6] = { .options = { .family = 4, .tunnel = 6, .encapsulation = POISE_ENCAP_GUE } },
	[GRE4] = { .options = { .family = 4, .encapsulation = POISE_ENCAP_GRE } },
	[GRE6] = { .options = { .family = 6, .encapsulation = POISE_ENCAP_GRE } },
	[L2] = { .options = { .family = 4, .encapsulation = POISE_ENCAP_L2 } },
	[SERVICES_64] = { .options = { .family = 4, .services = 64 } },
	[SERVICES_4096] = { .options = { .family = 4, .services = 4096 } },
	[CHAINED4] = { .options = { .family = 4,
				    .encapsulation = POISE_ENCAP_GUE,
				    .service_flags = POISE_SERVICE_CHAIN },
		       .moving = true },
	[CHAINED6] = { .options = { .family = 6,
				    .encapsulation = POISE_ENCAP_GUE,
				    .service_flags = POISE_SERVICE_CHAIN },
		       .moving = true },
	[UNRECORDED] = { .options = { .family = 4 }, .moving = true },
	[RECORDED] = { .options = { .family = 4 }, .moving = true, .recorded = SOME },
	[RECORDED_MANY] = { .options = { .family = 4 }, .moving = true, .recorded = MANY },
	[OPENING] = { .options = { .family = 4 }, .moving = true },
	[FLOOD] = { .options = { .family = 4 }, .moving = true },
	[SOURCE] = { .options = { .family = 4, .service_flags = POISE_SERVICE_AFFINITY } },
	[ROUNDROBIN] = { .options = { .family = 4, RECORD(ROUNDROBIN) }, .recorded = SOME },
	[LEASTCONN] = { .options = { .family = 4, RECORD(LEASTCONN) }, .recorded = SOME },
	[ROUNDROBIN_FLOOD] = { .options = { .family = 4, RECORD(ROUNDROBIN) } },
	[LEASTCONN_FLOOD] = { .options = { .family = 4, RECORD(LEASTCONN) } },
	[STICKY] = { .options = { .family = 4, .protocol = IPPROTO_UDP, RECORD(RING) },
		     .recorded = SOME },
	[QUIC] = { .options = { .family = 4,
				.protocol = IPPROTO_UDP,
				.service_flags = POISE_SERVICE_QUIC } },
	[RANGE] = { .options = { .family = 4, .match = SUBJECT_RANGE } },
	[PREFIX] = { .options = { .family = 4, .match = SUBJECT_PREFIX } },
};

const size_t subject_row_count = sizeof(subject_rows) / sizeof(subject_rows[0]);

#define FRAME(family_, protocol_, ...)                                                             \
	{                                                                                          \
		.family = (family_), .protocol = IPPROTO_##protocol_, __VA_ARGS__                  \
	}
#define ACK4	  FRAME(4, TCP, .tcp_flags = FRAME_ACK)
#define SYN4	  FRAME(4, TCP, .tcp_flags = FRAME_SYN)
#define ACK6	  FRAME(6, TCP, .tcp_flags = FRAME_ACK)
#define SYN6	  FRAME(6, TCP, .tcp_flags = FRAME_SYN)
#define DATAGRAM4 FRAME(4, UDP, .tcp_flags = 0)
#define DATAGRAM6 FRAME(6, UDP, .tcp_flags = 0)
#define SHORT4	  FRAME(4, UDP, .shape = FRAME_QUIC)
#define TAGGED4	  FRAME(4, TCP, .tcp_flags = FRAME_ACK, .shape = FRAME_VLAN)
#define OPTIONS4  FRAME(4, TCP, .tcp_flags = FRAME_ACK, .shape = FRAME_OPTIONS)
#define OTHER4	  FRAME(4, TCP, .tcp_flags = FRAME_ACK, .shape = FRAME_OTHER)

#define ROW(key_, title_, subject_, frame_, flows_, ...)                                           \
	{                                                                                          \
		.key = (key_), .title = (title_), .subject = (subject_), .traffic.frame = frame_,  \
		.traffic.flows = (flows_), __VA_ARGS__                                             \
	}
#define SECTION(text) .section = (text)
#define EVENT(name)   .has_event = true, .all_of = POISE_EVENT_##name
#define SERVICES(n)   .traffic.services = (n)
#define WRITES	      .writes = true
#define UNCACHED      .uncached = true
#define REASON(name)  .reason = POISE_REASON_##name
#define THE_SAME      .section = NULL

const struct row rows[] = {
	ROW("settled_1", "1 flow", PLAIN4, ACK4, 1, SECTION("IPv4 TCP, IPIP, settled")),
	ROW("settled_1k", "1,000 flows", PLAIN4, ACK4, FEW, THE_SAME),
	ROW("settled_100k", "100,000 flows", PLAIN4, ACK4, SOME, THE_SAME),
	ROW("settled_1m", "1,000,000 flows", PLAIN4, ACK4, MANY, THE_SAME),
	ROW("settled_syn", "all SYN, 1,000,000 flows", PLAIN4, SYN4, MANY, THE_SAME),
	ROW("settled_flood", "all SYN, each a new flow", PLAIN4, SYN4, NEVER_TWICE, THE_SAME),

	ROW("settled6_1", "1 flow", PLAIN6, ACK6, 1, SECTION("IPv6 TCP, IPIP, settled")),
	ROW("settled6_1m", "1,000,000 flows", PLAIN6, ACK6, MANY, THE_SAME),
	ROW("settled6_syn", "all SYN, 1,000,000 flows", PLAIN6, SYN6, MANY, THE_SAME),

	ROW("udp4_1m", "IPv4", UDP4, DATAGRAM4, MANY, SECTION("UDP, IPIP, 1,000,000 flows")),
	ROW("udp6_1m", "IPv6", UDP6, DATAGRAM6, MANY, THE_SAME),

	ROW("ipip_4in6", "IPIP, IPv4 in IPv6", TUNNEL_4IN6, ACK4, MANY,
	    SECTION("Encapsulations, 1,000,000 flows")),
	ROW("ipip_6in4", "IPIP, IPv6 in IPv4", TUNNEL_6IN4, ACK6, MANY, THE_SAME),
	ROW("gue_4in4", "GUE, IPv4 in IPv4", GUE4, ACK4, MANY, THE_SAME),
	ROW("gue_6in6", "GUE, IPv6 in IPv6", GUE6, ACK6, MANY, THE_SAME),
	ROW("gue_4in6", "GUE, IPv4 in IPv6", GUE_4IN6, ACK4, MANY, THE_SAME),
	ROW("gre_4in4", "GRE, IPv4 in IPv4", GRE4, ACK4, MANY, THE_SAME),
	ROW("gre_6in6", "GRE, IPv6 in IPv6", GRE6, ACK6, MANY, THE_SAME),
	ROW("l2", "L2, IPv4", L2, ACK4, MANY, THE_SAME),

	ROW("services_64", "64 services", SERVICES_64, ACK4, MANY,
	    SECTION("Services hit at random, 1,000,000 flows"), SERVICES(64)),
	ROW("services_4096", "4,096 services", SERVICES_4096, ACK4, MANY, SERVICES(4096), UNCACHED),

	ROW("old_1", "old flows, 1", UNRECORDED, ACK4, 1, SECTION("All slots moving")),
	ROW("old_1m", "old flows, 1,000,000", UNRECORDED, ACK4, MANY, THE_SAME),
	ROW("recorded_1", "recorded flows, 1 of 100,000", RECORDED, ACK4, 1, THE_SAME),
	ROW("recorded_1k", "recorded flows, 1,000 of 100,000", RECORDED, ACK4, FEW, THE_SAME),
	ROW("recorded_100k", "recorded flows, 100,000", RECORDED, ACK4, SOME, THE_SAME),
	ROW("recorded_1m", "recorded flows, 1,000,000", RECORDED_MANY, ACK4, MANY, THE_SAME),
	ROW("moving_syn", "all SYN, 1,000,000 flows", OPENING, SYN4, MANY, WRITES),
	ROW("moving_flood", "all SYN, each a new flow", FLOOD, SYN4, NEVER_TWICE, WRITES),

	ROW("chain_4in4", "with a chain, GUE, IPv4 in IPv4", CHAINED4, ACK4, MANY, EVENT(CHAINED)),
	ROW("chain_6in6", "with a chain, GUE, IPv6 in IPv6", CHAINED6, ACK6, MANY, EVENT(CHAINED)),

	ROW("source", "source, 1,000,000 flows", SOURCE, ACK4, MANY,
	    SECTION("Schedulers and affinity")),
	ROW("roundrobin", "roundrobin, 100,000 recorded", ROUNDROBIN, ACK4, SOME, THE_SAME),
	ROW("roundrobin_flood", "roundrobin, all SYN, each a new flow", ROUNDROBIN_FLOOD, SYN4,
	    NEVER_TWICE, EVENT(FLOW_RECORDED)),
	ROW("leastconn", "leastconn, 100,000 recorded", LEASTCONN, ACK4, SOME, THE_SAME),
	ROW("leastconn_flood", "leastconn, all SYN, each a new flow", LEASTCONN_FLOOD, SYN4,
	    NEVER_TWICE, EVENT(FLOW_RECORDED)),
	ROW("sticky", "sticky UDP, 100,000 recorded", STICKY, DATAGRAM4, SOME, THE_SAME),
	ROW("quic", "QUIC, the connection id names the backend", QUIC, SHORT4, MANY,
	    EVENT(QUIC_ROUTED)),

	ROW("range", "a service of a range of ports", RANGE, ACK4, MANY,
	    SECTION("The long way, 1,000,000 flows")),
	ROW("prefix", "a service of a prefix", PREFIX, ACK4, MANY, SERVICES(4096)),
	ROW("vlan", "with a VLAN tag", PLAIN4, TAGGED4, MANY, THE_SAME),
	ROW("options", "with IPv4 options", PLAIN4, OPTIONS4, MANY, THE_SAME),

	ROW("other", "another address", PLAIN4, OTHER4, MANY, SECTION("Passed to the host"),
	    SERVICES(4096), REASON(NOT_SERVICE)),
	ROW("other_prefix", "another address, some service is of a prefix", PREFIX, OTHER4, MANY,
	    SERVICES(4096), REASON(NOT_SERVICE)),
};

const size_t row_count = sizeof(rows) / sizeof(rows[0]);

size_t row_index(const char *key)
{
	size_t i = 0;

	while (i < row_count && strcmp(rows[i].key, key) != 0)
		i++;
	if (i == row_count)
		abort();
	return i;
}

static int tunnel_bytes(const struct subject_options *options)
{
	uint8_t family = options->tunnel ? options->tunnel : options->family;
	int ip = family == 4 ? FRAME_IP4_BYTES : FRAME_IP6_BYTES;

	switch (options->encapsulation) {
	case POISE_ENCAP_GUE:
		if (options->service_flags & POISE_SERVICE_CHAIN) /* of one hop */
			ip += 4 + (family == 4 ? 4 : 16);
		return ip + 8 + 4; /* UDP, GUE */
	case POISE_ENCAP_GRE:
		return ip + 4;
	case POISE_ENCAP_L2:
		return 0;
	default:
		return ip;
	}
}

struct outcome row_outcome(const struct row *row)
{
	struct outcome outcome = { .verdict = XDP_TX };

	if (row->reason != POISE_REASON_SENT) {
		outcome.verdict = XDP_PASS;
		return outcome;
	}
	outcome.growth = tunnel_bytes(&subject_rows[row->subject].options);
	if (row->traffic.frame.shape == FRAME_VLAN)
		outcome.growth -= FRAME_VLAN_BYTES;
	return outcome;
}
