// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Writes the fuzzers' first inputs, valid packets of every kind, a file each: those of
 * fuzz_packet.c into DIRECTORY/packet, those of fuzz_agent.c into DIRECTORY/agent. seeds DIRECTORY
 * Inputs named found-* are those that fuzzing added, for what they reach.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "build.h"
#include "world.h"

#define CLIENT4	   "198.51.100.2"
#define CLIENT6	   "2001:db8:1::2"
#define ROUTER_MAC "02:00:00:00:01:01"
#define EDGE_MAC   "02:00:00:00:01:02"
#define IN	   eth(ROUTER_MAC, EDGE_MAC)
#define C4	   ip4(CLIENT4, WORLD_VIP4)
#define C6	   ip6(CLIENT6, WORLD_VIP6)

enum {
	CLIENT_PORT = 40001,
	ECHO_REQUEST = 8,
	UNREACHABLE = 3,
	NEEDED = 4,
	TOO_BIG6 = 2,
	HOP_BY_HOP = 0,
	ROUTING = 43,
	DESTINATION = 60,
	QUOTED_BYTES = 28, /* an IPv4 header and eight bytes */
	MAX_FRAMES = 16,
	AGENT_SECOND_CHANCE = 1 << 2, /* of fuzz_agent.c's first byte */
};

struct seed {
	const char *name;
	struct world_choice choice;
	struct packet frames[MAX_FRAMES];
	uint8_t clock[MAX_FRAMES]; /* before each */
	bool agent;		   /* of the choice, only the first byte is written, */
	uint8_t answers;	   /* and if it asks for second chance, this */
};

static void write_seed(const char *directory, const struct seed *seed)
{
	size_t choice_bytes = seed->agent ? 1 : sizeof(seed->choice);
	char path[4096];
	FILE *file;
	size_t i;

	snprintf(path, sizeof(path), "%s/%s/%s", directory, seed->agent ? "agent" : "packet",
		 seed->name);
	file = fopen(path, "wb");
	if (!file) {
		perror(path);
		exit(1);
	}
	fwrite(&seed->choice, choice_bytes, 1, file);
	if (seed->agent && seed->choice.flags & AGENT_SECOND_CHANCE)
		fputc(seed->answers, file);
	for (i = 0; i < MAX_FRAMES && seed->frames[i].length; i++) {
		const struct packet *frame = &seed->frames[i];

		fputc(seed->clock[i], file);
		fputc((int)(frame->length & 0xff), file);
		fputc((int)(frame->length >> 8), file);
		fwrite(frame->bytes, frame->length, 1, file);
	}
	if (fclose(file)) {
		perror(path);
		exit(1);
	}
}

static const struct world_choice usual = { .headroom = 96 };

/* One packet for each service, in both families. */
static void write_services(const char *directory)
{
	static const struct {
		const char *name;
		uint16_t port;
		bool udp;
	} services[] = {
		{ "plain", WORLD_PLAIN, false },
		{ "leastconn", WORLD_LEASTCONN, false },
		{ "roundrobin", WORLD_ROUNDROBIN, false },
		{ "affinity", WORLD_AFFINITY, false },
		{ "nobody", WORLD_NOBODY, false },
		{ "range", WORLD_RANGE_FIRST + 7, false },
		{ "range-udp", WORLD_RANGE_LAST, true },
		{ "stateless", WORLD_STATELESS, true },
		{ "sticky", WORLD_STICKY, true },
		{ "none", 9, true },
	};
	size_t i;

	for (i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		uint16_t port = services[i].port;
		struct layer first =
			services[i].udp ? udp(CLIENT_PORT, port) : tcp(CLIENT_PORT, port, SYN);
		struct layer next = services[i].udp ? first : tcp(CLIENT_PORT, port, ACK);
		struct layer last = services[i].udp ? first : tcp(CLIENT_PORT, port, FIN | ACK);
		struct seed seed = { .choice = usual, .clock = { 0, 5, 20, 0 } };
		char name[64];

		snprintf(name, sizeof(name), "%s-4", services[i].name);
		seed.name = name;
		seed.frames[0] = PKT(IN, C4, first);
		seed.frames[1] = PKT(IN, C4, next, payload(11));
		seed.frames[2] = PKT(IN, C4, last);
		write_seed(directory, &seed);
		snprintf(name, sizeof(name), "%s-6", services[i].name);
		seed.frames[0] = PKT(IN, C6, first);
		seed.frames[1] = PKT(IN, C6, next, payload(10));
		seed.frames[2] = PKT(IN, C6, last);
		write_seed(directory, &seed);
	}
}

