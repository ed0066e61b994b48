// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "subject.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"
#include "loader.h"
#include "maglev.h"
#include "maps.h"
#include "schedule.h"
#include "service_places.h"

enum {
	FIRST_BACKEND = FRAME_QUIC_BACKEND,
	BACKEND_WEIGHT = 100,
	BACKEND_MTU = 1600,
	PREFIX_BITS = 20, /* as many addresses as there may be services */
	GUE_PORT = 6080,
	SETTLE_TICKS = 840, /* 15 minutes */
	SEED = 0x5eed,
};

struct subject {
	struct subject_options options;
	struct loader *loader;
	struct maps *maps;
	struct ring ring; /* of the first service */
	struct extent schedule;
	uint16_t places[FRAME_SERVICES]; /* the services' indexes */
	bool used[POISE_SERVICE_ENTRIES];
	uint16_t owners[SUBJECT_SLOTS];
};

static struct address backend_address(uint8_t family, uint16_t index)
{
	struct address address = { .family = family };

	if (family == 4)
		inet_pton(AF_INET, "10.0.1.0", address.bytes);
	else
		inet_pton(AF_INET6, "2001:db8:2::", address.bytes);
	address.bytes[family == 4 ? 3 : 15] = index;
	return address;
}

static void init_source(struct poise_backend *entry)
{
	if (entry->family == 4) {
		inet_pton(AF_INET, "172.16.0.0", entry->source);
		entry->source_mask = htonl(0x0000ffff);
	} else {
		inet_pton(AF_INET6, "100::", entry->source);
		entry->source_mask = 0xffffffff;
	}
}

static void init_backend(struct subject *subject, uint16_t index, uint32_t ifindex)
{
	struct address address = backend_address(subject->options.tunnel, index);
	struct poise_backend_load *load = maps_load(subject->maps, index);
	struct poise_backend entry = {
		.destination_mac = { 2, 0, 0, 0, 1, (uint8_t)index },
		.source_mac = { 2, 0, 0, 0, 0, 1 }, /* what clients' frames are sent to */
		.ifindex = ifindex,
		.mtu = BACKEND_MTU,
		.family = subject->options.tunnel,
		.flags = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
		.encapsulation = subject->options.encapsulation,
		.gue_port = htons(GUE_PORT),
	};

	memcpy(entry.address, address.bytes, sizeof(entry.address));
	init_source(&entry);
	maps_backend_init(subject->maps, index, &entry);
	load->weight = BACKEND_WEIGHT;
	load->idle_ticks = SETTLE_TICKS;
}

static void list_members(const struct subject *subject, struct maglev_member *members)
{
	for (int i = 0; i < SUBJECT_BACKENDS; i++)
		members[i] = (struct maglev_member){
			.address = backend_address(subject->options.tunnel, FIRST_BACKEND + i),
			.index = FIRST_BACKEND + i,
			.weight = BACKEND_WEIGHT,
		};
}

static int make_ring(struct subject *subject, struct extent *extent)
{
	int err = maps_ring_allocate(subject->maps, SUBJECT_SLOTS, extent);

	return err ? err : maps_rings_open(subject->maps);
}

static int make_schedule(struct subject *subject, const struct maglev_member *members)
{
	struct ring schedule;
	uint16_t *slots = calloc(SUBJECT_SLOTS, sizeof(*slots));
	int err = slots ? make_ring(subject, &subject->schedule) : -ENOMEM;

	if (!err)
		err = schedule_build(members, SUBJECT_BACKENDS, SUBJECT_SLOTS, slots);
	if (!err) {
		schedule = maps_ring(subject->maps, &subject->schedule);
		ring_fill(&schedule, slots);
	}
	free(slots);
	return err;
}

/* The address of the service with this number. */
static void write_address(uint8_t family, uint32_t number, uint8_t bytes[16])
{
	uint32_t word;

	inet_pton(family == 4 ? AF_INET : AF_INET6, family == 4 ? FRAME_VIP4 : FRAME_VIP6, bytes);
	bytes += family == 4 ? 0 : 12;
	memcpy(&word, bytes, sizeof(word));
	word |= htonl(number);
	memcpy(bytes, &word, sizeof(word));
}

static struct poise_service service_entry(const struct subject *subject, uint32_t number,
					  const struct extent *extent)
{
	struct poise_service service = {
		.port = subject->options.match == SUBJECT_EXACT ? htons(FRAME_PORT) : 0,
		.protocol = subject->options.protocol,
		.family = subject->options.family,
		.flags = subject->options.service_flags,
		.segment = extent->segment,
		.base = extent->base,
		.size = extent->size,
		.affinity = subject->options.family == 4 ? 32 : 128,
		.scheduler = subject->options.scheduler,
		.quic_config = FRAME_QUIC_CONFIG,
		.quic_length = FRAME_SERVER_ID_BYTES,
		.idle_ticks = SETTLE_TICKS,
		.schedule_segment = subject->schedule.segment,
		.schedule_base = subject->schedule.base,
		.schedule_size = subject->schedule.size,
	};

	service.prefix = service.family == 4 ? 32 : 128;
	write_address(service.family, number, service.address);
	return service;
}

static uint16_t take_place(struct subject *subject, const struct poise_service *entry, bool listed)
{
	uint16_t place = service_place(entry, listed, subject->used);

	subject->used[place] = true;
	return place;
}

