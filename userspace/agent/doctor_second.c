// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent doctor: what second chance needs, and what came of it. */
#include <inttypes.h>
#include <stdio.h>

#include "doctor.h"
#include "forwarding.h"
#include "host.h"
#include "netns.h"

/* An address that may be a backend's: of a prefix the second one, as the first one is no host's. */
static struct address host_of(const struct prefix *prefix)
{
	struct address address = prefix->address;

	if (prefix->length < (address.family == 4 ? 32 : 128))
		address.bytes[address.family == 4 ? 3 : 15] |= 1;
	return address;
}

/* A neighbour that does not answer is no way either: the next router, or the backend itself. */
static void check_route(struct doctor *doctor, const char *interface, const struct prefix *hop)
{
	char hop_text[ADDRESS_TEXT_BYTES], text[ADDRESS_TEXT_BYTES], mend[DOCTOR_FOUND_BYTES];
	bool single = hop->length == (hop->address.family == 4 ? 32 : 128);
	struct address address = host_of(hop);
	const struct address *neighbour;
	struct host_route route;

	prefix_format(hop, hop_text);
	if (host_find_route(&address, &route)) {
		snprintf(mend, sizeof(mend), "ip route add %s via GATEWAY", hop_text);
		doctor_add(doctor, DOCTOR_HOP_ROUTE, interface, LEVEL_PROBLEM, mend,
			   "no route leads to %s of --second-chance", hop_text);
		return;
	}
	neighbour = route.gateway.family ? &route.gateway : &address;
	if ((!single && neighbour == &address) ||
	    !host_neighbour_failed(route.interface, neighbour)) {
		doctor_add(doctor, DOCTOR_HOP_ROUTE, interface, LEVEL_OK, "", "%s is reached by %s",
			   hop_text, route.interface);
		return;
	}
	address_format(neighbour, text);
	snprintf(mend, sizeof(mend), "ping %s   # is it up, and on this network?", text);
	doctor_add(doctor, DOCTOR_HOP_ROUTE, interface, LEVEL_WARNING, mend,
		   "on the way to %s of --second-chance, %s on %s does not answer", hop_text, text,
		   route.interface);
}

static bool has_family(const struct prefix *prefixes, size_t count, uint8_t family)
{
	for (size_t i = 0; i < count; i++)
		if (prefixes[i].address.family == family)
			return true;
	return false;
}

static bool is_within(const struct prefix *prefix, const struct prefix *others, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct address masked = address_mask(&prefix->address, others[i].length);

		if (others[i].address.family == prefix->address.family &&
		    others[i].length <= prefix->length &&
		    address_equal(&masked, &others[i].address))
			return true;
	}
	return false;
}

/* The agents of a service are set up alike: what this one drops, the next one does, too. */
static void check_source(struct doctor *doctor, const char *interface,
			 const struct maps_content *content, uint8_t family)
{
	const struct prefix *source =
		family == 4 ? &content->tunnels.source4 : &content->tunnels.source6;
	char text[ADDRESS_TEXT_BYTES], mend[DOCTOR_FOUND_BYTES];

	if (!has_family(content->hops, content->hop_count, family) ||
	    !has_family(content->sources, content->source_count, family == 4 ? 6 : 4))
		return;
	prefix_format(source, text);
	if (is_within(source, content->sources, content->source_count)) {
		doctor_add(doctor, DOCTOR_HOP_SOURCE, interface, LEVEL_OK, "",
			   "--from names the source %s", text);
		return;
	}
	snprintf(mend, sizeof(mend),
		 "poise-agent attach %s ... --from %s   # with the options of before, on each "
		 "backend",
		 interface, text);
	doctor_add(doctor, DOCTOR_HOP_SOURCE, interface, LEVEL_PROBLEM, mend,
		   "--from does not name %s, the source of packets that go on over IPv%u", text,
		   family);
}

void doctor_check_hops(struct doctor *doctor, const char *interface,
		       const struct maps_content *content)
{
	for (size_t i = 0; i < content->hop_count; i++)
		check_route(doctor, interface, &content->hops[i]);
	check_source(doctor, interface, content, 4);
	check_source(doctor, interface, content, 6);
}

/* Of a family that backends have. */
static void check_forwarding(struct doctor *doctor, const struct status *status, uint8_t family)
{
	const char *name = forwarding_name(family);
	bool off = forwarding_is_off(family);
	char mend[DOCTOR_FOUND_BYTES];

	if (!has_family(status->content.hops, status->content.hop_count, family))
		return;
	snprintf(mend, sizeof(mend),
		 "sysctl -w %s=1   # after each change of the whole host's forwarding; poise-agent "
		 "run does it",
		 name);
	doctor_add(doctor, DOCTOR_LO_FORWARDING, status->interface, off ? LEVEL_WARNING : LEVEL_OK,
		   off ? mend : "", "%s is %s", name, off ? "0, which attach had set to 1" : "on");
}

static void check_namespaces(struct doctor *doctor, const struct status *status)
{
	const struct maps_tunnels *tunnels = &status->content.tunnels;
	char mend[DOCTOR_FOUND_BYTES];

	snprintf(mend, sizeof(mend),
		 "poise-agent run %s ...   # with the options of before: it follows namespaces",
		 status->interface);
	for (size_t i = 0; i < tunnels->namespace_count; i++) {
		bool there = netns_has_id(tunnels->namespaces[i]);

		doctor_add(doctor, DOCTOR_NETNS, status->interface,
			   there ? LEVEL_OK : LEVEL_WARNING, there ? "" : mend,
			   "the namespace %d of --netns is %s", tunnels->namespaces[i],
			   there ? "there" : "gone");
	}
}

/* Counters tell what was: a note, or a warning where connections broke. */
static void check_decisions(struct doctor *doctor, const struct status *status)
{
	const uint64_t *decisions = status->content.decisions, *reasons = status->content.reasons;
	uint64_t refused = decisions[POISE_AGENT_DECISION_HOP_REFUSED];
	uint64_t off = decisions[POISE_AGENT_DECISION_OFF];
	uint64_t unknown = reasons[POISE_AGENT_REASON_CHAIN_UNKNOWN];
	bool now_off = off && !status->content.tunnels.second_chance;

	doctor_add(
		doctor, DOCTOR_HOP_REFUSED, status->interface, refused ? LEVEL_WARNING : LEVEL_OK,
		refused ? "poise status   # then --second-chance with each backend's address" : "",
		"%" PRIu64 " packets named a next backend that --second-chance does not", refused);
	doctor_add(doctor, DOCTOR_SECOND_CHANCE, status->interface,
		   now_off ? LEVEL_WARNING : LEVEL_OK,
		   now_off ? "poise-agent attach IFACE ... --second-chance PREFIX" : "",
		   "%" PRIu64 " packets with a chain were opened as second chance was off", off);
	doctor_add(doctor, DOCTOR_CHAIN, status->interface, unknown ? LEVEL_WARNING : LEVEL_OK,
		   unknown ? "poise-agent version   # agents are upgraded before balancers" : "",
		   "%" PRIu64 " packets with a chain of another version were dropped", unknown);
}

void doctor_check_second(struct doctor *doctor, const struct status *status)
{
	doctor_check_hops(doctor, status->interface, &status->content);
	check_forwarding(doctor, status, 4);
	check_forwarding(doctor, status, 6);
	check_namespaces(doctor, status);
	check_decisions(doctor, status);
}