/* More connections than one bucket of a table holds, begun and gone on with. */
static void write_flood(const char *directory, const char *name, struct layer ip, uint16_t port)
{
	struct seed seed = { .name = name, .choice = usual };
	int i;

	for (i = 0; i < MAX_FRAMES; i++) {
		seed.frames[i] = PKT(IN, ip, tcp((uint16_t)(CLIENT_PORT + i), port, SYN));
		if (i % 4 == 3)
			seed.frames[i] =
				PKT(IN, ip, tcp((uint16_t)(CLIENT_PORT + i - 1), port, ACK));
	}
	write_seed(directory, &seed);
}

#define SEED(name_, choice_, ...)                                                                  \
	write_seed(                                                                                \
		directory,                                                                         \
		&(struct seed){ .name = (name_), .choice = (choice_), .frames = { __VA_ARGS__ } })

/* Long and short headers; connection ids that name a backend. */
static void write_quic(const char *directory)
{
	static const uint8_t id[] = { WORLD_QUIC_CONFIG << 5, 0x0a, 0x0b, 3, 1, 2, 3, 4 };
	uint8_t first[64] = { 0xc0, 0, 0, 0, 1, sizeof(id) }, later[64] = { 0x40 };
	struct layer to = udp(CLIENT_PORT, WORLD_QUIC);

	memcpy(first + 6, id, sizeof(id));
	memcpy(later + 1, id, sizeof(id));
	SEED("quic-4", usual, PKT(IN, C4, to, raw(first, sizeof(first))),
	     PKT(IN, C4, to, raw(later, sizeof(later))));
	SEED("quic-6", usual, PKT(IN, C6, to, raw(first, sizeof(first))),
	     PKT(IN, C6, to, raw(later, sizeof(later))));
	SEED("quic-short", usual, PKT(IN, C4, to, raw(later, 3)), PKT(IN, C4, to, raw(first, 8)));
}

static void write_prefixes(const char *directory)
{
	const struct world_choice none = { .flags = WORLD_NO_PREFIXES, .headroom = 96 };
	struct packet any = PKT(IN, ip4(CLIENT4, WORLD_ANY4), tcp(CLIENT_PORT, 1, SYN));
	struct packet within4 = PKT(IN, ip4(CLIENT4, "198.18.77.1"), tcp(CLIENT_PORT, 9, ACK));
	struct packet within6 = PKT(IN, ip6(CLIENT6, "2001:db8:f:1:2:3:4:5"),
				    udp(CLIENT_PORT, WORLD_RANGE_FIRST), payload(3));

	SEED("prefixes", usual, any, within4, within6);
	SEED("prefixes-off", none, any, within4, within6);
}

static void write_parsing(const char *directory)
{
	struct layer to = tcp(CLIENT_PORT, WORLD_PLAIN, SYN);

	SEED("vlan", usual, PKT(IN, vlan(7), C4, to), PKT(IN, service_vlan(8), vlan(9), C6, to),
	     PKT(IN, vlan(1), vlan(2), vlan(3), C4, to));
	SEED("options", usual, PKT(IN, ip4_options(C4, 40), to), PKT(IN, ip4_options(C4, 4), to));
	SEED("extensions", usual,
	     PKT(IN, C6, ip6_extension(HOP_BY_HOP), ip6_extension_of(DESTINATION, 24), to),
	     PKT(IN, C6, ip6_extension(ROUTING), ip6_extension(DESTINATION), to));
	SEED("padding", usual, PKT(IN, C4, to, padding(6)), PKT(IN, C6, to, padding(30)));
	SEED("lies", usual, PKT(IN, claim(C4, 9000), to), PKT(IN, ip4_words(C4, 4), to),
	     PKT(IN, claim(C6, 9000), to), PKT(IN, version(C4, 5), to));
	SEED("others", usual, PKT(IN, arp(CLIENT4, WORLD_VIP4)),
	     PKT(IN, ip4(CLIENT4, "192.0.2.1"), to), PKT(IN, next(C4, 47), payload(20)));
	SEED("loop", usual, PKT(IN, ip4("172.16.1.2", WORLD_VIP4), C4, to),
	     PKT(IN, ip6("100::9", WORLD_VIP6), udp(50000, WORLD_GUE_PORT), payload(30)));
}

