/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One backend: what is known of it, and what follows from that for the data plane. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit.h"
#include "availability.h"
#include "balancer.h"
#include "check.h"
#include "fault.h"
#include "log.h"
#include "maps.h"
#include "probe.h"

bool backend_is_added(const struct backend *backend)
{
	return (backend->record & POISE_RECORD_RUNTIME) && backend->state == POISE_RECORD_ACTIVE;
}

bool backend_has_server_id(const struct backend *backend, const struct config_backend *declared)
{
	return declared->server_id_length &&
	       backend->server_id_length == declared->server_id_length &&
	       memcmp(backend->server_id, declared->server_id, declared->server_id_length) == 0;
}

bool backend_drains(const struct backend *backend)
{
	return (backend->record & POISE_RECORD_DRAIN) ||
	       (backend->declared_drain && !(backend->record & POISE_RECORD_UNDRAIN));
}

bool backend_known(const struct backend *backend)
{
	enum health_state health =
		backend->health ? health_get(backend->health)->state : HEALTH_DOWN;

	if (health == HEALTH_DOWN || (backend->hop_asked && !backend->hop_ready))
		return true; /* one failure is enough to know that it is down */
	return health == HEALTH_UP && backend->hop_asked && !backend_agent_waits(backend);
}

struct standing_facts backend_facts(const struct backend *backend)
{
	return (struct standing_facts){
		.active = backend->state == POISE_RECORD_ACTIVE,
		.drained = backend_drains(backend) || backend_agent_drains(backend),
		.reachable = backend->hop_ready,
		.passing = backend->health && health_get(backend->health)->state == HEALTH_UP &&
			   !backend_agent_down(backend) && !backend_agent_waits(backend),
		.known = backend_known(backend),
		.weight = backend_agent_weight(backend),
	};
}

bool backend_up(const struct backend *backend)
{
	struct standing_facts facts = backend_facts(backend);

	return standing_up(&facts, &backend->standing, backend->service->verdict);
}

uint16_t backend_effective_weight(const struct backend *backend)
{
	struct standing_facts facts = backend_facts(backend);

	return standing_weight(&facts, &backend->standing, backend->service->config.slow_start_ms,
			       balancer_now_ms());
}

bool backend_eligible(const struct backend *backend)
{
	struct standing_facts facts = backend_facts(backend);

	return standing_eligible(&facts, &backend->standing, backend->service->verdict);
}

uint8_t backend_flags(const struct backend *backend)
{
	struct standing_facts facts = backend_facts(backend);
	uint8_t flags = 0;

	if (backend->state != POISE_RECORD_ACTIVE && backend->state != POISE_RECORD_REMOVING)
		return 0;
	if (backend->service->config.on_down == ON_DOWN_KEEP ||
	    standing_live(&facts, backend->service->verdict))
		flags |= POISE_BACKEND_LIVE;
	if (backend_eligible(backend))
		flags |= POISE_BACKEND_ELIGIBLE;
	return flags;
}

const char *backend_way_problem(const struct backend *backend)
{
	const struct nexthop *hop = nexthop_get(backend->watch);

	if (hop->state != NEXTHOP_READY)
		return nexthop_state_text(hop->state);
	if (backend->encapsulation == POISE_ENCAP_L2 && !hop->on_link)
		return "l2 needs the backend on a network of this host";
	return NULL;
}

/* The last bytes of the source address that carry the flow's hash, as a mask in network order. */
static uint32_t entropy_mask(const struct prefix *source)
{
	unsigned int bits = source->address.family == 4 ? 32 : 128;
	unsigned int host = bits - source->length;

	if (host >= 32)
		return 0xffffffff;
	return __builtin_bswap32((uint32_t)((1ULL << host) - 1));
}

/* Largest packet of the tunnel without a chain. */
static uint16_t way_mtu(const struct backend *backend)
{
	uint16_t room = service_chain_room(backend->service, backend->address.family);
	uint16_t mtu = nexthop_get(backend->watch)->mtu;

	return mtu > room ? mtu - room : 0;
}

