// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The balancer's program, loaded and set up for BPF_PROG_TEST_RUN. */
#include "fixture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "hex.h"
#include "loader.h"
#include "service_places.h"
#include "traced.h"
#include "tunnel.h"

enum {
	LOOPBACK_IFINDEX = 1,
	TICK_NS = 1 << POISE_TICK_SHIFT,
	TICK_RESERVE_NS = TICK_NS / 4, /* of a tick, for one test case */
	MAX_PROGRAM_MAPS = 64,
};

struct backend_description {
	uint8_t family;
	const char *address, *source;
	unsigned int bits;
	enum way way;
};

static const struct backend_description descriptions[BACKEND_COUNT] = {
#define BACKEND_DESCRIPTION(name, family, address, source, bits, way)                              \
	[name] = { family, address, source, bits, WAY_##way },
	BACKENDS(BACKEND_DESCRIPTION)
#undef BACKEND_DESCRIPTION
};

static _Noreturn void bail_out(const char *what, int err)
{
	printf("Bail out! %s: %s\n", what, strerror(err));
	exit(1);
}

static _Noreturn void skip_all(const char *why)
{
	printf("1..0 # SKIP %s\n", why);
	exit(0);
}

/*
 * Set-up.
 */

/* Packets never reach these interfaces: they lend their indexes, and go with the namespace. */
static void make_interfaces(struct fixture *fixture)
{
	if (unshare(CLONE_NEWNET)) {
		if (errno == EPERM)
			skip_all("needs root");
		bail_out("cannot make a network namespace", errno);
	}
	if (system("ip link add poise-in type veth peer name poise-out"))
		bail_out("cannot make a veth pair", EINVAL);
	fixture->ifindex[WAY_IN] = if_nametoindex("poise-in");
	fixture->ifindex[WAY_OUT] = if_nametoindex("poise-out");
	fixture->ifindex[WAY_LOST] = LOOPBACK_IFINDEX;
}

struct poise_settings *fixture_settings(const struct fixture *fixture)
{
	return maps_settings(fixture->maps);
}

/* The entry, with the index's ring and the address in it. */
static struct poise_service complete(struct fixture *fixture, uint32_t number, const char *address,
				     const struct poise_service *service)
{
	struct extent *ring = &fixture->extents[number];
	struct poise_service entry = *service;
	struct ring opened = { 0 };
	int err = 0;

	entry.family = strchr(address, ':') ? 6 : 4;
	memset(entry.address, 0, sizeof(entry.address));
	inet_pton(entry.family == 4 ? AF_INET : AF_INET6, address, entry.address);
	if (entry.flags & POISE_SERVICE_ADDRESS)
		return entry;
	if (!ring->size)
		err = maps_ring_allocate(fixture->maps, fixture->ring_size, ring);
	if (!err)
		err = maps_rings_open(fixture->maps);
	if (!err)
		err = maps_ring_allow_moves(fixture->maps, ring, &opened);
	if (err)
		bail_out("cannot allocate a ring", -err);
	entry.segment = ring->segment;
	entry.base = ring->base;
	entry.size = ring->size;
	return entry;
}

struct poise_service *fixture_service_entry(const struct fixture *fixture, uint32_t number)
{
	return &fixture->services[fixture->places[number]];
}

void fixture_withdraw(struct fixture *fixture, uint32_t number)
{
	uint32_t place = fixture->places[number];

	if (maps_service_published(fixture->maps, place)) {
		maps_service_withdraw(fixture->maps, place);
		maps_synchronize(fixture->maps);
	}
}

/* Another place is found when the entry's home is another one than it was. */
static uint32_t find_place(struct fixture *fixture, uint32_t number,
			   const struct poise_service *entry, bool listed)
{
	static bool used[POISE_SERVICE_ENTRIES];

	memset(used, 0, sizeof(used));
	for (uint32_t i = 0; i < SERVICE_COUNT; i++)
		used[fixture->places[i]] = i != number;
	fixture->places[number] = service_place(entry, listed, used);
	return fixture->places[number];
}

void fixture_write(struct fixture *fixture, uint32_t number, const char *address,
		   const struct poise_service *service)
{
	struct poise_service entry = complete(fixture, number, address, service);

	fixture_withdraw(fixture, number);
	maps_service_write(fixture->maps, find_place(fixture, number, &entry, false), &entry);
}

void fixture_publish(struct fixture *fixture, uint32_t number, const char *address,
		     const struct poise_service *service)
{
	struct poise_service entry = complete(fixture, number, address, service);

	fixture_withdraw(fixture, number);
	maps_service_publish(fixture->maps, find_place(fixture, number, &entry, true), &entry);
}

static void publish_standard(struct fixture *fixture)
{
	static const struct poise_service tcp_service = { .protocol = IPPROTO_TCP },
					  udp_service = { .protocol = IPPROTO_UDP },
					  address = { .flags = POISE_SERVICE_ADDRESS };
	const struct {
		uint32_t index;
		const char *address;
		const struct poise_service *service;
	} rows[] = {
		{ SERVICE4, VIP4, &tcp_service },     { SERVICE4_ADDRESS, VIP4, &address },
		{ SERVICE6, VIP6, &tcp_service },     { SERVICE6_ADDRESS, VIP6, &address },
		{ UDP_SERVICE4, VIP4, &udp_service }, { UDP_SERVICE6, VIP6, &udp_service },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct poise_service service = *rows[i].service;

		service.port = service.protocol ? htons(SERVICE_PORT) : 0;
		fixture_publish(fixture, rows[i].index, rows[i].address, &service);
	}
}

void fixture_open(struct fixture *fixture, uint32_t ring_size)
{
	struct loader_options options = { .seed = SEED };
	char error[LOADER_ERROR_BYTES];
	int err;

	memset(fixture, 0, sizeof(*fixture));
	make_interfaces(fixture);
	err = loader_new(&options, &fixture->loader, error);
	if (err)
		bail_out(error, -err);
	err = traced_new(fixture->loader, TRACED_DRY, &fixture->dry);
	if (err)
		bail_out("cannot load the program for dry runs", -err);
	fixture->maps = loader_maps(fixture->loader);
	maps_settings(fixture->maps)->settle_ticks = SETTLE_TICKS;
	err = maps_egress_add(fixture->maps, fixture->ifindex[WAY_OUT]);
	if (err)
		bail_out("cannot add to the devmap", -err);
	for (uint16_t i = 1; i < BACKEND_COUNT; i++) {
		struct poise_backend entry = fixture_entry(fixture, i, DEFAULT_MTU);

		fixture_backend_init(fixture, i, &entry);
	}
	fixture->services = fixture_map(fixture, "services");
	fixture->ring_size = ring_size;
	publish_standard(fixture);
}

void fixture_close(struct fixture *fixture)
{
	traced_free(fixture->dry);
	loader_free(fixture->loader);
}

struct ring fixture_ring(struct fixture *fixture, uint32_t service)
{
	return maps_ring(fixture->maps, &fixture->extents[service]);
}

void fixture_move_ring(struct fixture *fixture, uint32_t service, const struct extent *extent)
{
	struct poise_service entry = *fixture_service_entry(fixture, service);
	char address[INET6_ADDRSTRLEN];

	inet_ntop(entry.family == 4 ? AF_INET : AF_INET6, entry.address, address, sizeof(address));
	fixture->extents[service] = *extent;
	fixture_publish(fixture, service, address, &entry);
}

static void own_ring(struct ring ring, uint16_t backend, bool settled, uint16_t now)
{
	uint16_t *owners = calloc(ring.size, sizeof(*owners));

	if (!owners)
		bail_out("ring", ENOMEM);
	for (uint32_t i = 0; i < ring.size; i++)
		owners[i] = backend;
	if (settled)
		ring_fill(&ring, owners);
	else
		ring_change(&ring, owners, now, RING_RECORDS);
	free(owners);
}

static void own_rings(struct fixture *fixture, uint16_t backend, bool settled, uint16_t now)
{
	for (uint32_t i = 0; i < SERVICE_COUNT; i++) {
		if (fixture->extents[i].size)
			own_ring(fixture_ring(fixture, i), backend, settled, now);
	}
}

void fixture_own(struct fixture *fixture, uint16_t backend)
{
	own_rings(fixture, backend, true, 0);
}

void fixture_change(struct fixture *fixture, uint16_t backend, uint16_t now)
{
	own_rings(fixture, backend, false, now);
}

struct poise_backend fixture_entry(const struct fixture *fixture, uint16_t backend, uint16_t mtu)
{
	const struct backend_description *from = &descriptions[backend];
	struct poise_backend entry = {
		.destination_mac = { 2, 0, 0, 0, 2, (uint8_t)backend },
		.source_mac = { 2, 0, 0, 0, 3, (uint8_t)backend },
		.ifindex = fixture->ifindex[from->way],
		.source_mask = htonl((uint32_t)((1ULL << from->bits) - 1)),
		.mtu = mtu,
		.family = from->family,
		.flags = POISE_BACKEND_LIVE | POISE_BACKEND_ELIGIBLE,
	};
	int family = from->family == 4 ? AF_INET : AF_INET6;

	inet_pton(family, from->address, entry.address);
	inet_pton(family, from->source, entry.source);
	return entry;
}

void fixture_backend_init(struct fixture *fixture, uint16_t backend,
			  const struct poise_backend *entry)
{
	fixture->entries[backend] = *entry;
	maps_backend_init(fixture->maps, backend, entry);
}

/* The descriptor of the program's map with this name, and what is known of it. */
static int find_map(const struct fixture *fixture, const char *name, struct bpf_map_info *info)
{
	__u32 ids[MAX_PROGRAM_MAPS];
	struct bpf_prog_info program = { .nr_map_ids = MAX_PROGRAM_MAPS,
					 .map_ids = (uintptr_t)ids };
	__u32 size = sizeof(program);

	if (bpf_obj_get_info_by_fd(loader_program_fd(fixture->loader), &program, &size))
		bail_out("the program's maps", errno);
	for (__u32 i = 0; i < program.nr_map_ids; i++) {
		int fd = bpf_map_get_fd_by_id(ids[i]);

		size = sizeof(*info);
		memset(info, 0, size);
		if (fd < 0 || bpf_obj_get_info_by_fd(fd, info, &size))
			bail_out("the program's maps", errno);
		if (strcmp(info->name, name) == 0)
			return fd;
		close(fd);
	}
	bail_out(name, ENOENT);
}

int fixture_map_fd(const struct fixture *fixture, const char *name)
{
	struct bpf_map_info info;

	return find_map(fixture, name, &info);
}

void *fixture_map(const struct fixture *fixture, const char *name)
{
	struct bpf_map_info info;
	int fd = find_map(fixture, name, &info);
	void *memory = mmap(NULL, (size_t)info.value_size * info.max_entries,
			    PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		bail_out(name, errno);
	close(fd);
	return memory;
}

/*
 * Running.
 */

static int run_program(const struct fixture *fixture, int program, const struct packet *in,
		       uint32_t metadata_bytes, struct packet *out)
{
	uint8_t data[PACKET_BYTES * 2] = { 0 };
	size_t length = metadata_bytes + in->length;
	struct xdp_md context = { .data = metadata_bytes,
				  .data_end = (__u32)length,
				  .ingress_ifindex = fixture->ifindex[WAY_IN] };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = data, .data_size_in = (__u32)length,
		    .data_out = out->bytes, .data_size_out = sizeof(out->bytes), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);
	int err;

	memcpy(data + metadata_bytes, in->bytes, in->length);
	err = bpf_prog_test_run_opts(program, &options);
	if (err)
		return err;
	out->length = options.data_size_out;
	return (int)options.retval;
}

int fixture_run_metadata(const struct fixture *fixture, const struct packet *in,
			 uint32_t metadata_bytes, struct packet *out)
{
	return run_program(fixture, loader_program_fd(fixture->loader), in, metadata_bytes, out);
}

int fixture_run_other(const struct fixture *fixture, int program, const struct packet *in,
		      struct packet *out)
{
	return run_program(fixture, program, in, 0, out);
}

int fixture_run(const struct fixture *fixture, const struct packet *in, struct packet *out)
{
	return fixture_run_metadata(fixture, in, 0, out);
}

uint64_t fixture_flow_hash(const struct packet *packet)
{
	const uint8_t *ip = packet->bytes + packet_l3(packet);
	uint8_t protocol = packet_protocol(packet);
	uint32_t addresses4[2], ports = packet_ports(packet);
	uint64_t addresses6[4];

	if (packet_family(packet) == 4) {
		memcpy(addresses4, ip + 12, sizeof(addresses4));
		return poise_flow_hash4(addresses4[0], addresses4[1], ports, protocol, SEED);
	}
	memcpy(addresses6, ip + 8, sizeof(addresses6));
	return poise_flow_hash6((const __u64 *)addresses6, (const __u64 *)(addresses6 + 2), ports,
				protocol, SEED);
}

uint32_t fixture_service(const struct packet *packet)
{
	if (packet_protocol(packet) == IPPROTO_UDP)
		return packet_family(packet) == 4 ? UDP_SERVICE4 : UDP_SERVICE6;
	return packet_family(packet) == 4 ? SERVICE4 : SERVICE6;
}

uint32_t fixture_slot(const struct fixture *fixture, const struct packet *packet)
{
	return poise_slot(fixture_flow_hash(packet),
			  fixture->extents[fixture_service(packet)].size);
}

struct packet fixture_encapsulated_hash(const struct packet *in, const struct poise_backend *entry,
					uint64_t hash)
{
	return tunnel_packet(in, entry, hash);
}

struct packet fixture_encapsulated(const struct packet *in, const struct poise_backend *entry)
{
	return fixture_encapsulated_hash(in, entry, fixture_flow_hash(in));
}

int fixture_verdict(const struct fixture *fixture, const struct poise_backend *entry)
{
	return entry->ifindex == fixture->ifindex[WAY_IN] ? XDP_TX : XDP_REDIRECT;
}

/*
 * The clock.
 */

static uint64_t clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint16_t fixture_tick(void)
{
	uint64_t left = TICK_NS - clock_ns() % TICK_NS;

	if (left < TICK_RESERVE_NS)
		usleep((useconds_t)(left / 1000 + 1));
	return (uint16_t)(clock_ns() >> POISE_TICK_SHIFT);
}

bool fixture_same_tick(uint16_t now)
{
	return (uint16_t)(clock_ns() >> POISE_TICK_SHIFT) == now;
}