static void write_fragments(const char *directory)
{
	const struct world_choice pass = { .flags = WORLD_PASS_FRAGMENTS, .headroom = 96 };
	struct packet whole4 = PKT(IN, C4, udp(CLIENT_PORT, WORLD_STATELESS), payload(100));
	struct packet whole6 = PKT(IN, C6, tcp(CLIENT_PORT, WORLD_PLAIN, ACK), payload(100));
	struct packet first4 = packet_fragment(&whole4, 0, 48, true);
	struct packet later4 = packet_fragment(&whole4, 48, 60, false);
	struct packet first6 = packet_fragment(&whole6, 0, 64, true);
	struct packet later6 = packet_fragment(&whole6, 64, 56, false);

	SEED("fragments-4", usual, first4, later4, later4);
	SEED("fragments-6", usual, first6, later6);
	SEED("fragments-early", pass, later4, first4, later6);
	SEED("fragments-tiny", usual, packet_fragment(&whole6, 0, 8, true),
	     packet_fragment(&whole6, 8, 48, true), packet_fragment(&whole4, 8, 16, false));
}

static void write_icmp(const char *directory)
{
	const struct world_choice fast = { .flags = WORLD_FAST_ECHO, .headroom = 96 };
	const struct world_choice off = { .flags = WORLD_NO_ECHO, .headroom = 96 };
	struct packet reply4 =
		PKT(IN, ip4(WORLD_VIP4, CLIENT4), tcp(WORLD_PLAIN, CLIENT_PORT, ACK));
	struct packet reply6 =
		PKT(IN, ip6(WORLD_VIP6, CLIENT6), udp(WORLD_STATELESS, CLIENT_PORT), payload(20));
	struct packet deep6 = PKT(IN, ip6(WORLD_VIP6, CLIENT6), ip6_extension(DESTINATION),
				  tcp(WORLD_PLAIN, CLIENT_PORT, ACK));
	struct packet echo4 = PKT(IN, C4, echo(), payload(56));
	struct packet echo6_ = PKT(IN, vlan(5), C6, echo6(), payload(56));
	struct layer router4 = ip4("192.0.2.77", WORLD_VIP4);
	struct layer router6 = ip6("2001:db8:77::1", WORLD_VIP6);

	SEED("echo", fast, echo4, echo6_, PKT(IN, ip4("224.0.0.1", WORLD_VIP4), echo()));
	SEED("echo-limited", usual, echo4, echo4, echo6_);
	SEED("echo-off", off, echo4, echo6_);
	SEED("errors-4", usual,
	     PKT(IN, router4, icmp(UNREACHABLE, NEEDED, 1400), quote(&reply4, QUOTED_BYTES)),
	     PKT(IN, router4, icmp(11, 0, 0), quote(&reply4, QUOTED_BYTES)),
	     PKT(IN, router4, icmp(UNREACHABLE, 1, 0), quote(&reply4, 20)));
	SEED("errors-6", usual, PKT(IN, router6, icmp6(TOO_BIG6, 0, 1300), quote(&reply6, 48)),
	     PKT(IN, router6, icmp6(1, 4, 0), quote(&deep6, 68)),
	     PKT(IN, router6, icmp6(135, 0, 0), payload(16)));
}

/* Sources that are no host's: never answered. The frame's are groups' in the end. */
static void write_unanswerable(const char *directory, const char *name, struct world_choice choice,
			       struct layer request4, struct layer request6, size_t bytes)
{
	static const char *const sources4[] = { "0.0.0.0",   "127.0.0.1",	"224.0.0.1",
						"239.1.2.3", "255.255.255.255", WORLD_VIP4 };
	static const char *const sources6[] = { "::", "::1", "ff02::1", WORLD_VIP6 };
	struct seed seed = { .name = name, .choice = choice };
	size_t count = 0, i;