/* What leads to the service besides its own entry: that of its address, or of its prefix. */
static int publish_address(struct subject *subject, uint32_t number)
{
	struct poise_port_range range = { FRAME_PORT, FRAME_PORT + 100, subject->places[number],
					  0 };
	struct poise_service entry = { .family = subject->options.family,
				       .flags = POISE_SERVICE_ADDRESS };
	int err = 0, which = subject->options.protocol == IPPROTO_TCP ? 0 : 1;

	write_address(entry.family, number, entry.address);
	entry.prefix = entry.family == 4 ? 32 : 128;
	if (subject->options.match == SUBJECT_PREFIX)
		entry.prefix = entry.family == 4 ? PREFIX_BITS : 64;
	if (subject->options.match != SUBJECT_EXACT)
		err = maps_ranges_write(subject->maps, &range, 1, &entry.ranges[which]);
	if (err)
		return err;
	if (subject->options.match != SUBJECT_PREFIX) {
		maps_service_publish(subject->maps, take_place(subject, &entry, true), &entry);
		return 0;
	}
	maps_settings(subject->maps)->flags |= POISE_SETTING_PREFIXES;
	return maps_prefix_publish(subject->maps, take_place(subject, &entry, false), &entry);
}

static int make_service(struct subject *subject, uint32_t number)
{
	struct poise_service entry;
	struct extent extent;
	struct ring ring;
	int err = make_ring(subject, &extent);

	if (err)
		return err;
	ring = maps_ring(subject->maps, &extent);
	ring_fill(&ring, subject->owners);
	if (number == 0) {
		err = maps_ring_allow_moves(subject->maps, &extent, &ring);
		subject->ring = ring;
	}
	entry = service_entry(subject, number, &extent);
	subject->places[number] =
		take_place(subject, &entry, subject->options.match == SUBJECT_EXACT);
	if (subject->options.match == SUBJECT_EXACT)
		maps_service_publish(subject->maps, subject->places[number], &entry);
	else
		maps_service_write(subject->maps, subject->places[number], &entry);
	return err ? err : publish_address(subject, number);
}

static int set_server_id(struct subject *subject)
{
	struct poise_quic_server server = { .service = subject->places[0],
					    .length = FRAME_SERVER_ID_BYTES };

	if (!(subject->options.service_flags & POISE_SERVICE_QUIC))
		return 0;
	frame_server_id(FRAME_QUIC_BACKEND, server.id);
	return maps_quic_set(subject->maps, &server, FRAME_QUIC_BACKEND);
}

static int set_up(struct subject *subject, uint32_t ifindex)
{
	struct maglev_member members[SUBJECT_BACKENDS];
	int err;

	maps_settings(subject->maps)->settle_ticks = SETTLE_TICKS;
	for (int i = 0; i < SUBJECT_BACKENDS; i++)
		init_backend(subject, FIRST_BACKEND + i, ifindex);
	list_members(subject, members);
	err = maglev_build(members, SUBJECT_BACKENDS, SUBJECT_SLOTS, SEED, subject->owners);
	if (!err && subject->options.scheduler != POISE_SCHEDULER_RING)
		err = make_schedule(subject, members);
	for (uint32_t i = 0; i < subject->options.services && !err; i++)
		err = make_service(subject, i);
	return err ? err : set_server_id(subject);
}

static void set_defaults(struct subject_options *options)
{
	if (!options->tunnel)
		options->tunnel = options->family;
	if (!options->protocol)
		options->protocol = IPPROTO_TCP;
	if (!options->services)
		options->services = 1;
	if (!options->flow_entries)
		options->flow_entries = POISE_MIN_FLOWS;
}

int subject_new(const struct subject_options *options, uint32_t ifindex, struct subject **out)
{
	struct loader_options loader = { .seed = SEED };
	struct subject *subject = calloc(1, sizeof(*subject));
	char error[LOADER_ERROR_BYTES];
	int err;

	if (!subject)
		return -ENOMEM;
	subject->options = *options;
	set_defaults(&subject->options);
	loader.flow_entries = subject->options.flow_entries;
	err = loader_new(&loader, &subject->loader, error);
	if (err) {
		fprintf(stderr, "bench: %s\n", error);
		goto err_free;
	}
	subject->maps = loader_maps(subject->loader);
	err = set_up(subject, ifindex);
	if (err) {
		fprintf(stderr, "bench: cannot set Poise up: %s\n", strerror(-err));
		goto err_free;
	}
	*out = subject;
	return 0;
err_free:
	subject_free(subject);
	return err;
}

void subject_free(struct subject *subject)
{
	if (!subject)
		return;
	loader_free(subject->loader);
	free(subject);
}

int subject_program_fd(const struct subject *subject)
{
	return loader_program_fd(subject->loader);
}

static uint16_t coarse_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return ((uint64_t)now.tv_sec * 1000000000 + now.tv_nsec) >> POISE_TICK_SHIFT;
}

/* With chains: slots that name the others, and keep no exceptions. */
int subject_move(struct subject *subject)
{
	bool chains = subject->options.service_flags & POISE_SERVICE_CHAIN;

	for (uint32_t i = 0; i < SUBJECT_SLOTS; i++)
		subject->owners[i] = subject->owners[i] % SUBJECT_BACKENDS + FIRST_BACKEND;
	if (ring_change(&subject->ring, subject->owners, coarse_clock(),
			chains ? RING_NAMES : RING_RECORDS) != SUBJECT_SLOTS)
		return -EINVAL;
	return 0;
}

void subject_count(struct subject *subject, struct subject_count *out)
{
	*out = (struct subject_count){ 0 };
	for (uint32_t i = 0; i < subject->options.services; i++) {
		struct poise_service_count service;

		maps_service_count(subject->maps, subject->places[i], &service);
		out->sent += service.packets;
	}
	for (uint32_t i = 0; i < POISE_REASON_COUNT; i++)
		out->reasons[i] = maps_reason_count(subject->maps, i);
	for (uint32_t i = 0; i < POISE_EVENT_COUNT; i++)
		out->events[i] = maps_event_count(subject->maps, i);
}
