// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Services and their backends: their keys, what stands when they are absent, and which of them go
 * together. What must hold between services is in config_relations.c and config_endpoints.c.
 */
#include "config_service.h"

#include <netinet/in.h>
#include <string.h>

#include "config_agent.h"
#include "config_check.h"
#include "config_keys.h"
#include "config_values.h"
#include "yaml_tree.h"

enum {
	DEFAULT_RING = 65537,
	DEFAULT_WEIGHT = 100,
	DEFAULT_IDLE_TCP_MS = 15 * 60 * 1000,
	DEFAULT_IDLE_UDP_MS = 2 * 60 * 1000,
	MIN_IDLE_MS = 1000,
	MAX_IDLE_MS = 12 * 3600 * 1000,
	MAX_QUIC_CONFIG = 6,
	MIN_SLOW_START_MS = 1000,
	MAX_SLOW_START_MS = 3600 * 1000,
};

static const struct config_range weight_range = { .min = 0, .max = POISE_MAX_WEIGHT };
static const struct config_range ring_range = { .min = POISE_MIN_RING,
						.max = POISE_MAX_RING,
						.kind = NUMBER_PRIME };
static const struct config_range idle_range = { .min = MIN_IDLE_MS, .max = MAX_IDLE_MS };
static const struct config_range slow_start_range = { .min = MIN_SLOW_START_MS,
						      .max = MAX_SLOW_START_MS };
static const struct config_range panic_range = { .min = 0, .max = 100 };
static const struct config_range quic_config_range = { .min = 0, .max = MAX_QUIC_CONFIG };
static const struct config_range server_id_range = { .min = 1, .max = POISE_QUIC_ID_BYTES };

static const struct config_choice protocols[] = {
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ 0 },
};
static const struct config_choice udp_modes[] = {
	{ "stateless", UDP_STATELESS },
	{ "sticky", UDP_STICKY },
	{ 0 },
};
static const struct config_choice schedulers[] = {
	{ "maglev", SCHEDULER_MAGLEV },
	{ "source", SCHEDULER_SOURCE },
	{ "roundrobin", SCHEDULER_ROUNDROBIN },
	{ "leastconn", SCHEDULER_LEASTCONN },
	{ 0 },
};
static const struct config_choice on_downs[] = {
	{ "rehash", ON_DOWN_REHASH },
	{ "keep", ON_DOWN_KEEP },
	{ 0 },
};

static const enum udp_mode udp_unset = (enum udp_mode)CONFIG_UNSET;

static CONFIG_READ(backends);
static CONFIG_WRITE(backends);

static const struct config_field quic_fields[] = {
	CONFIG_REQUIRED("config_id", integer, config_quic, config_id, &quic_config_range),
	CONFIG_REQUIRED("server_id_length", integer, config_quic, server_id_length,
			&server_id_range),
};
static const struct config_section quic_section = CONFIG_SECTION(quic_fields);

static const struct config_field backend_fields[] = {
	CONFIG_REQUIRED("name", name, config_backend, name, &config_name_text),
	CONFIG_REQUIRED("address", address, config_backend, address, NULL),
	CONFIG_OPTIONAL("weight", integer, config_backend, weight, &weight_range),
	CONFIG_OPTIONAL("drain", choice, config_backend, drain, config_booleans),
	CONFIG_OPTIONAL("encapsulation", choice, config_backend, encapsulation,
			config_encapsulations),
	CONFIG_WHOLE("server_id", server_id, config_backend, NULL, false),
};
static const struct config_section backend_section = CONFIG_SECTION(backend_fields);

static CONFIG_READ(quic)
{
	(void)field;
	config_section_read(report, place, &quic_section, out);
}

static CONFIG_WRITE(quic)
{
	const struct config_quic *quic = value;
	struct config_node *outer;

	if (!quic->server_id_length)
		return;
	outer = config_write_open(writer, field->key, NODE_MAPPING);
	config_section_write(writer, &quic_section, value, standard);
	config_write_close(writer, outer);
}

static const struct config_field service_fields[] = {
	CONFIG_REQUIRED("name", name, config_service, name, &config_name_text),
	CONFIG_WHOLE("address", virtual, config_service, NULL, true),
	CONFIG_WHOLE("port", ports, config_service, NULL, true),
	CONFIG_OPTIONAL("protocol", choice, config_service, protocol, protocols),
	CONFIG_OPTIONAL("udp", choice, config_service, udp, udp_modes),
	CONFIG_OPTIONAL("idle", duration, config_service, idle_ms, &idle_range),
	CONFIG_OPTIONAL("scheduler", choice, config_service, scheduler, schedulers),
	CONFIG_OPTIONAL("affinity", affinity, config_service, affinity, NULL),
	CONFIG_OPTIONAL("quic", quic, config_service, quic, NULL),
	CONFIG_OPTIONAL("encapsulation", choice, config_service, encapsulation,
			config_encapsulations),
	CONFIG_OPTIONAL("ring_size", integer, config_service, ring_size, &ring_range),
	CONFIG_OPTIONAL("on_down", choice, config_service, on_down, on_downs),
	CONFIG_OPTIONAL("check", check, config_service, check, NULL),
	CONFIG_OPTIONAL("agent", agent, config_service, agent, NULL),
	CONFIG_OPTIONAL("slow_start", duration, config_service, slow_start_ms, &slow_start_range),
	CONFIG_OPTIONAL("panic_threshold", percent, config_service, panic_threshold, &panic_range),
	CONFIG_OPTIONAL("damping", choice, config_service, damping, config_booleans),
	CONFIG_OPTIONAL("second_chance", choice, config_service, second_chance, config_booleans),
	CONFIG_OPTIONAL("exceptions", choice, config_service, exceptions, config_switches),
	CONFIG_WHOLE("backends", backends, config_service, NULL, false),
};
static const struct config_section service_section = CONFIG_SECTION(service_fields);

