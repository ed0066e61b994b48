/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "difference.h"

#include <netinet/in.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "format.h"
#include "service_text.h"
#include "text.h"
#include "view.h"

/* Where differences are added, and of what they are. */
struct place {
	json_t *list;
	const char *service, *backend; /* NULL where it is not about one */
};

/* Takes running and file, either of which may be NULL. */
static void add(const struct place *place, const char *change, const char *field, char *running,
		char *file)
{
	json_t *entry = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?}", "change", change,
				  "service", place->service, "backend", place->backend, "field",
				  field, "running", running, "file", file);

	json_array_append_new(place->list, require_memory(entry));
	free(running);
	free(file);
}

static char *copy(const char *text)
{
	return text ? require_memory(strdup(text)) : NULL;
}

static void compare_text(const struct place *place, const char *field, const char *running,
			 const char *file)
{
	if ((running || file) && (!running || !file || strcmp(running, file)))
		add(place, "changed", field, copy(running), copy(file));
}

static void compare_number(const struct place *place, const char *field, int64_t running,
			   int64_t file)
{
	if (running != file)
		add(place, "changed", field, text_format("%lld", (long long)running),
		    text_format("%lld", (long long)file));
}

static void compare_ms(const struct place *place, const char *field, int64_t running, int64_t file)
{
	char a[FORMAT_BYTES], b[FORMAT_BYTES];

	if (running != file)
		add(place, "changed", field, copy(format_ms(running, a)), copy(format_ms(file, b)));
}

static void compare_address(const struct place *place, const char *running,
			    const struct address *file)
{
	struct address address;
	char text[ADDRESS_TEXT_BYTES];

	if (address_parse(running, &address) || !address_equal(&address, file))
		add(place, "changed", "address", copy(running), copy(address_format(file, text)));
}

static char *describe_expect(const struct config_check *check)
{
	char *text = text_format("%s", "");

	for (size_t i = 0; i < check->expect_count; i++) {
		const struct status_range *range = &check->expect[i];
		char *longer = range->first == range->last
				       ? text_format("%s%s%u", text, i ? "," : "", range->first)
				       : text_format("%s%s%u-%u", text, i ? "," : "", range->first,
						     range->last);

		free(text);
		text = longer;
	}
	return text;
}

static void compare_check(const struct place *place, const struct view_check *running,
			  const struct config_check *file)
{
	const char *type = running->type ? running->type : "none";
	char *expect;

	if (strcmp(type, config_check_type_text(file->type))) {
		compare_text(place, "check", type, config_check_type_text(file->type));
		return;
	}
	if (file->type == CHECK_NONE)
		return;
	compare_number(place, "check.port", running->port, file->port);
	compare_ms(place, "check.interval", running->interval_ms, file->interval_ms);
	compare_ms(place, "check.timeout", running->timeout_ms, file->timeout_ms);
	compare_number(place, "check.rise", running->rise, file->rise);
	compare_number(place, "check.fall", running->fall, file->fall);
	if (file->type != CHECK_HTTP)
		return;
	compare_text(place, "check.path", running->path, file->path);
	compare_text(place, "check.host", running->host, file->host);
	compare_text(place, "check.body", running->body, file->body);
	expect = describe_expect(file);
	compare_text(place, "check.expect", running->expect, expect);
	free(expect);
}

static const struct config_backend *declared_backend(const struct config_service *service,
						     const char *name)
{
	for (size_t i = 0; i < service->backend_count; i++)
		if (!strcmp(service->backends[i].name, name))
			return &service->backends[i];
	return NULL;
}

static char *describe_backend(const struct config_backend *backend)
{
	char text[ADDRESS_TEXT_BYTES];

	return text_format("%s weight %u", address_format(&backend->address, text),
			   backend->weight);
}

static bool is_leaving(const struct view_backend *backend)
{
	return !strcmp(backend->state, "removing") || !strcmp(backend->state, "removed");
}