struct poise_backend backend_entry(const struct balancer *balancer, const struct backend *backend)
{
	const struct prefix *source = backend->address.family == 4 ? &balancer->config->source_ipv4
								   : &balancer->config->source_ipv6;
	const struct nexthop *hop = nexthop_get(backend->watch);
	struct poise_backend entry = { .family = backend->address.family,
				       .source_mask = entropy_mask(source),
				       .encapsulation = backend->encapsulation,
				       .gue_port = htons(balancer->config->gue_port) };

	if (balancer->config->decrement_ttl)
		entry.encapsulation |= POISE_ENCAP_TTL;
	memcpy(entry.address, backend->address.bytes, sizeof(entry.address));
	memcpy(entry.source, source->address.bytes, sizeof(entry.source));
	if (!backend_way_problem(backend)) {
		entry.ifindex = hop->ifindex;
		entry.mtu = way_mtu(backend);
		memcpy(entry.vlan, hop->vlan, sizeof(entry.vlan));
		memcpy(entry.destination_mac, hop->destination_mac, 6);
		memcpy(entry.source_mac, hop->source_mac, 6);
	} else if (hop->state == NEXTHOP_RESOLVING) { /* as an earlier poised left it */
		entry.ifindex = backend->entry.ifindex;
		entry.mtu = backend->entry.mtu;
		memcpy(entry.vlan, backend->entry.vlan, sizeof(entry.vlan));
		memcpy(entry.destination_mac, backend->entry.destination_mac, 6);
		memcpy(entry.source_mac, backend->entry.source_mac, 6);
	}
	return entry;
}

void backend_touch(struct backend *backend)
{
	backend->dirty = true;
	backend->service->balancer->any_dirty = true;
}

void backend_refresh(struct balancer *balancer, struct backend *backend)
{
	backend_touch(backend);
	backend->service->undecided = true;
	if (!backend->service->filled)
		service_touch(backend->service);
	balancer_commit_later(balancer);
}

int backend_write_record(struct balancer *balancer, const struct backend *backend)
{
	struct poise_backend_record record = { .family = backend->address.family,
					       .state = backend->state,
					       .flags = backend->record,
					       .weight = backend->weight,
					       .service = backend->service->index,
					       .encapsulation = backend->encapsulation,
					       .server_id_length = backend->server_id_length };
	int err;

	memcpy(record.name, backend->name, sizeof(record.name));
	memcpy(record.address, backend->address.bytes, sizeof(record.address));
	memcpy(record.server_id, backend->server_id, sizeof(record.server_id));
	availability_store(backend, &record);
	backend_agent_store(backend, &record);
	err = maps_backend_record_write(balancer->maps, backend->index, &record);
	FAULT_POINT("backend-record-written");
	if (err)
		log_event(LOG_LEVEL_ERROR,
			  &(struct log_fields){ .service = backend->service->config.name,
						.backend = backend->name },
			  "cannot keep its state for a restart: %s", strerror(-err));
	return err;
}

static void on_health(void *context, const struct health_status *status)
{
	struct backend *backend = context;
	struct balancer *balancer = backend->service->balancer;
	bool up = status->state == HEALTH_UP;

	audit_change(&(struct audit_change){ .service = backend->service->config.name,
					     .backend = backend->name,
					     .what = "health",
					     .before = health_state_text(status->before),
					     .after = health_state_text(status->state),
					     .by = "its check",
					     .why = up ? NULL : status->error,
					     .warning = !up });
	availability_note(backend, HISTORY_HEALTH, "%s%s",
			  up ? "up" : "down: ", up ? "" : status->error);
	availability_health(backend, up);
	if (up)
		backend->record |= POISE_RECORD_UP;
	else
		backend->record &= ~POISE_RECORD_UP;
	backend_write_record(balancer, backend);
	backend_refresh(balancer, backend);
}

static void on_warning(void *context, const struct health_status *status, bool ran)
{
	const struct backend *backend = context;

	log_event(LOG_LEVEL_WARNING,
		  &(struct log_fields){ .service = backend->service->config.name,
					.backend = backend->name },
		  ran ? "health check passed, but: %s" : "health %s",
		  ran ? status->warning : status->error);
}

static void note_nexthop(struct backend *backend, const struct nexthop *hop)
{
	if (backend->hop_ready)
		availability_note(backend, HISTORY_NEXT_HOP, "found, on %s", hop->interface);
	else
		availability_note(backend, HISTORY_NEXT_HOP, "none: %s",
				  backend_way_problem(backend));
}

