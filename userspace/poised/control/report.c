/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "report.h"

#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "availability.h"
#include "balancer.h"
#include "loader.h"
#include "maps.h"
#include "service_text.h"

enum { REASON_BYTES = HEALTH_ERROR_BYTES + 128 };
_Static_assert(REASON_BYTES > AVAILABILITY_TEXT_BYTES + 40, "a reason holds that of damping");

static const char *state_text(const struct backend *backend)
{
	switch (backend->state) {
	case POISE_RECORD_REMOVED:
		return "removed";
	case POISE_RECORD_REMOVING:
		return "removing";
	default:
		break;
	}
	if (backend_drains(backend) || backend_agent_drains(backend))
		return "draining";
	if (!backend_known(backend))
		return "starting";
	return backend_up(backend) ? "up" : "down";
}

/* What speaks against a backend; "" when nothing does. */
static const char *cause_text(const struct backend *backend)
{
	const struct nexthop *hop = backend->watch ? nexthop_get(backend->watch) : NULL;
	const struct health_status *health = backend->health ? health_get(backend->health) : NULL;

	if (backend->state == POISE_RECORD_REMOVED)
		return "removed by command";
	/* without a next hop the check fails as well: it is the cause that helps */
	if (hop && backend->hop_asked && !backend->hop_ready)
		return backend_way_problem(backend);
	if (health && health->state == HEALTH_DOWN)
		return health->error[0] ? health->error
					: "the health check failed before a restart";
	if (hop && !backend->hop_ready)
		return nexthop_state_text(hop->state);
	if (backend->state == POISE_RECORD_REMOVING)
		return "removed, its connections go on until they end";
	if (backend_drains(backend))
		return backend->record & POISE_RECORD_DRAIN ? "drained by command"
							    : "drained by the configuration";
	if (backend_agent_down(backend))
		return "its agent says that it is down";
	if (backend_agent_drains(backend))
		return "drained by its agent";
	if (health && health->state == HEALTH_UNKNOWN)
		return "not checked so far";
	if (backend_agent_waits(backend))
		return "its agent was not asked so far";
	return "";
}

/* Why a backend gets no new connections, or gets them nevertheless. */
static const char *reason_text(const struct backend *backend, char text[REASON_BYTES])
{
	char hold[AVAILABILITY_TEXT_BYTES];
	const char *cause = cause_text(backend);

	if (!*cause && !backend_up(backend)) {
		snprintf(text, REASON_BYTES, "its check passes, but it is held down: %s",
			 availability_hold_text(backend, hold));
		return text;
	}
	if (!*cause && backend->standing.damping.held) {
		snprintf(text, REASON_BYTES, "held down, but used, for too few others are up: %s",
			 availability_hold_text(backend, hold));
		return text;
	}
	if (!*cause || !backend_eligible(backend))
		return cause;
	snprintf(text, REASON_BYTES, "%s; used nevertheless: the service is in panic", cause);
	return text;
}

static json_t *report_differs(const struct backend *backend)
{
	json_t *list = json_array();

	if (backend->record & POISE_RECORD_RUNTIME)
		json_array_append_new(list, json_string("added"));
	if (backend->record & POISE_RECORD_OUT)
		json_array_append_new(list, json_string("removed"));
	if (backend->record & POISE_RECORD_DRAIN)
		json_array_append_new(list, json_string("drained"));
	if (backend->record & POISE_RECORD_UNDRAIN)
		json_array_append_new(list, json_string("undrained"));
	if (backend->record & POISE_RECORD_WEIGHT)
		json_array_append_new(list, json_string("weight"));
	return list;
}

static json_t *report_health(const struct backend *backend)
{
	static const struct health_status none;
	const struct health_status *health = backend->health ? health_get(backend->health) : &none;
	const char *state = backend->service->config.check.type == CHECK_NONE || !backend->health
				    ? "none"
				    : health_state_text(health->state);

	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:I, s:I, s:I}", "state", state, "passed",
			 (json_int_t)health->row.passed, "failed", (json_int_t)health->row.failed,
			 "error", health->error, "warning", health->warning, "checked_at",
			 (json_int_t)health->checked_at, "changed_at",
			 (json_int_t)health->changed_at, "last_duration_ms",
			 (json_int_t)health->last_duration_ms);
}

