/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Connections and commands for tests of one behaviour each. Comes after balancer_packets.h.
 */
#ifndef POISE_BALANCER_COMMANDS_H
#define POISE_BALANCER_COMMANDS_H

enum { CONNECTIONS = 300 };

#define WEB_AT(name, port)                                                                         \
	"- name: " name "\n  address: 203.0.113.10\n  port: " port "\n  ring_size: 1021\n"         \
	"  backends:\n"
#define WEB WEB_AT("web", "80")
#define B0  "  - { name: b0, address: 10.9.0.11 }\n"
#define B1  "  - { name: b1, address: 10.9.0.12 }\n"
#define B2  "  - { name: b2, address: 10.9.0.13 }\n"
#define B3  "  - { name: b3, address: 10.9.0.14 }\n"

/* Connections, each with the backend that it began at. */
struct connections {
	struct tuple tuples[CONNECTIONS];
	int members[CONNECTIONS];
};

static inline void connect_all(struct connections *all, const char *vip, uint16_t port)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		all->tuples[i] = (struct tuple){ .vip = address_of(vip),
						 .vport = port,
						 .port = 20000 + i,
						 .client = 0xc6336402 };
		all->members[i] = packet_sent(&all->tuples[i], TH_SYN);
		if (all->members[i] < 0)
			fail_msg("connection %d was not let in: %d", i, all->members[i]);
	}
}

static inline void expect_kept(const struct connections *all)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		int got = packet_sent(&all->tuples[i], TH_ACK);

		if (all->members[i] >= 0 && got != all->members[i])
			fail_msg("connection %d: expected backend %d, got %d", i, all->members[i],
				 got);
	}
}

static inline int count_at(const struct connections *all, int member)
{
	int count = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		count += all->members[i] == member;
	return count;
}

static inline int sent_to(const char *vip, uint16_t port)
{
	struct tuple tuple = {
		.vip = address_of(vip), .vport = port, .port = 1025, .client = 0xc6336403
	};

	return packet_sent(&tuple, TH_SYN);
}

static inline void begin(const char *settle, const char *services)
{
	apply(config_with(settle, services));
	quieten();
}

static inline void restart_with(struct config *config)
{
	stop();
	start();
	apply(config);
	quieten();
}

static inline struct backend *backend_named(const char *service, const char *name)
{
	struct backend *backend = service_find(service_named(service), name);

	if (!backend)
		fail_msg("no backend '%s/%s'", service, name);
	return backend;
}

static inline struct backend *add(const char *name, int k)
{
	char error[RUNTIME_ERROR_BYTES];
	struct config_backend wanted = { .address = host(k), .weight = 100 };
	struct backend *backend;

	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	if (runtime_add(world.balancer, service_named("web"), &wanted, &backend, error))
		fail_msg("%s", error);
	quieten();
	return backend;
}

static inline void add_refused(const char *name, const char *address_text, const char *expected)
{
	char error[RUNTIME_ERROR_BYTES] = "accepted";
	struct config_backend wanted = { .address = address_of(address_text), .weight = 100 };
	struct backend *backend;

	snprintf(wanted.name, sizeof(wanted.name), "%s", name);
	runtime_add(world.balancer, service_named("web"), &wanted, &backend, error);
	if (!strstr(error, expected))
		fail_msg("expected '%s', got '%s'", expected, error);
}

static inline bool remove_one(struct backend *backend, bool now)
{
	char error[RUNTIME_ERROR_BYTES];
	bool gone;

	if (runtime_remove(world.balancer, backend, now, &gone, error))
		fail_msg("%s", error);
	return gone;
}

static inline void drain(struct backend *backend, bool on)
{
	char error[RUNTIME_ERROR_BYTES];

	if (runtime_drain(world.balancer, backend, on, error))
		fail_msg("%s", error);
}

static inline void set_weight(struct backend *backend, uint16_t weight)
{
	char error[RUNTIME_ERROR_BYTES];

	if (runtime_weight(world.balancer, backend, weight, error))
		fail_msg("%s", error);
}

/* What the data plane has of a service, to see whether it changed. */
struct image {
	uint16_t slots[1021];
	struct poise_settings settings;
	size_t services, free_indexes;
};

static inline struct image image_of(const char *name)
{
	struct service *service = service_named(name);
	struct image image = { .settings = *maps_settings(world.balancer->maps),
			       .services = world.balancer->service_count,
			       .free_indexes = balancer_free_indexes(world.balancer) };

	assert_int_equal(service->ring.size, ARRAY_SIZE(image.slots));
	memcpy(image.slots, service->ring.slots, sizeof(image.slots));
	return image;
}

static inline void expect_image(const char *name, const struct image *before)
{
	struct image now = image_of(name);

	assert_memory_equal(&now, before, sizeof(now));
}

#endif