static void on_nexthop(void *context, const struct nexthop *hop)
{
	struct backend *backend = context;
	const char *name = backend->service->config.name;
	bool was_ready = backend->hop_ready, was_asked = backend->hop_asked;

	if (hop->state == NEXTHOP_RESOLVING)
		return;
	backend->hop_asked = true;
	backend->hop_ready = !backend_way_problem(backend);
	if (backend->hop_ready)
		log_event(LOG_LEVEL_INFO,
			  &(struct log_fields){ .service = name, .backend = backend->name },
			  "next hop %02x:%02x:%02x:%02x:%02x:%02x on %s, MTU %u",
			  hop->destination_mac[0], hop->destination_mac[1], hop->destination_mac[2],
			  hop->destination_mac[3], hop->destination_mac[4], hop->destination_mac[5],
			  hop->interface, hop->mtu);
	else if (was_ready || !backend->exposed)
		log_event(LOG_LEVEL_WARNING,
			  &(struct log_fields){ .service = name, .backend = backend->name },
			  "no way to it, down: %s", backend_way_problem(backend));
	if (backend->hop_ready != was_ready || !was_asked)
		note_nexthop(backend, hop);
	backend_refresh(backend->service->balancer, backend);
}

void backend_recheck_way(struct balancer *balancer, struct backend *backend)
{
	if (backend->watch && nexthop_get(backend->watch)->state != NEXTHOP_RESOLVING)
		backend->hop_ready = !backend_way_problem(backend);
	backend_refresh(balancer, backend);
}

/* The first IPv6 tunnel of a service with second chance takes room of the others. */
static void refresh_room(struct balancer *balancer, struct service *service)
{
	for (struct backend *b = service->backends; b; b = b->next)
		backend_refresh(balancer, b);
}

static void link_backend(struct balancer *balancer, struct backend *backend)
{
	bool tunnels6 = backend->service->tunnels6;

	service_link_backend(backend->service, backend);
	balancer->by_index[backend->index] = backend;
	if (backend->service->tunnels6 != tunnels6 && backend->service->config.second_chance)
		refresh_room(balancer, backend->service);
}

struct backend *backend_new(struct service *service, struct balancer *balancer,
			    const struct backend_spec *spec)
{
	struct backend *backend = calloc(1, sizeof(*backend));
	uint16_t index = balancer_take_index(balancer);

	if (!backend || !index) {
		free(backend);
		return NULL;
	}
	backend->service = service;
	backend->index = index;
	snprintf(backend->name, sizeof(backend->name), "%s", spec->name);
	backend->address = spec->address;
	backend->weight = spec->weight;
	backend->declared_weight = spec->declared_weight;
	backend->declared_drain = spec->declared_drain;
	backend->record = spec->record;
	backend->encapsulation = spec->encapsulation;
	backend->state = POISE_RECORD_ACTIVE;
	link_backend(balancer, backend);
	if (backend_start(balancer, backend)) {
		backend_free(balancer, backend);
		return NULL;
	}
	maps_backend_init(balancer->maps, index, &backend->entry);
	__atomic_store_n(&maps_load(balancer->maps, index)->active, 0, __ATOMIC_RELAXED);
	backend_set_server_id(balancer, backend, spec->server_id, spec->server_id_length);
	backend_write_record(balancer, backend);
	backend_refresh(balancer, backend);
	return backend;
}

struct backend *backend_adopt(struct service *service, struct balancer *balancer, uint16_t index,
			      const struct poise_backend_record *record)
{
	struct backend *backend = calloc(1, sizeof(*backend));

	if (!backend)
		return NULL;
	backend->service = service;
	backend->index = index;
	memcpy(backend->name, record->name, sizeof(backend->name));
	backend->address.family = record->family;
	memcpy(backend->address.bytes, record->address, sizeof(backend->address.bytes));
	backend->weight = record->weight;
	backend->declared_weight = -1;
	backend->record = record->flags & ~POISE_RECORD_HELD;
	backend->state = record->state;
	backend->encapsulation = record->encapsulation;
	backend->server_id_length = record->server_id_length;
	memcpy(backend->server_id, record->server_id, sizeof(backend->server_id));
	backend->entry = *maps_backend(balancer->maps, index);
	backend->flags = backend->entry.flags;
	backend->entry.flags = backend->entry.current = 0;
	backend->hop_ready = backend->hop_asked = backend->entry.ifindex != 0;
	backend->exposed = service->filled;
	backend->left_ms = balancer_now_ms();
	availability_restore(backend, record);
	backend_agent_restore(backend, record);
	availability_note(backend, HISTORY_LIFE, "taken up from an earlier poised, %s",
			  backend->record & POISE_RECORD_UP ? "up" : "not up");
	link_backend(balancer, backend);
	return backend;
}