static bool has_key(const struct config_place *mapping, const char *key)
{
	return tree_get(mapping->node, key);
}

/* Reports a key that means nothing in a service like this, if it is there. */
static void refuse_key(struct config_report *report, const struct config_place *place,
		       const char *key, const char *why)
{
	struct config_place at = config_place_key(place, key);

	if (has_key(place, key))
		config_report_place(report, &at, "%s", why);
}

/* Does the scheduler choose anew for each connection? */
static bool chooses(const struct config_service *service)
{
	return service->scheduler == SCHEDULER_ROUNDROBIN ||
	       service->scheduler == SCHEDULER_LEASTCONN;
}

static void finish_udp(struct config_report *report, const struct config_place *place,
		       struct config_service *service)
{
	struct config_place at = config_place_key(place, "udp");

	if (service->protocol != IPPROTO_UDP) {
		refuse_key(report, place, "udp",
			   "found in a service of protocol tcp, allowed is udp only");
		refuse_key(report, place, "quic",
			   "found in a service of protocol tcp, allowed is udp only");
		service->udp = UDP_STATELESS;
	} else if (!chooses(service)) {
		if (service->udp == udp_unset)
			service->udp = UDP_STATELESS;
	} else {
		if (service->udp == UDP_STATELESS)
			config_report_value(report, &at,
					    "allowed is sticky: the scheduler records every flow");
		service->udp = UDP_STICKY;
	}
}

static void finish_idle(struct config_report *report, const struct config_place *place,
			struct config_service *service)
{
	if (!chooses(service) && service->udp != UDP_STICKY)
		refuse_key(report, place, "idle",
			   "found where no flows are recorded, allowed is with udp: sticky, "
			   "scheduler: roundrobin or leastconn only");
	if (!service->idle_ms)
		service->idle_ms = service->protocol == IPPROTO_UDP ? DEFAULT_IDLE_UDP_MS
								    : DEFAULT_IDLE_TCP_MS;
}

/* The scheduler 'source' is maglev that looks at no more than the client's address. */
static void finish_affinity(struct config_report *report, const struct config_place *place,
			    struct config_service *service)
{
	uint8_t bits = service->address.family == 4 ? 32 : 128;
	struct config_place at = config_place_key(place, "affinity");

	if (chooses(service)) {
		refuse_key(report, place, "affinity",
			   "found with a scheduler that looks at no address, allowed is with "
			   "maglev or source only");
		service->affinity = 0;
	}
	if (service->scheduler == SCHEDULER_SOURCE && !service->affinity)
		service->affinity = CONFIG_ALL_BITS;
	if (service->affinity == CONFIG_ALL_BITS)
		service->affinity = bits;
	if (service->affinity > bits)
		config_report_value(report, &at,
				    "allowed is source/1 to source/%u in a service of IPv%u", bits,
				    service->address.family);
}

/* Both are about slots that move, of connections that a SYN begins. The tunnels are looked at when
 * all of them are known: config_relations.c. */
