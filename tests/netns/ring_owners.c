/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * ring_owners PIN_PATH: for each service of the pinned maps a line with its name and a sum over the
 * names of its slots' owners: equal rings have equal lines, whatever indexes their backends have.
 * Then a line for each backend without a service, which there must not be.
 *
 * ring_owners PIN_PATH SERVICE: a line for each slot of that service's ring, with its owner's name.
 */
#include <bpf/bpf.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poise_abi.h"

static struct poise_backend_record backends[POISE_MAX_BACKENDS];
static struct poise_service services[POISE_SERVICE_ENTRIES];
static struct poise_ring_segment segment;

static int open_map(const char *pin_path, const char *name)
{
	char path[512];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", pin_path, name);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		perror(path);
		exit(1);
	}
	return fd;
}

static void read_all(int fd, void *out, uint32_t count, size_t size)
{
	for (uint32_t i = 0; i < count; i++)
		if (bpf_map_lookup_elem(fd, &i, (char *)out + i * size))
			exit(1);
}

/* FNV-1a, 64 bits. */
static uint64_t add_name(uint64_t sum, const char *name)
{
	for (; *name; name++)
		sum = (sum ^ (unsigned char)*name) * 0x100000001b3;
	return (sum ^ '/') * 0x100000001b3;
}

static void load_segment(int rings, uint32_t number)
{
	uint32_t id, zero = 0;
	int fd = bpf_map_lookup_elem(rings, &number, &id) ? -1 : bpf_map_get_fd_by_id(id);

	if (fd < 0 || bpf_map_lookup_elem(fd, &zero, &segment))
		exit(1);
}

static uint64_t owners_of(int rings, const struct poise_service *service)
{
	uint64_t sum = 0xcbf29ce484222325;

	load_segment(rings, service->segment);
	for (uint32_t i = 0; i < service->size; i++) {
		uint16_t owner = segment.slot[service->base + i] & POISE_SLOT_OWNER;

		sum = add_name(sum, owner ? backends[owner].name : "none");
	}
	return sum;
}

static void print_owners(int rings, const struct poise_service *service)
{
	load_segment(rings, service->segment);
	for (uint32_t i = 0; i < service->size; i++)
		puts(backends[segment.slot[service->base + i] & POISE_SLOT_OWNER].name);
}

int main(int argc, char **argv)
{
	const char *only = argc == 3 ? argv[2] : NULL;
	struct poise_service_record record;
	bool known[POISE_SERVICE_ENTRIES] = { false };
	int records, rings;

	if (argc != 2 && argc != 3)
		return 2;
	records = open_map(argv[1], "service_record");
	rings = open_map(argv[1], "rings");
	read_all(open_map(argv[1], "backend_record"), backends, POISE_MAX_BACKENDS,
		 sizeof(backends[0]));
	read_all(open_map(argv[1], "services"), services, POISE_SERVICE_ENTRIES,
		 sizeof(services[0]));
	for (uint32_t i = 1; i < POISE_SERVICE_ENTRIES; i++) {
		if (bpf_map_lookup_elem(records, &i, &record) || !record.state)
			continue;
		known[i] = true;
		if (only) {
			if (!strcmp(record.name, only))
				print_owners(rings, &services[i]);
			continue;
		}
		printf("%s %016llx%s\n", record.name,
		       (unsigned long long)owners_of(rings, &services[i]),
		       record.changing ? " changing" : "");
	}
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS && !only; i++)
		if (backends[i].state && !known[backends[i].service])
			printf("backend '%s' has no service\n", backends[i].name);
	return 0;
}