	for (i = 0; i < sizeof(sources4) / sizeof(sources4[0]); i++)
		seed.frames[count++] =
			PKT(IN, ip4_fragment(ip4(sources4[i], WORLD_VIP4), IP4_DONT_FRAGMENT),
			    request4, payload(bytes));
	for (i = 0; i < sizeof(sources6) / sizeof(sources6[0]); i++)
		seed.frames[count++] =
			PKT(IN, ip6(sources6[i], WORLD_VIP6), request6, payload(bytes));
	seed.frames[count++] =
		PKT(eth("ff:ff:ff:ff:ff:ff", EDGE_MAC), C6, request6, payload(bytes));
	seed.frames[count++] =
		PKT(eth(ROUTER_MAC, "33:33:00:00:00:01"), C6, request6, payload(bytes));
	write_seed(directory, &seed);
}

/* To many backends, some of which take one of the client's TTL. */
static void write_hops(const char *directory)
{
	struct seed four = { .name = "ttl-4", .choice = usual };
	struct seed six = { .name = "ttl-6", .choice = usual };
	uint16_t i;

	for (i = 0; i < MAX_FRAMES; i++) {
		struct layer to = tcp((uint16_t)(CLIENT_PORT + i), WORLD_PLAIN, ACK);

		four.frames[i] = PKT(IN, ttl(C4, (uint8_t)(i % 3)), to);
		six.frames[i] = PKT(IN, ttl(C6, (uint8_t)(i % 3)), to);
	}
	write_seed(directory, &four);
	write_seed(directory, &six);
}

static void write_too_big(const char *directory)
{
	struct world_choice small = { .flags = WORLD_FAST_ERRORS, .mtu = 3, .headroom = 96 };
	struct layer to = tcp(CLIENT_PORT, WORLD_PLAIN, ACK), df = C4;
	struct packet big4, big6 = PKT(IN, C6, to, payload(1400));

	big4 = PKT(IN, ip4_fragment(df, IP4_DONT_FRAGMENT), to, payload(700));
	SEED("too-big", small, big4, big6, PKT(IN, vlan(3), C6, to, payload(560)),
	     PKT(IN, C4, to, payload(560)));
	small.flags = WORLD_PASS_OVERSIZE;
	SEED("too-big-passed", small, big4, PKT(IN, C4, to, payload(560)), big6);
	small = (struct world_choice){ .headroom = 4 };
	SEED("no-headroom", small, PKT(IN, C4, to), PKT(IN, C6, to));
	small = (struct world_choice){ .flags = WORLD_NEXT_COPY, .down = 5, .headroom = 96 };
	SEED("other-copy", small, PKT(IN, C4, to), PKT(IN, C6, to), PKT(IN, C4, to, payload(5)));
}

/* Tunnels of every kind between both families, as the balancer makes them. */
static void write_agent(const char *directory)
{
	static const uint8_t gue[2][4] = { { 0, IPPROTO_IPIP }, { 0, IPPROTO_IPV6 } };
	static const uint8_t gre[2][4] = { { 0, 0, 0x08, 0 }, { 0, 0, 0x86, 0xdd } };
	const struct layer outer[] = { ip4("172.16.1.2", "10.0.1.11"),
				       ip6("100::7", "2001:db8:2::11") };
	const struct layer inner[] = { C4, C6 };
	const struct layer to = tcp(CLIENT_PORT, WORLD_PLAIN, SYN);
	struct seed seed = { .agent = true };
	char name[64];
	int i;

	for (i = 0; i < 4; i++) {
		struct layer out = outer[i / 2], in = inner[i % 2];

		snprintf(name, sizeof(name), "tunnel-%din%d", i % 2 ? 6 : 4, i / 2 ? 6 : 4);
		seed.name = name;
		seed.choice.flags = (uint8_t)(i % 2);
		seed.frames[0] = PKT(IN, out, in, to);
		seed.frames[1] = PKT(IN, tos(out, 3), tos(in, 2), to, padding(6));
		seed.frames[2] =
			PKT(IN, out, udp(50000, WORLD_GUE_PORT), raw(gue[i % 2], 4), in, to);
		seed.frames[3] = PKT(IN, next(out, IPPROTO_GRE), raw(gre[i % 2], 4), in, to);
		write_seed(directory, &seed);
	}
}