static struct poise_quic_server quic_server(const struct backend *backend)
{
	struct poise_quic_server server = { .service = backend->service->index,
					    .length = backend->server_id_length };

	memcpy(server.id, backend->server_id, sizeof(server.id));
	return server;
}

/* Another backend may have taken the id over meanwhile. */
static void drop_server_id(struct balancer *balancer, const struct backend *backend)
{
	struct poise_quic_server server = quic_server(backend);

	if (backend->server_id_length && maps_quic_get(balancer->maps, &server) == backend->index)
		maps_quic_delete(balancer->maps, &server);
}

void backend_set_server_id(struct balancer *balancer, struct backend *backend, const uint8_t *id,
			   uint8_t length)
{
	struct poise_quic_server server;
	int err = 0;

	if (length != backend->server_id_length ||
	    (length && memcmp(id, backend->server_id, length) != 0))
		drop_server_id(balancer, backend);
	memset(backend->server_id, 0, sizeof(backend->server_id));
	if (length)
		memcpy(backend->server_id, id, length);
	backend->server_id_length = length;
	server = quic_server(backend);
	if (length && maps_quic_get(balancer->maps, &server) != backend->index)
		err = maps_quic_set(balancer->maps, &server, backend->index);
	if (err)
		log_event(LOG_LEVEL_ERROR,
			  &(struct log_fields){ .service = backend->service->config.name,
						.backend = backend->name },
			  "its server id is not in effect: %s", strerror(-err));
}

/* The data plane has no way to it, but will: what is sent through the tunnel now would be lost. */
static bool way_is_awaited(const struct backend *backend)
{
	return !backend->entry.ifindex && (backend->hop_ready || !backend->hop_asked);
}

/* For a probe that starts. */
static void find_way(void *context, struct check_way *out)
{
	const struct backend *backend = context;
	struct nexthop hop;

	*out = (struct check_way){ 0 };
	if (!backend->service->probes || !backend->watch)
		return;
	if (way_is_awaited(backend)) {
		snprintf(out->problem, sizeof(out->problem), "its next hop is not known so far");
		return;
	}
	hop = *nexthop_get(backend->watch);
	hop.mtu = way_mtu(backend);
	probe_route_find(backend->service->probes, &hop, backend->encapsulation,
			 backend->address.family, out);
}

/* What the service's check goes to: the backend itself, or the service's address through its
 * tunnel. 0 or -ENOMEM. */
static int describe_target(struct balancer *balancer, struct backend *backend,
			   struct check_target *target)
{
	struct service *service = backend->service;

	*target = (struct check_target){ .address = backend->address,
					 .service = service->config.name,
					 .backend = backend->name,
					 .backend_address = backend->address };
	if (service->config.check.via != CHECK_TUNNEL) {
		probe_route_free(service->probes);
		service->probes = NULL;
		return 0;
	}
	target->address = service->config.address;
	target->mark = service->config.check.mark | backend->index;
	target->find_way = find_way;
	target->way_context = backend;
	if (!service->probes)
		service->probes = probe_route_new(balancer->probes, &service->config.address);
	return service->probes ? 0 : -ENOMEM;
}

