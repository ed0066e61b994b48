/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that are about backends. */
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "listing.h"
#include "report.h"
#include "report_backend.h"
#include "request.h"
#include "runtime.h"

static json_t *answer_backend(const struct request *request, struct backend *backend)
{
	return json_pack("{s:o}", "backend", report_backend(request->daemon->balancer, backend));
}

json_t *command_backend_show(const struct request *request)
{
	struct backend *backend;

	if (!request_backend(request, &backend))
		return NULL;
	return report_backend_show(request->daemon->balancer, backend);
}

json_t *command_backend_list(const struct request *request)
{
	struct service *service = NULL;

	if (json_object_get(request->arguments, "service") && !request_service(request, &service))
		return NULL;
	return listing_follow(request, json_object(), LISTING_BACKENDS, service);
}

/* What --if-missing asks for: is the backend there, as it is wanted? */
static bool is_there(const struct service *service, const struct config_backend *wanted)
{
	const struct backend *backend = service_find(service, wanted->name);

	return backend && backend->state == POISE_RECORD_ACTIVE &&
	       address_equal(&backend->address, &wanted->address);
}

json_t *command_backend_add(const struct request *request)
{
	struct service *service;
	struct backend *backend;
	struct config_backend wanted;
	char why[RUNTIME_ERROR_BYTES];
	bool if_missing, unchanged;
	json_t *answer;

	if (!request_service(request, &service) ||
	    !request_flag(request, "if_missing", &if_missing) ||
	    !request_wanted(request, service, &wanted))
		return NULL;
	unchanged = if_missing && is_there(service, &wanted);
	if (unchanged)
		backend = service_find(service, wanted.name);
	else if (runtime_add(request->daemon->balancer, service, &wanted, &backend, why))
		return control_refuse(request->error, "%s", why);
	answer = answer_backend(request, backend);
	json_object_set_new(answer, "unchanged", json_boolean(unchanged));
	return answer;
}

json_t *command_backend_remove(const struct request *request)
{
	struct balancer *balancer = request->daemon->balancer;
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];
	bool now, gone;
	json_t *last;

	if (!request_backend(request, &backend) || !request_flag(request, "now", &now))
		return NULL;
	last = report_removed(balancer, backend);
	if (runtime_remove(balancer, backend, now, &gone, why)) {
		json_decref(last);
		return control_refuse(request->error, "%s", why);
	}
	if (!gone) {
		json_decref(last);
		return answer_backend(request, backend);
	}
	return json_pack("{s:o}", "backend", last);
}

static json_t *drain(const struct request *request, bool on)
{
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];

	if (!request_backend(request, &backend))
		return NULL;
	if (runtime_drain(request->daemon->balancer, backend, on, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
}

json_t *command_backend_drain(const struct request *request)
{
	return drain(request, true);
}

json_t *command_backend_undrain(const struct request *request)
{
	return drain(request, false);
}

json_t *command_backend_weight(const struct request *request)
{
	struct backend *backend;
	char why[RUNTIME_ERROR_BYTES];
	uint16_t weight;

	if (!request_backend(request, &backend) || !request_weight(request, -1, &weight))
		return NULL;
	if (runtime_weight(request->daemon->balancer, backend, weight, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
}

/* The service's backend of that address, unless it was removed. */
static struct backend *backend_of_host(const struct service *service, const struct address *address)
{
	struct backend *backend = service_find_address(service, address);

	return backend && backend->state == POISE_RECORD_ACTIVE ? backend : NULL;
}

static json_t *report_host(struct balancer *balancer, const struct address *address)
{
	json_t *list = json_array();

	for (size_t i = 0; i < balancer->service_count; i++) {
		struct backend *backend = backend_of_host(balancer->services[i], address);

		if (backend)
			json_array_append_new(list, report_backend(balancer, backend));
	}
	return list;
}

/* Drains or undrains the backends of every service that have the address, as one change. */
static json_t *drain_host(const struct request *request, bool on)
{
	struct balancer *balancer = request->daemon->balancer;
	char why[RUNTIME_ERROR_BYTES], text[ADDRESS_TEXT_BYTES];
	struct address address;
	json_t *list;

	if (!request_address(request, &address))
		return NULL;
	balancer_hold(balancer);
	for (size_t i = 0; i < balancer->service_count; i++) {
		struct backend *backend = backend_of_host(balancer->services[i], &address);

		if (backend)
			runtime_drain(balancer, backend, on, why);
	}
	balancer_release(balancer);
	list = report_host(balancer, &address);
	if (json_array_size(list))
		return json_pack("{s:o}", "backends", list);
	json_decref(list);
	return control_refuse(request->error, "no service has a backend with address %s",
			      address_format(&address, text));
}

json_t *command_host_drain(const struct request *request)
{
	return drain_host(request, true);
}

json_t *command_host_undrain(const struct request *request)
{
	return drain_host(request, false);
}
