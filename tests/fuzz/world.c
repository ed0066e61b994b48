// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Backends and settings of the packet fuzzer's world: see world.h. */
#include "world.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "shim.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum {
	SETTLE_TICKS = 840,
	FAST_RATE = 1000000,
	KINDS = 4, /* of encapsulation */
	FAMILIES = 2,
};

static struct poise_backend originals[WORLD_BACKENDS + 1];
static uint64_t world_seed;
static bool next_copy;

/* Backends differ by encapsulation, family and variant, in this order. */
uint8_t world_backend_kind(uint32_t number)
{
	return (uint8_t)((number - 1) % KINDS);
}

uint8_t world_backend_family(uint32_t number)
{
	return (number - 1) / KINDS % FAMILIES ? 6 : 4;
}

static uint32_t variant_of(uint32_t number)
{
	return (number - 1) / KINDS / FAMILIES;
}

/* Variants: plain; other way out and a TTL less; tagged twice; without way out, or next hop. */
static struct poise_backend make_backend(uint32_t number)
{
	static const uint32_t ways[] = { WORLD_INGRESS, WORLD_OUT, WORLD_INGRESS, WORLD_NO_EGRESS,
					 0 };
	uint32_t variant = variant_of(number);
	struct poise_backend backend = {
		.destination_mac = { 2, 0, 0, 0, 2, (uint8_t)number },
		.source_mac = { 2, 0, 0, 0, 1, 2 },
		.ifindex = ways[variant],
		.family = world_backend_family(number),
		.flags = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
		.current = 1,
		.encapsulation = world_backend_kind(number),
		.gue_port = htons(WORLD_GUE_PORT),
	};
	struct address source, address;

	address_parse(backend.family == 4 ? WORLD_SOURCE4 : WORLD_SOURCE6, &source);
	address_parse(backend.family == 4 ? "10.0.1.0" : "2001:db8:2::", &address);
	memcpy(backend.source, source.bytes, sizeof(backend.source));
	memcpy(backend.address, address.bytes, sizeof(backend.address));
	backend.address[backend.family == 4 ? 3 : 15] = (uint8_t)number;
	backend.source_mask = htonl(backend.family == 4 ? 0xffff : 0xffffffff);
	if (variant == 1)
		backend.encapsulation |= POISE_ENCAP_TTL;
	if (variant == 1 || variant == 2)
		backend.vlan[0] = POISE_VLAN_TAG | 100;
	if (variant == 2) {
		backend.vlan[0] |= POISE_VLAN_SERVICE;
		backend.vlan[1] = POISE_VLAN_TAG | 7;
	}
	return backend;
}

void world_open(uint64_t seed)
{
	struct poise_backend_load *load = shim_array("backend_load");
	uint32_t i, egress = WORLD_OUT;

	world_seed = seed;
	world_open_services();
	for (i = 1; i <= WORLD_BACKENDS; i++) {
		originals[i] = make_backend(i);
		load[i].weight = (uint16_t)(i % 3 * 50);
		load[i].idle_ticks = WORLD_IDLE_TICKS;
	}
	shim_hash_set("egress", &egress, &egress);
	egress = WORLD_INGRESS;
	shim_hash_set("egress", &egress, &egress);
}

static void reset_settings(const struct world_choice *choice)
{
	struct poise_settings *settings = shim_array("settings");
	struct address source4, source6;

	address_parse(WORLD_SOURCE4, &source4);
	address_parse(WORLD_SOURCE6, &source6);
	*settings = (struct poise_settings){
		.abi_version = POISE_ABI_VERSION,
		.settle_ticks = SETTLE_TICKS,
		.seed = world_seed,
		.exception_key = 0x1234567,
		.fragment_ns = 30000000000,
		.echo_rate = choice->flags & WORLD_FAST_ECHO ? FAST_RATE : 1,
		.error_rate = choice->flags & WORLD_FAST_ERRORS ? FAST_RATE : 1,
		.source4_mask = htonl(0xffff0000),
		.gue_port = htons(WORLD_GUE_PORT),
		.source6_mask = { ~0ULL, 0 },
	};
	memcpy(&settings->source4, source4.bytes, sizeof(settings->source4));
	memcpy(settings->source6, source6.bytes, sizeof(settings->source6));
	if (choice->flags & WORLD_PASS_FRAGMENTS)
		settings->flags |= POISE_SETTING_PASS_FRAGMENTS;
	if (choice->flags & WORLD_PASS_OVERSIZE)
		settings->flags |= POISE_SETTING_PASS_OVERSIZE;
	if (!(choice->flags & WORLD_NO_PREFIXES))
		settings->flags |= POISE_SETTING_PREFIXES;
	if (choice->flags & WORLD_NO_ECHO)
		settings->echo_rate = 0;
	if (choice->flags & WORLD_NO_ERRORS)
		settings->error_rate = 0;
}

static void reset_backends(const struct world_choice *choice)
{
	static const uint16_t mtus[] = { 1500, 65535, 1280, 600, 68, 20, 0, 9000 };
	struct poise_backend *backends = shim_array("backends");
	struct poise_backend *next = shim_array("backends_next");
	uint32_t i;

	next_copy = choice->flags & WORLD_NEXT_COPY;
	for (i = 1; i <= WORLD_BACKENDS; i++) {
		struct poise_backend backend = originals[i];

		backend.mtu = mtus[choice->mtu % ARRAY_SIZE(mtus)];
		if (choice->down & i)
			backend.flags = 0;
		next[i] = backend;
		backend.current = !next_copy;
		if (next_copy) /* what is not current may be anything */
			backend.ifindex = 0;
		backends[i] = backend;
	}
}

static void clear(const char *name)
{
	memset(shim_array(name), 0, shim_array_bytes(name));
}

/* Of an array by the index of a service, the entries that the world has. */
static void clear_entries(const char *name, size_t bytes)
{
	for (uint32_t i = 0; i < WORLD_SERVICES; i++)
		memset((char *)shim_array(name) + world_service(i) * bytes, 0, bytes);
}

void world_reset(const struct world_choice *choice)
{
	struct poise_move_segment *moves = shim_inner_array("moves", 0);
	struct poise_backend_load *load = shim_array("backend_load");
	size_t i;

	reset_settings(choice);
	reset_backends(choice);
	for (i = 0; i < WORLD_SLOTS; i++)
		moves->move[i].stamp = 0;
	for (i = 1; i <= WORLD_BACKENDS; i++)
		load[i].active = 0;
	clear("exceptions");
	clear("flows");
	clear("limits");
	clear("reason_count");
	clear("event_count");
	clear_entries("cursors", sizeof(uint32_t));
	clear_entries("service_count", sizeof(struct poise_service_count));
	memset(shim_array("backend_count"), 0,
	       (WORLD_BACKENDS + 1) * sizeof(struct poise_backend_count));
	shim_hash_clear("fragments");
	shim_clock_set(1ULL << 40);
}

const struct poise_backend *world_backend(uint32_t number)
{
	const struct poise_backend *entries = shim_array(next_copy ? "backends_next" : "backends");

	return &entries[number];
}