static void compare_backend(const struct place *place, const struct view_backend *running,
			    const struct config_backend *file)
{
	char id[SERVER_ID_TEXT_BYTES];

	if (!file && is_leaving(running))
		return;
	if (!file) {
		add(place, "removed", NULL,
		    text_format("%s weight %lld%s", running->address, (long long)running->weight,
				view_holds(running->differs, "added") ? ", added by command" : ""),
		    NULL);
		return;
	}
	if (is_leaving(running)) {
		char *text = describe_backend(file);

		add(place, "added", NULL,
		    copy(view_holds(running->differs, "removed") ? "removed by command"
								 : "being removed"),
		    text);
		return;
	}
	compare_address(place, running->address, &file->address);
	compare_number(place, "weight", running->weight, file->weight);
	compare_text(place, "encapsulation", running->encapsulation,
		     encapsulation_text(file->encapsulation));
	compare_text(place, "server_id", running->server_id,
		     server_id_format(file->server_id, file->server_id_length, id));
	if (!strcmp(running->state, "draining") || view_holds(running->differs, "drained"))
		add(place, "changed", "drained", copy("yes, by command"), copy("no"));
}

/* seen has a mark for each backend of the file; the others are new. */
static bool compare_backends(const struct place *place, const json_t *running,
			     const struct config_service *file)
{
	bool *seen = require_memory(calloc(file->backend_count + 1, sizeof(*seen)));
	struct view_backend backend;
	bool understood = true;

	for (size_t i = 0; i < json_array_size(running) && understood; i++) {
		const struct config_backend *declared;

		understood = view_backend(json_array_get(running, i), &backend);
		if (!understood)
			break;
		declared = declared_backend(file, backend.name);
		if (declared)
			seen[declared - file->backends] = true;
		compare_backend(&(struct place){ place->list, place->service, backend.name },
				&backend, declared);
	}
	for (size_t i = 0; i < file->backend_count && understood; i++)
		if (!seen[i])
			add(&(struct place){ place->list, place->service, file->backends[i].name },
			    "added", NULL, NULL, describe_backend(&file->backends[i]));
	free(seen);
	return understood;
}

static const char *protocol_name(const struct config_service *service)
{
	return service->protocol == IPPROTO_UDP ? "udp" : "tcp";
}

static char *describe_quic(json_int_t config_id, json_int_t length)
{
	if (!length)
		return copy("none");
	return text_format("config_id %lld, %lld bytes", (long long)config_id, (long long)length);
}

static void compare_quic(const struct place *place, const struct view_service *running,
			 const struct config_quic *file)
{
	char *a = describe_quic(running->quic_config, running->quic_length);
	char *b = describe_quic(file->config_id, file->server_id_length);

	compare_text(place, "quic", a, b);
	free(a);
	free(b);
}

/* How a backend is chosen. */
static void compare_choice(const struct place *place, const struct view_service *running,
			   const struct config_service *file)
{
	char affinity[AFFINITY_TEXT_BYTES];

	compare_text(place, "scheduler", running->scheduler, scheduler_text(file->scheduler));
	compare_text(place, "affinity", running->affinity,
		     affinity_format(file->affinity, file->address.family, affinity));
	if (running->udp)
		compare_text(place, "udp", running->udp,
			     file->udp == UDP_STICKY ? "sticky" : "stateless");
	if (running->idle_ms >= 0)
		compare_ms(place, "idle", running->idle_ms, file->idle_ms);
	compare_quic(place, running, &file->quic);
}

static bool compare_service(json_t *list, const struct view_service *running,
			    const struct config_service *file)
{
	struct place place = { list, file->name, NULL };

	struct prefix prefix = { file->address, file->prefix_length };
	char address[ADDRESS_TEXT_BYTES], ports[PORTS_TEXT_BYTES];

	compare_text(&place, "address", running->address, prefix_format(&prefix, address));
	compare_text(&place, "port", running->ports,
		     ports_format(file->port, file->last_port, ports));
	compare_text(&place, "protocol", running->protocol, protocol_name(file));
	compare_choice(&place, running, file);
	compare_number(&place, "ring_size", running->ring_size, file->ring_size);
	compare_text(&place, "on_down", running->on_down,
		     file->on_down == ON_DOWN_KEEP ? "keep" : "rehash");
	compare_check(&place, &running->check, &file->check);
	return compare_backends(&place, running->backends, file);
}