/* Chains of one and two addresses of both families, in both, with each answer of the host. */
static void write_chains(const char *directory)
{
	static const uint8_t chains[][40] = {
		{ 2, IPPROTO_IPIP, 0, 0, 'P', 'O', 0x11, 0, 10, 0, 1, 12 },
		{ 5, IPPROTO_IPIP, 0, 0, 'P', 'O', 0x11, 1, 0x20, 1, 0xd, 0xb8, 0, 2, [23] = 12 },
		{ 6, IPPROTO_IPIP, 0, 0, 'P', 'O', 0x12, 2, 10, 0, 1, 12, 0x20, 1, 0xd, 0xb8, 0,
		  2, [27] = 12 },
		{ 9, IPPROTO_IPIP, 0,	 0, 'P', 'O',  0x12, 3, 0x20,	  1, 0xd, 0xb8, 0,
		  2, [23] = 12,	   0x20, 1, 0xd, 0xb8, 0,    2, [39] = 13 },
	};
	const struct layer to = tcp(CLIENT_PORT, WORLD_PLAIN, ACK);
	const struct packet quoted = PKT(IN, ip4(WORLD_VIP4, CLIENT4), tcp(WORLD_PLAIN, 1, ACK));
	struct seed seed = { .agent = true, .choice.flags = AGENT_SECOND_CHANCE };
	char name[64];

	for (int i = 0; i < 128; i++) {
		uint8_t chain[4][40];

		memcpy(chain, chains, sizeof(chain));
		snprintf(name, sizeof(name), "chain-%02x", i);
		seed.name = name;
		seed.answers = (uint8_t)i;
		for (int j = 0; j < 4; j++) {
			size_t bytes = 4 + chain[j][0] * 4U;
			struct layer gue;

			chain[j][1] = i & 1 ? IPPROTO_IPV6 : IPPROTO_IPIP;
			gue = raw(chain[j], bytes);
			seed.frames[j] = PKT(IN,
					     i & 2 ? ip6("100::7", "2001:db8:2::11")
						   : ip4("172.16.1.2", "10.0.1.11"),
					     udp(50000, WORLD_GUE_PORT), gue, i & 1 ? C6 : C4, to);
		}
		seed.frames[4] = PKT(IN, ip4("172.16.1.2", "10.0.1.11"), udp(50000, WORLD_GUE_PORT),
				     raw(chains[0], 12), C4, icmp(UNREACHABLE, NEEDED, 1400),
				     quote(&quoted, QUOTED_BYTES));
		write_seed(directory, &seed);
	}
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: seeds DIRECTORY\n");
		return 2;
	}
	write_services(argv[1]);
	write_flood(argv[1], "flood-moving", C4, WORLD_PLAIN);
	write_flood(argv[1], "flood-leastconn", C4, WORLD_LEASTCONN);
	write_flood(argv[1], "flood-roundrobin", ip4(CLIENT4, "198.18.0.1"), WORLD_ROUNDROBIN);
	write_flood(argv[1], "flood-leastconn-6", C6, WORLD_LEASTCONN);
	write_quic(argv[1]);
	write_prefixes(argv[1]);
	write_parsing(argv[1]);
	write_fragments(argv[1]);
	write_icmp(argv[1]);
	write_too_big(argv[1]);
	write_hops(argv[1]);
	write_agent(argv[1]);
	write_chains(argv[1]);
	write_unanswerable(argv[1], "echo-unanswerable",
			   (struct world_choice){ .flags = WORLD_FAST_ECHO, .headroom = 96 },
			   echo(), echo6(), 56);
	write_unanswerable(
		argv[1], "too-big-unanswerable",
		(struct world_choice){ .flags = WORLD_FAST_ERRORS, .mtu = 4, .headroom = 96 },
		tcp(CLIENT_PORT, WORLD_PLAIN, ACK), tcp(CLIENT_PORT, WORLD_PLAIN, ACK), 100);
	return 0;
}