static void finish_moves(struct config_report *report, const struct config_place *place,
			 const struct config_service *service)
{
	static const char *const keys[] = { "second_chance", "exceptions" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (service->protocol == IPPROTO_UDP)
			refuse_key(report, place, keys[i],
				   "found in a service of protocol udp, allowed is tcp only");
		else if (chooses(service))
			refuse_key(report, place, keys[i],
				   "found where every flow is recorded, allowed is with scheduler: "
				   "maglev or source only");
}

static void finish_server_id(struct config_report *report, const struct config_place *place,
			     const struct config_backend *backend, uint8_t length)
{
	struct config_place at = config_place_key(place, "server_id");

	if (place->node->kind == TREE_MAPPING && !has_key(place, "server_id"))
		config_report_place(report, place,
				    "key 'server_id' is missing, required in a service with quic");
	else if (length && backend->server_id_length && backend->server_id_length != length)
		config_report_value(report, &at,
				    "allowed are %u bytes, two hexadecimal digits each, as "
				    "quic.server_id_length says",
				    length);
}

static void finish_quic(struct config_report *report, const struct config_place *place,
			const struct config_service *service)
{
	struct config_place list = config_place_key(place, "backends"), item;
	bool quic = has_key(place, "quic");
	size_t i;

	if (service->protocol == IPPROTO_UDP && service->udp == UDP_STICKY)
		refuse_key(report, place, "quic",
			   "found where every flow is recorded, allowed is with udp: stateless, "
			   "scheduler: maglev or source only");
	for (i = 0; i < service->backend_count; i++) {
		item = config_place_item(&list, i);
		if (quic)
			finish_server_id(report, &item, &service->backends[i],
					 service->quic.server_id_length);
		else
			refuse_key(report, &item, "server_id",
				   "found in a service without quic, allowed is with quic only");
	}
}

static void read_backend(struct config_report *report, const struct config_place *place, void *out)
{
	struct config_backend *backend = out;

	backend->weight = DEFAULT_WEIGHT;
	backend->encapsulation = CONFIG_UNSET;
	config_section_read(report, place, &backend_section, backend);
}

static void read_service(struct config_report *report, const struct config_place *place, void *out)
{
	struct config_service *service = out;

	service->protocol = IPPROTO_TCP;
	service->udp = udp_unset;
	service->scheduler = SCHEDULER_MAGLEV;
	service->encapsulation = CONFIG_UNSET;
	service->ring_size = DEFAULT_RING;
	service->on_down = ON_DOWN_REHASH;
	service->damping = true;
	service->exceptions = true;
	config_section_read(report, place, &service_section, service);
	if (place->node->kind != TREE_MAPPING)
		return;
	finish_udp(report, place, service);
	finish_idle(report, place, service);
	finish_affinity(report, place, service);
	finish_quic(report, place, service);
	finish_moves(report, place, service);
	config_check_finish(report, place, service);
}

static const struct config_list service_list = { 0, POISE_MAX_SERVICES,
						 sizeof(struct config_service), "services",
						 read_service };
static const struct config_list backend_list = { 0, POISE_MAX_BACKENDS - 1,
						 sizeof(struct config_backend), "backends",
						 read_backend };

CONFIG_READ(services)
{
	struct config *config = out;

	(void)field;
	config->services = config_list_read(report, place, &service_list, &config->service_count);
}

static CONFIG_READ(backends)
{
	struct config_service *service = out;

	(void)field;
	service->backends = config_list_read(report, place, &backend_list, &service->backend_count);
}

/* What a service has whose optional keys are all absent, as far as others do not decide on it. */
static struct config_service standard_service(const struct config *config,
					      const struct config_service *service)
{
	bool udp = service->protocol == IPPROTO_UDP;
	struct config_service standard = { .protocol = IPPROTO_TCP,
					   .scheduler = SCHEDULER_MAGLEV,
					   .encapsulation = config->encapsulation,
					   .ring_size = DEFAULT_RING,
					   .on_down = ON_DOWN_REHASH,
					   .damping = true,
					   .exceptions = true,
					   .idle_ms = udp ? DEFAULT_IDLE_UDP_MS
							  : DEFAULT_IDLE_TCP_MS };

	if (udp && chooses(service))
		standard.udp = UDP_STICKY;
	if (service->scheduler == SCHEDULER_SOURCE)
		standard.affinity = service->address.family == 4 ? 32 : 128;
	return standard;
}

CONFIG_WRITE(services)
{
	const struct config *config = value;
	struct config_node *outer = config_write_open(writer, field->key, NODE_LIST), *list;
	struct config_service absent;

	(void)standard;
	for (size_t i = 0; i < config->service_count; i++) {
		writer->service = &config->services[i];
		absent = standard_service(config, writer->service);
		list = config_write_open(writer, writer->service->name, NODE_MAPPING);
		config_section_write(writer, &service_section, writer->service, &absent);
		config_write_close(writer, list);
	}
	config_write_close(writer, outer);
}

static CONFIG_WRITE(backends)
{
	const struct config_service *service = value;
	struct config_backend absent = { .weight = DEFAULT_WEIGHT,
					 .encapsulation = service->encapsulation };
	struct config_node *outer = config_write_open(writer, field->key, NODE_LIST), *list;

	(void)standard;
	for (size_t i = 0; i < service->backend_count; i++) {
		list = config_write_open(writer, service->backends[i].name, NODE_MAPPING);
		config_section_write(writer, &backend_section, &service->backends[i], &absent);
		config_write_close(writer, list);
	}
	config_write_close(writer, outer);
}

void config_service_inherit(struct config *config)
{
	size_t i, j;

	for (i = 0; i < config->service_count; i++) {
		struct config_service *service = &config->services[i];

		if (service->encapsulation == CONFIG_UNSET)
			service->encapsulation = config->encapsulation;
		if (service->check.via == CHECK_TUNNEL)
			service->check.mark = config->probe_mark;
		for (j = 0; j < service->backend_count; j++)
			if (service->backends[j].encapsulation == CONFIG_UNSET)
				service->backends[j].encapsulation = service->encapsulation;
	}
}