static const char *nexthop_word(enum nexthop_state state)
{
	switch (state) {
#define WORD(name, text)                                                                           \
	case NEXTHOP_##name:                                                                       \
		return #name;
		NEXTHOP_STATES(WORD)
#undef WORD
	}
	return "";
}

/* NO_ROUTE becomes no_route. */
static const char *lower(const char *word, char *out, size_t size)
{
	size_t i = 0;

	for (; word[i] && i + 1 < size; i++)
		out[i] = word[i] >= 'A' && word[i] <= 'Z' ? word[i] | 0x20 : word[i];
	out[i] = 0;
	return out;
}

/* Ids of the tags, the outer one first. */
static json_t *report_vlan(const struct nexthop *hop)
{
	json_t *ids = json_array();

	for (int i = 0; i < 2; i++)
		if (hop->state == NEXTHOP_READY && hop->vlan[i])
			json_array_append_new(ids, json_integer(hop->vlan[i] & POISE_VLAN_ID));
	return ids;
}

static json_t *report_nexthop(const struct backend *backend)
{
	static const struct nexthop none = { .state = NEXTHOP_RESOLVING };
	const struct nexthop *hop = backend->watch ? nexthop_get(backend->watch) : &none;
	char gateway[ADDRESS_TEXT_BYTES] = "", mac[18] = "", state[32];
	bool ready = hop->state == NEXTHOP_READY;

	if (ready) {
		address_format(&hop->gateway, gateway);
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", hop->destination_mac[0],
			 hop->destination_mac[1], hop->destination_mac[2], hop->destination_mac[3],
			 hop->destination_mac[4], hop->destination_mac[5]);
	}
	return json_pack("{s:s, s:s, s:s, s:o, s:s, s:s, s:i}", "state",
			 lower(nexthop_word(hop->state), state, sizeof(state)), "text",
			 nexthop_state_text(hop->state), "interface", ready ? hop->interface : "",
			 "vlan", report_vlan(hop), "gateway", gateway, "mac", mac, "mtu",
			 ready ? hop->mtu : 0);
}

static json_t *report_agent(const struct backend *backend)
{
	const struct backend_agent *agent = &backend->agent;

	if (!agent->check)
		return json_null();
	return json_pack("{s:b, s:s, s:s, s:i, s:s, s:s, s:I}", "heard", agent->heard, "health",
			 agent_health_text(agent->state.health), "admin",
			 agent_admin_text(agent->state.admin), "percent", agent->state.percent,
			 "reason", agent->reason, "error", agent->error, "answered_at",
			 (json_int_t)agent->answered_at);
}

/* How it is reached, and what only some services have. */
static void add_kind(struct balancer *balancer, const struct backend *backend, json_t *out)
{
	char id[SERVER_ID_TEXT_BYTES];
	bool records = backend->service->flags & POISE_SERVICE_RECORD;

	json_object_set_new(out, "encapsulation",
			    json_string(encapsulation_text(backend->encapsulation)));
	json_object_set_new(
		out, "server_id",
		json_string(server_id_format(backend->server_id, backend->server_id_length, id)));
	json_object_set_new(out, "agent", report_agent(backend));
	json_object_set_new(out, "active",
			    records ? json_integer(backend_active(balancer, backend))
				    : json_null());
}

static void add_availability(const struct backend *backend, json_t *out)
{
	json_object_set_new(out, "effective_weight",
			    json_integer(backend_effective_weight(backend)));
	json_object_set_new(out, "up", json_boolean(backend_up(backend)));
	json_object_set_new(out, "eligible", json_boolean(backend_eligible(backend)));
	json_object_set_new(out, "held_until_at", json_integer(availability_held_until(backend)));
}

json_t *report_backend(struct balancer *balancer, const struct backend *backend)
{
	const struct service *service = backend->service;
	struct poise_backend_count count;
	char address[ADDRESS_TEXT_BYTES], reason[REASON_BYTES];
	json_t *out;

	maps_backend_count(balancer->maps, backend->index, &count);
	out = json_pack(
		"{s:s, s:s, s:s, s:i, s:o, s:s, s:s, s:o, s:o, s:o, s:i, s:f, s:i, s:i, s:i, s:b, "
		"s:I, s:I, s:I}",
		"service", service->config.name, "name", backend->name, "address",
		address_format(&backend->address, address), "weight", backend->weight,
		"declared_weight",
		backend->declared_weight < 0 ? json_null() : json_integer(backend->declared_weight),
		"state", state_text(backend), "reason", reason_text(backend, reason), "differs",
		report_differs(backend), "health", report_health(backend), "next_hop",
		report_nexthop(backend), "slots", backend->ring.owned, "share",
		(double)backend->ring.owned / service->ring.size, "leaving_slots",
		backend->ring.leaving, "named_slots", backend->ring.named, "exceptions",
		backend->exceptions, "gone", backend_gone(balancer, backend), "packets",
		(json_int_t)count.packets, "bytes", (json_int_t)count.bytes, "connections",
		(json_int_t)count.connections);
	add_availability(backend, out);
	add_kind(balancer, backend, out);
	return out;
}

