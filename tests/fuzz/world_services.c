// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The services of the packet fuzzer's world: see world.h. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "port_lists.h"
#include "service_places.h"
#include "shim.h"
#include "world.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum { RING_SLOTS = 61, IPV4_BITS = 32, IPV6_BITS = 128 };

#define RECORDED POISE_SERVICE_RECORD
#define CHAIN	 POISE_SERVICE_CHAIN
static const struct kind {
	const char *address;
	uint8_t prefix;
	uint16_t first, last;
	uint8_t protocol;
	uint32_t flags;
	uint8_t scheduler;
} kinds[] = {
	{ WORLD_VIP4, 32, WORLD_PLAIN, WORLD_PLAIN, IPPROTO_TCP, CHAIN, 0 },
	{ WORLD_VIP4, 32, WORLD_STATELESS, WORLD_STATELESS, IPPROTO_UDP, 0, 0 },
	{ WORLD_VIP4, 32, WORLD_QUIC, WORLD_QUIC, IPPROTO_UDP, POISE_SERVICE_QUIC, 0 },
	{ WORLD_VIP4, 32, WORLD_STICKY, WORLD_STICKY, IPPROTO_UDP, RECORDED, 0 },
	{ WORLD_VIP4, 32, WORLD_LEASTCONN, WORLD_LEASTCONN, IPPROTO_TCP, RECORDED,
	  POISE_SCHEDULER_LEASTCONN },
	{ WORLD_VIP4, 32, WORLD_ROUNDROBIN, WORLD_ROUNDROBIN, IPPROTO_TCP, RECORDED,
	  POISE_SCHEDULER_ROUNDROBIN },
	{ WORLD_VIP4, 32, WORLD_AFFINITY, WORLD_AFFINITY, IPPROTO_TCP, POISE_SERVICE_AFFINITY, 0 },
	{ WORLD_VIP4, 32, WORLD_NOBODY, WORLD_NOBODY, IPPROTO_TCP, 0, 0 },
	{ WORLD_VIP4, 32, WORLD_RANGE_FIRST, WORLD_RANGE_LAST, IPPROTO_TCP, 0, 0 },
	{ WORLD_VIP4, 32, WORLD_RANGE_FIRST, WORLD_RANGE_LAST, IPPROTO_UDP, RECORDED, 0 },
	{ WORLD_ANY4, 32, 1, 65535, IPPROTO_TCP, CHAIN, 0 },
	{ WORLD_PREFIX4, 16, 1, 65535, IPPROTO_TCP, POISE_SERVICE_AFFINITY, 0 },
	{ WORLD_PREFIX4, 16, WORLD_PLAIN, WORLD_PLAIN, IPPROTO_UDP, RECORDED,
	  POISE_SCHEDULER_ROUNDROBIN },
	{ WORLD_VIP6, 128, WORLD_PLAIN, WORLD_PLAIN, IPPROTO_TCP, CHAIN, 0 },
	{ WORLD_VIP6, 128, WORLD_STATELESS, WORLD_STATELESS, IPPROTO_UDP, 0, 0 },
	{ WORLD_VIP6, 128, WORLD_QUIC, WORLD_QUIC, IPPROTO_UDP,
	  POISE_SERVICE_QUIC | POISE_SERVICE_AFFINITY, 0 },
	{ WORLD_VIP6, 128, WORLD_STICKY, WORLD_STICKY, IPPROTO_UDP, RECORDED, 0 },
	{ WORLD_VIP6, 128, WORLD_LEASTCONN, WORLD_LEASTCONN, IPPROTO_TCP, RECORDED,
	  POISE_SCHEDULER_LEASTCONN },
	{ WORLD_VIP6, 128, WORLD_RANGE_FIRST, WORLD_RANGE_LAST, IPPROTO_TCP, POISE_SERVICE_AFFINITY,
	  0 },
	{ WORLD_PREFIX6, 64, 1, 65535, IPPROTO_TCP, 0, 0 },
	{ WORLD_PREFIX6, 64, WORLD_RANGE_FIRST, WORLD_RANGE_LAST, IPPROTO_UDP, 0, 0 },
};

_Static_assert(ARRAY_SIZE(kinds) * 2 * RING_SLOTS <= WORLD_SLOTS, "WORLD_SLOTS");

static bool used[POISE_SERVICE_ENTRIES]; /* of 'services' */
static uint32_t indexes[WORLD_SERVICES], entry_count;
static uint32_t range_count;

static struct prefix prefix_of(const struct kind *kind)
{
	struct prefix prefix = { .length = kind->prefix };

	if (address_parse(kind->address, &prefix.address))
		abort();
	return prefix;
}

/* Writes an entry, listed when packets are to find it by its hash; returns its index. */
static uint32_t add_entry(const struct poise_service *entry, bool listed)
{
	struct poise_service *services = shim_array("services");
	uint32_t home = service_home(entry), index = service_place(entry, listed, used);
	uint8_t reach = services[index].reach;

	if (!index || entry_count == WORLD_SERVICES)
		abort();
	used[index] = true;
	indexes[entry_count++] = index;
	services[index] = *entry;
	services[index].reach = reach;
	if (!listed)
		return index;
	services[index].flags |= POISE_SERVICE_LISTED;
	if (services[home].reach < service_distance(home, index))
		services[home].reach = (uint8_t)service_distance(home, index);
	return index;
}

/* The backend for a slot: some other for another salt. l2 keeps the client's family. */
static uint16_t backend_for(uint32_t slot, uint32_t salt, uint8_t family)
{
	uint32_t backend = (slot * 7 + salt) % WORLD_BACKENDS + 1;

	while (world_backend_kind(backend) == POISE_ENCAP_L2 &&
	       world_backend_family(backend) != family)
		backend = backend % WORLD_BACKENDS + 1;
	return (uint16_t)backend;
}

