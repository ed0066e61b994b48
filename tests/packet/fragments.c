// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets in fragments, and the table that remembers the first ones. */
#include "fragments.h"

#include <bpf/bpf.h>
#include <linux/bpf.h>
#include <time.h>
#include <unistd.h>

const struct fragment_kind fragment_kinds[FRAGMENT_KINDS] = {
	[TCP4] = { 4, IPPROTO_TCP, "IPv4, TCP" },
	[UDP4] = { 4, IPPROTO_UDP, "IPv4, UDP" },
	[TCP6] = { 6, IPPROTO_TCP, "IPv6, TCP" },
	[UDP6] = { 6, IPPROTO_UDP, "IPv6, UDP" },
};

struct packet fragment_whole(const struct fragment_kind *kind)
{
	struct layer ip = kind->family == 4 ? ip4(CLIENT4, VIP4) : ip6(CLIENT6, VIP6);
	struct layer transport = kind->protocol == IPPROTO_TCP ? tcp(CLIENT_PORT, SERVICE_PORT, SYN)
							       : udp(CLIENT_PORT, SERVICE_PORT);

	return PKT(eth(ROUTER_MAC, EDGE_MAC), ip, transport,
		   payload(PARTS * PART_BYTES - transport.length));
}

struct packet fragment_part(const struct packet *whole, size_t number)
{
	return packet_fragment(whole, number * PART_BYTES, PART_BYTES, number + 1 < PARTS);
}

static void fragments_clear(const struct fixture *fixture)
{
	int map = fixture_map_fd(fixture, "fragments");
	struct poise_fragment_key key;

	while (bpf_map_get_next_key(map, NULL, &key) == 0)
		bpf_map_delete_elem(map, &key);
	close(map);
}

size_t fragments_count(const struct fixture *fixture)
{
	int map = fixture_map_fd(fixture, "fragments");
	struct poise_fragment_key key, *last = NULL, next;
	size_t count = 0;

	while (bpf_map_get_next_key(map, last, &next) == 0) {
		key = next;
		last = &key;
		count++;
	}
	close(map);
	return count;
}

uint64_t fragment_clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec;
}

void fragments_age(const struct fixture *fixture, uint64_t age_ns)
{
	int map = fixture_map_fd(fixture, "fragments");
	struct poise_fragment_key key;
	struct poise_fragment entry;

	if (bpf_map_get_next_key(map, NULL, &key) == 0 &&
	    bpf_map_lookup_elem(map, &key, &entry) == 0) {
		entry.time_ns = fragment_clock_ns() - age_ns;
		bpf_map_update_elem(map, &key, &entry, BPF_EXIST);
	}
	close(map);
}

void fragments_begin(struct fixture *fixture, uint16_t backend)
{
	fragments_clear(fixture);
	fixture_settings(fixture)->fragment_ns = FRAGMENT_LONG_NS;
	fixture_settings(fixture)->flags = 0;
	fixture_own(fixture, backend);
}

bool fragment_first_goes(const struct fixture *fixture, const struct packet *first,
			 uint16_t backend)
{
	struct fate fate =
		fate_of("first fragment", *first, backend,
			fixture_verdict(fixture, &fixture->entries[backend]), POISE_REASON_SENT);

	return fate_holds(fixture, &fate);
}

bool fragment_follows(const struct fixture *fixture, const struct packet *later,
		      const struct packet *whole, uint16_t backend)
{
	struct fate fate =
		fate_of("later fragment", *later, backend,
			fixture_verdict(fixture, &fixture->entries[backend]), POISE_REASON_SENT);

	fate.flow = whole;
	fate.events[POISE_EVENT_FRAGMENT_FOLLOWED] = 1;
	return fate_holds(fixture, &fate);
}

bool fragment_is_early(const struct fixture *fixture, const struct packet *later)
{
	struct fate fate =
		fate_of("early fragment", *later, A4, XDP_DROP, POISE_REASON_FRAGMENT_EARLY);

	return fate_holds(fixture, &fate);
}