static json_t *report_quic(const struct config_quic *quic)
{
	if (!quic->server_id_length)
		return json_null();
	return json_pack("{s:i, s:i}", "config_id", quic->config_id, "server_id_length",
			 quic->server_id_length);
}

static json_t *report_agent_config(const struct config_agent *agent)
{
	if (!agent->port)
		return json_null();
	return json_pack("{s:i, s:i, s:i}", "port", agent->port, "interval_ms", agent->interval_ms,
			 "timeout_ms", agent->timeout_ms);
}

/* How a backend is chosen, and how packets reach it. */
static void add_choice(const struct config_service *config, json_t *out)
{
	bool records = service_describe(config).flags & POISE_SERVICE_RECORD;
	char affinity[AFFINITY_TEXT_BYTES];

	json_object_set_new(out, "scheduler", json_string(scheduler_text(config->scheduler)));
	json_object_set_new(
		out, "affinity",
		json_string(affinity_format(config->affinity, config->address.family, affinity)));
	json_object_set_new(out, "udp",
			    config->protocol != IPPROTO_UDP ? json_null()
			    : config->udp == UDP_STICKY	    ? json_string("sticky")
							    : json_string("stateless"));
	json_object_set_new(out, "idle_ms", records ? json_integer(config->idle_ms) : json_null());
	json_object_set_new(out, "agent", report_agent_config(&config->agent));
	json_object_set_new(out, "second_chance", json_boolean(config->second_chance));
	json_object_set_new(out, "exceptions", json_boolean(config->exceptions));
	json_object_set_new(out, "quic", report_quic(&config->quic));
	json_object_set_new(out, "encapsulation",
			    json_string(encapsulation_text(config->encapsulation)));
}

static void add_panic(const struct service *service, json_t *out)
{
	json_object_set_new(out, "panic", json_boolean(service->verdict.panic));
	json_object_set_new(out, "panic_threshold", json_integer(service->config.panic_threshold));
	json_object_set_new(out, "slow_start_ms", json_integer(service->config.slow_start_ms));
	json_object_set_new(out, "damping", json_boolean(service->config.damping));
}

static void add_waiting(const struct service *service, json_t *out)
{
	int64_t left = service->waiting.slots ? service->waiting.last_ms - balancer_now_ms() : 0;

	json_object_set_new(out, "waiting_slots", json_integer(service->waiting.slots));
	json_object_set_new(out, "waiting_ms", json_integer(left > 0 ? left : 0));
}

static void count_up(const struct service *service, int *up, int *total)
{
	*up = *total = 0;
	for (const struct backend *b = service->backends; b; b = b->next) {
		if (b->state != POISE_RECORD_ACTIVE)
			continue;
		++*total;
		*up += backend_up(b);
	}
}

json_t *report_service(struct balancer *balancer, const struct service *service)
{
	const struct config_service *config = &service->config;
	struct prefix prefix = { config->address, config->prefix_length };
	char address[ADDRESS_TEXT_BYTES], ports[PORTS_TEXT_BYTES];
	struct poise_service_count count;
	int up, total;
	json_t *out;

	count_up(service, &up, &total);
	maps_service_count(balancer->maps, service->index, &count);
	out = json_pack(
		"{s:s, s:s, s:i, s:i, s:s, s:s, s:i, s:s, s:i, s:i, s:i, s:i, s:I, s:I, s:o}",
		"name", config->name, "address", prefix_format(&prefix, address), "port",
		config->port, "last_port", config->last_port, "ports",
		ports_format(config->port, config->last_port, ports), "protocol",
		config->protocol == IPPROTO_UDP ? "udp" : "tcp", "ring_size", service->ring.size,
		"on_down", config->on_down == ON_DOWN_KEEP ? "keep" : "rehash", "moving_slots",
		service->moving.recorded, "named_slots", service->moving.named, "backends_up", up,
		"backends_total", total, "packets", (json_int_t)count.packets, "bytes",
		(json_int_t)count.bytes, "check", report_check(config));
	add_waiting(service, out);
	add_choice(config, out);
	add_panic(service, out);
	return out;
}