/* Of services with chains every other one keeps no exceptions, and some have no owner. */
static struct poise_move make_move(uint32_t slot, uint32_t number, uint16_t owner,
				   const struct poise_service *service)
{
	struct poise_move move = { .previous = backend_for(slot, number + 11, service->family) };

	if (!(service->flags & POISE_SERVICE_CHAIN))
		return move;
	move.earlier = slot % 4 ? backend_for(slot, number + 24, service->family) : 0;
	move.owner = owner | (slot % 2 ? POISE_MOVE_NAMED : 0);
	return move;
}

/* Every third slot is moving. Writes also a schedule, behind the ring. */
static void fill_ring(struct poise_service *service, uint32_t number)
{
	struct poise_ring_segment *slots = shim_inner_array("rings", 0);
	struct poise_move_segment *moves = shim_inner_array("moves", 0);
	uint32_t i;

	service->base = number * 2 * RING_SLOTS;
	service->size = RING_SLOTS;
	if (service->scheduler) {
		service->schedule_base = service->base + RING_SLOTS;
		service->schedule_size = RING_SLOTS;
	}
	if (service->port == htons(WORLD_NOBODY))
		return;
	for (i = 0; i < RING_SLOTS; i++) {
		uint32_t slot = service->base + i;

		slots->slot[slot] = backend_for(i, number, service->family);
		slots->slot[slot + RING_SLOTS] = backend_for(i, number + 3, service->family);
		if (i % 3)
			continue;
		slots->slot[slot] |= POISE_SLOT_MOVING;
		moves->move[slot] =
			make_move(i, number, slots->slot[slot] & POISE_SLOT_OWNER, service);
	}
}

static void set_server_ids(uint32_t service)
{
	struct poise_quic_server server = { .service = (uint16_t)service,
					    .length = WORLD_QUIC_ID_BYTES };
	uint32_t backend;

	memcpy(server.id, WORLD_QUIC_BACKEND, 2);
	for (backend = 1; backend <= 8; backend++) {
		server.id[2] = (uint8_t)backend;
		shim_hash_set("quic_servers", &server, &backend);
	}
}

/* Returns the service's index. */
static uint32_t add_service(const struct port_service *port, const struct kind *kind,
			    uint32_t number)
{
	const struct address *address = &port->prefix.address;
	bool exact = port_service_is_exact(port);
	struct poise_service service = { .port = exact ? htons(port->first) : 0,
					 .protocol = port->protocol,
					 .family = address->family,
					 .flags = kind->flags,
					 .scheduler = kind->scheduler,
					 .affinity = address->family == 4 ? 24 : 56,
					 .quic_config = WORLD_QUIC_CONFIG,
					 .quic_length = WORLD_QUIC_ID_BYTES,
					 .idle_ticks = WORLD_IDLE_TICKS,
					 .prefix = port->prefix.length };
	uint32_t index;

	memcpy(service.address, address->bytes, sizeof(service.address));
	fill_ring(&service, number);
	index = add_entry(&service, exact);
	if (kind->flags & POISE_SERVICE_QUIC)
		set_server_ids(index);
	return index;
}

/* Writes a list of ranges; returns the word that names it. */
static uint32_t add_ranges(const struct port_list *list)
{
	struct poise_port_range *ranges = shim_array("port_ranges");
	uint32_t first = range_count;

	memcpy(&ranges[first], list->ranges, list->count * sizeof(*ranges));
	range_count += (uint32_t)list->count;
	return first << 8 | (uint32_t)list->count;
}

static void add_address(const struct port_entry *address)
{
	const struct prefix *prefix = &address->prefix;
	struct poise_service entry = { .family = prefix->address.family,
				       .flags = POISE_SERVICE_ADDRESS,
				       .prefix = prefix->length,
				       .ranges = { add_ranges(&address->lists[PORT_TCP]),
						   add_ranges(&address->lists[PORT_UDP]) } };
	struct poise_prefix key = { .length = POISE_PREFIX_FAMILY_BITS + prefix->length,
				    .family = prefix->address.family };
	uint32_t index;

	memcpy(entry.address, prefix->address.bytes, sizeof(entry.address));
	memcpy(key.bytes, prefix->address.bytes, sizeof(key.bytes));
	index = add_entry(&entry, prefix_is_address(prefix));
	if (!prefix_is_address(prefix))
		shim_hash_set("prefixes", &key, &index);
}

void world_open_services(void)
{
	struct port_service ports[ARRAY_SIZE(kinds)];
	struct port_lists lists;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kinds); i++) {
		ports[i] = (struct port_service){ prefix_of(&kinds[i]), kinds[i].first,
						  kinds[i].last, kinds[i].protocol, 0 };
		ports[i].index = (uint16_t)add_service(&ports[i], &kinds[i], (uint32_t)i);
	}
	if (port_lists_build(ports, ARRAY_SIZE(ports), &lists))
		abort();
	for (i = 0; i < lists.count; i++)
		add_address(&lists.entries[i]);
	port_lists_free(&lists);
}

uint32_t world_service(uint32_t number)
{
	return indexes[number];
}

bool world_is_virtual(uint8_t family, const uint8_t *bytes)
{
	const struct poise_settings *settings = shim_array("settings");
	struct prefix wanted = { .address.family = family,
				 .length = family == 4 ? IPV4_BITS : IPV6_BITS };

	memcpy(wanted.address.bytes, bytes, wanted.length / 8);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		struct prefix prefix = prefix_of(&kinds[i]);

		if (!prefix_is_address(&prefix) && !(settings->flags & POISE_SETTING_PREFIXES))
			continue;
		if (prefix_holds(&prefix, &wanted))
			return true;
	}
	return false;
}