static const struct config_service *declared_service(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (!strcmp(config->services[i].name, name))
			return &config->services[i];
	return NULL;
}

static char *describe_endpoint(const char *address, const char *ports, const char *protocol)
{
	return text_format(strchr(address, ':') ? "[%s]:%s %s" : "%s:%s %s", address, ports,
			   protocol);
}

static void add_new_service(json_t *list, const struct config_service *service)
{
	struct place place = { list, service->name, NULL };
	struct prefix prefix = { service->address, service->prefix_length };
	char text[ADDRESS_TEXT_BYTES], ports[PORTS_TEXT_BYTES];

	add(&place, "added", NULL, NULL,
	    describe_endpoint(prefix_format(&prefix, text),
			      ports_format(service->port, service->last_port, ports),
			      protocol_name(service)));
	for (size_t i = 0; i < service->backend_count; i++)
		add(&(struct place){ list, service->name, service->backends[i].name }, "added",
		    NULL, NULL, describe_backend(&service->backends[i]));
}

static bool compare_services(json_t *list, const json_t *running, const struct config *config)
{
	bool *seen = require_memory(calloc(config->service_count + 1, sizeof(*seen)));
	struct view_service service;
	bool understood = true;

	for (size_t i = 0; i < json_array_size(running) && understood; i++) {
		const struct config_service *declared;

		understood = view_service(json_array_get(running, i), &service);
		if (!understood)
			break;
		declared = declared_service(config, service.name);
		if (!declared) {
			add(&(struct place){ list, service.name, NULL }, "removed", NULL,
			    describe_endpoint(service.address, service.ports, service.protocol),
			    NULL);
			continue;
		}
		seen[declared - config->services] = true;
		understood = compare_service(list, &service, declared);
	}
	for (size_t i = 0; i < config->service_count && understood; i++)
		if (!seen[i])
			add_new_service(list, &config->services[i]);
	free(seen);
	return understood;
}

static const struct config_interface *declared_interface(const struct config *config,
							 const char *name)
{
	for (size_t i = 0; i < config->interface_count; i++)
		if (!strcmp(config->interfaces[i].name, name))
			return &config->interfaces[i];
	return NULL;
}

static bool runs_on(const json_t *interfaces, const char *name)
{
	for (size_t i = 0; i < json_array_size(interfaces); i++) {
		const json_t *item = json_array_get(interfaces, i);
		const char *other = json_string_value(json_object_get(item, "name"));

		if (other && !strcmp(other, name))
			return true;
	}
	return false;
}

/* A mode of 'auto' allows whichever runs. */
static void compare_mode(const struct place *place, const char *running, enum interface_mode file)
{
	if (file != INTERFACE_AUTO)
		compare_text(place, "mode", running,
			     file == INTERFACE_NATIVE ? "native" : "generic");
}

static bool compare_interfaces(json_t *list, const json_t *running, const struct config *config)
{
	struct place place = { list, NULL, NULL };
	struct view_interface interface;

	for (size_t i = 0; i < json_array_size(running); i++) {
		const struct config_interface *declared;

		if (!view_interface(json_array_get(running, i), &interface))
			return false;
		declared = declared_interface(config, interface.name);
		if (!declared)
			add(&place, "removed", "interface", copy(interface.name), NULL);
		else
			compare_mode(&place, interface.mode, declared->mode);
	}
	for (size_t i = 0; i < config->interface_count; i++)
		if (!runs_on(running, config->interfaces[i].name))
			add(&place, "added", "interface", NULL, copy(config->interfaces[i].name));
	return true;
}

bool difference_list(json_t *status, const struct config *config, json_t **out)
{
	struct view_status view;
	json_t *list = require_memory(json_array());
	struct place place = { list, NULL, NULL };

	if (view_status(status, &view)) {
		compare_text(&place, "pin_path", view.pin_path, config->pin_path);
		compare_ms(&place, "settle", view.settle_ms, config->settle_ms);
		compare_number(&place, "flows", view.flow_entries, config->flow_entries);
		if (compare_interfaces(list, view.interfaces, config) &&
		    compare_services(list, view.services, config)) {
			*out = list;
			return true;
		}
	}
	json_decref(list);
	return false;
}