json_t *report_flows(struct balancer *balancer)
{
	uint32_t buckets;

	maps_flows(balancer->maps, &buckets);
	return json_pack("{s:I, s:I}", "entries", (json_int_t)buckets * POISE_EXCEPTION_WAYS,
			 "used", (json_int_t)balancer->flows_used);
}

json_t *report_interfaces(const struct loader *loader)
{
	json_t *list = json_array();

	for (size_t i = 0; i < loader_attachment_count(loader); i++) {
		const struct attachment *attachment = loader_attachment(loader, i);

		json_array_append_new(
			list, json_pack("{s:s, s:s?, s:b, s:s, s:s, s:b, s:s?}", "name",
					attachment->interface, "renamed",
					attachment->name_now[0] ? attachment->name_now : NULL,
					"configured", !attachment->unnamed, "mode",
					attachment->native ? "native" : "generic", "chain",
					attachment->dispatcher ? "dispatcher" : "single",
					"attached", loader_is_attached(loader, i), "problem",
					attachment->problem[0] ? attachment->problem : NULL));
	}
	return list;
}

static const char *verdict_text(enum xdp_action verdict)
{
	return verdict == XDP_PASS ? "pass" : verdict == XDP_TX ? "tx" : "drop";
}

static json_t *report_reasons(struct balancer *balancer)
{
	static const struct {
		const char *name, *meaning;
		enum xdp_action verdict;
	} reasons[] = {
#define REASON(name, verdict, text) { #name, text, verdict },
		POISE_REASONS(REASON)
#undef REASON
	};
	json_t *list = json_array();
	char name[32];

	/* the first one, SENT, is no reason: it is counted by backend */
	for (int i = POISE_REASON_SENT + 1; i < POISE_REASON_COUNT; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:s, s:I, s:s}", "name",
					lower(reasons[i].name, name, sizeof(name)), "verdict",
					verdict_text(reasons[i].verdict), "packets",
					(json_int_t)maps_reason_count(balancer->maps, i), "meaning",
					reasons[i].meaning));
	return list;
}

static json_t *report_events(struct balancer *balancer)
{
	static const struct {
		const char *name, *meaning;
	} events[] = {
#define EVENT(name, text) { #name, text },
		POISE_EVENTS(EVENT)
#undef EVENT
	};
	json_t *list = json_array();
	char name[40];

	for (int i = 0; i < POISE_EVENT_COUNT; i++)
		json_array_append_new(list,
				      json_pack("{s:s, s:I, s:s}", "name",
						lower(events[i].name, name, sizeof(name)), "count",
						(json_int_t)maps_event_count(balancer->maps, i),
						"meaning", events[i].meaning));
	return list;
}

json_t *report_service_count(struct balancer *balancer, const struct service *service)
{
	struct poise_service_count count;
	int up, total;

	count_up(service, &up, &total);
	maps_service_count(balancer->maps, service->index, &count);
	return json_pack("{s:s, s:I, s:I, s:i, s:i, s:b}", "name", service->config.name, "packets",
			 (json_int_t)count.packets, "bytes", (json_int_t)count.bytes, "backends_up",
			 up, "backends_total", total, "panic", service->verdict.panic);
}

json_t *report_backend_count(struct balancer *balancer, const struct backend *backend)
{
	struct poise_backend_count count;

	maps_backend_count(balancer->maps, backend->index, &count);
	return json_pack("{s:s, s:s, s:I, s:I, s:I, s:b}", "service", backend->service->config.name,
			 "name", backend->name, "packets", (json_int_t)count.packets, "bytes",
			 (json_int_t)count.bytes, "connections", (json_int_t)count.connections,
			 "eligible", backend_eligible(backend));
}

json_t *report_stats(struct balancer *balancer)
{
	return json_pack("{s:o, s:o, s:o}", "reasons", report_reasons(balancer), "events",
			 report_events(balancer), "flows", report_flows(balancer));
}