int backend_start(struct balancer *balancer, struct backend *backend)
{
	enum health_state initial = HEALTH_UNKNOWN;
	struct check_target target;

	if (describe_target(balancer, backend, &target))
		return -ENOMEM;
	if (backend->health)
		initial = health_get(backend->health)->state;
	else if (balancer->adopting && backend->exposed)
		initial = backend->record & POISE_RECORD_UP ? HEALTH_UP : HEALTH_DOWN;
	health_free(backend->health);
	backend->health = health_new(balancer->healths, &target, &backend->service->config.check,
				     initial, on_health, backend);
	if (backend->health)
		health_set_warned(backend->health, on_warning);
	if (!backend->watch)
		backend->watch = nexthop_watch_new(balancer->nexthops, &backend->address,
						   on_nexthop, backend);
	if (!backend->agent.check && backend_agent_start(balancer, backend))
		return -ENOMEM;
	return backend->health && backend->watch ? 0 : -ENOMEM;
}

static void backend_stop(struct backend *backend)
{
	health_free(backend->health);
	backend_agent_stop(backend);
	nexthop_watch_free(backend->watch);
	backend->health = NULL;
	backend->watch = NULL;
	backend->hop_ready = backend->hop_asked = false;
}

/* What commands set goes with it: should it be declared or added again, nothing of that counts. */
static void drop_changes(struct backend *backend)
{
	backend->record &= ~(POISE_RECORD_RUNTIME | POISE_RECORD_WEIGHT | POISE_RECORD_DRAIN |
			     POISE_RECORD_UNDRAIN);
	if (backend->declared_weight >= 0)
		backend->weight = (uint16_t)backend->declared_weight;
}

void backend_leave(struct balancer *balancer, struct backend *backend)
{
	drop_changes(backend);
	backend->state = POISE_RECORD_REMOVING;
	backend->left_ms = balancer_now_ms();
	backend->valid_at_round = balancer->sweep_round + 2;
	backend_write_record(balancer, backend);
	backend_refresh(balancer, backend);
}

void backend_cut(struct balancer *balancer, struct backend *backend)
{
	struct service *service = backend->service;

	backend->state = POISE_RECORD_REMOVED;
	backend_refresh(balancer, backend);
	service_touch(service);
	service->urgent = true;
	balancer_commit(balancer);
	ring_forget(&service->ring, backend->index);
	service_settle(service);
	service_count_slots(service);
	backend_close(balancer, backend);
	maps_synchronize(balancer->maps);
	backend_retire(balancer, backend);
}

void backend_close(struct balancer *balancer, struct backend *backend)
{
	backend->state = POISE_RECORD_REMOVED;
	backend_stop(backend);
	maps_backend_set_flags(balancer->maps, backend->index, 0);
	backend->flags = 0;
}

void backend_retire(struct balancer *balancer, struct backend *backend)
{
	if (backend->record & POISE_RECORD_OUT)
		backend_write_record(balancer, backend);
	else
		backend_free(balancer, backend);
}

void backend_free(struct balancer *balancer, struct backend *backend)
{
	static const struct poise_backend_record empty;
	static const struct poise_backend nowhere;

	service_unlink_backend(backend->service, backend);
	drop_server_id(balancer, backend);
	maps_backend_init(balancer->maps, backend->index, &nowhere);
	FAULT_POINT("backend-entry-emptied");
	maps_backend_record_write(balancer->maps, backend->index, &empty);
	balancer->by_index[backend->index] = NULL;
	/* the round under way may have passed some of the exceptions that name it */
	balancer->swept_at[backend->index] = balancer->sweep_round + 2;
	backend_stop(backend);
	history_free(&backend->history);
	free(backend);
}

uint32_t backend_active(const struct balancer *balancer, const struct backend *backend)
{
	return __atomic_load_n(&maps_load(balancer->maps, backend->index)->active,
			       __ATOMIC_RELAXED);
}

/* No packet tells when the last connection ended that only a chain leads to it: they have as long
 * as idle ones of other moving slots. */
static bool is_named_for_now(const struct balancer *balancer, const struct backend *backend)
{
	return backend->ring.named &&
	       balancer_now_ms() - backend->left_ms < (int64_t)balancer->config->settle_ms;
}

bool backend_gone(const struct balancer *balancer, const struct backend *backend)
{
	bool leaves = backend->state == POISE_RECORD_REMOVING || backend_drains(backend);

	return leaves && backend->ring.owned == 0 && backend->ring.leaving == 0 &&
	       backend->exceptions == 0 && backend_active(balancer, backend) == 0 &&
	       balancer->sweep_round >= backend->valid_at_round &&
	       !is_named_for_now(balancer, backend);
}
