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

enum {
	SERVICE_INDEX = 1,
	ADDRESS_INDEX = 2,
	FIRST_BACKEND = 1,
	BACKEND_WEIGHT = 100,
	BACKEND_MTU = 1500,
	SETTLE_TICKS = 840, /* 15 minutes */
	SEED = 0x5eed,
};

struct subject {
	struct loader *loader;
	struct maps *maps;
	struct ring ring;
	uint8_t family;
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

static void init_backend(struct subject *subject, uint16_t index, uint32_t ifindex)
{
	struct address address = backend_address(subject->family, index);
	struct poise_backend entry = {
		.destination_mac = { 2, 0, 0, 0, 1, (uint8_t)index },
		.source_mac = { 2, 0, 0, 0, 0, 2 },
		.ifindex = ifindex,
		.mtu = BACKEND_MTU,
		.family = subject->family,
		.flags = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	};

	memcpy(entry.address, address.bytes, sizeof(entry.address));
	if (subject->family == 4) {
		inet_pton(AF_INET, "172.16.0.0", entry.source);
		entry.source_mask = htonl(0x0000ffff);
	} else {
		inet_pton(AF_INET6, "100::", entry.source);
		entry.source_mask = 0xffffffff;
	}
	maps_backend_init(subject->maps, index, &entry);
}

static int fill_ring(struct subject *subject)
{
	struct maglev_member members[SUBJECT_BACKENDS];
	int err;

	for (int i = 0; i < SUBJECT_BACKENDS; i++)
		members[i] = (struct maglev_member){
			.address = backend_address(subject->family, FIRST_BACKEND + i),
			.index = FIRST_BACKEND + i,
			.weight = BACKEND_WEIGHT,
		};
	err = maglev_build(members, SUBJECT_BACKENDS, SUBJECT_SLOTS, SEED, subject->owners);
	if (!err)
		ring_fill(&subject->ring, subject->owners);
	return err;
}

static int publish_service(struct subject *subject, const struct extent *extent)
{
	struct poise_service service = {
		.port = htons(FRAME_PORT),
		.protocol = IPPROTO_TCP,
		.family = subject->family,
		.segment = extent->segment,
		.base = extent->base,
		.size = extent->size,
	};
	int err;

	if (subject->family == 4)
		inet_pton(AF_INET, FRAME_VIP4, service.address);
	else
		inet_pton(AF_INET6, FRAME_VIP6, service.address);
	err = maps_service_publish(subject->maps, SERVICE_INDEX, &service);
	if (err)
		return err;
	service.port = 0;
	service.protocol = 0;
	service.flags = POISE_SERVICE_ADDRESS;
	return maps_service_publish(subject->maps, ADDRESS_INDEX, &service);
}

static int set_up(struct subject *subject, uint32_t ifindex)
{
	struct extent extent;
	int err;

	maps_settings(subject->maps)->settle_ticks = SETTLE_TICKS;
	for (int i = 0; i < SUBJECT_BACKENDS; i++)
		init_backend(subject, FIRST_BACKEND + i, ifindex);
	err = maps_ring_allocate(subject->maps, SUBJECT_SLOTS, &extent);
	if (err)
		return err;
	subject->ring = maps_ring(subject->maps, &extent);
	err = fill_ring(subject);
	return err ? err : publish_service(subject, &extent);
}

int subject_new(uint8_t family, uint32_t ifindex, struct subject **out)
{
	struct loader_options options = { .seed = SEED };
	struct subject *subject = calloc(1, sizeof(*subject));
	char error[LOADER_ERROR_BYTES];
	int err;

	if (!subject)
		return -ENOMEM;
	subject->family = family;
	err = loader_new(&options, &subject->loader, error);
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

int subject_move(struct subject *subject)
{
	for (uint32_t i = 0; i < SUBJECT_SLOTS; i++)
		subject->owners[i] = subject->owners[i] % SUBJECT_BACKENDS + FIRST_BACKEND;
	if (ring_change(&subject->ring, subject->owners, coarse_clock()) != SUBJECT_SLOTS)
		return -EINVAL;
	return 0;
}

void subject_count(struct subject *subject, struct subject_count *out)
{
	struct poise_service_count service;

	maps_service_count(subject->maps, SERVICE_INDEX, &service);
	*out = (struct subject_count){ .sent = service.packets };
	for (uint32_t i = 0; i < POISE_REASON_COUNT; i++)
		if (i != POISE_REASON_SENT)
			out->refused += maps_reason_count(subject->maps, i);
	for (uint32_t i = 0; i < POISE_EVENT_COUNT; i++)
		out->events[i] = maps_event_count(subject->maps, i);
}
