/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands that are about backends. */
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
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
	struct balancer *balancer = request->daemon->balancer;
	struct service *service;
	json_t *list;

	if (json_object_get(request->arguments, "service")) {
		if (!request_service(request, &service))
			return NULL;
		return json_pack("{s:o}", "backends", report_backends(balancer, service));
	}
	list = json_array();
	for (size_t i = 0; i < balancer->service_count; i++) {
		json_t *part = report_backends(balancer, balancer->services[i]);

		json_array_extend(list, part);
		json_decref(part);
	}
	return json_pack("{s:o}", "backends", list);
}

json_t *command_backend_add(const struct request *request)
{
	struct service *service;
	struct backend *backend;
	struct config_backend wanted = {};
	const char *name, *text;
	char why[RUNTIME_ERROR_BYTES];

	if (!request_service(request, &service) || !request_text(request, "name", &name) ||
	    !request_text(request, "address", &text) ||
	    !request_weight(request, 100, &wanted.weight) ||
	    !request_encapsulation(request, service, &wanted.encapsulation) ||
	    !request_server_id(request, &wanted))
		return NULL;
	if (config_check_name(name))
		return control_refuse(
			request->error,
			"name: found '%.64s', allowed are 1 to 63 letters, digits, '.', "
			"'_', '-', the first one a letter or digit",
			name);
	memcpy(wanted.name, name, strlen(name));
	if (address_parse(text, &wanted.address))
		return control_refuse(request->error,
				      "address: found '%.64s', allowed is an IPv4 or IPv6 address",
				      text);
	if (runtime_add(request->daemon->balancer, service, &wanted, &backend, why))
		return control_refuse(request->error, "%s", why);
	return answer_backend(request, backend);
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
	last = report_backend(balancer, backend);
	if (runtime_remove(balancer, backend, now, &gone, why)) {
		json_decref(last);
		return control_refuse(request->error, "%s", why);
	}
	if (!gone) {
		json_decref(last);
		return answer_backend(request, backend);
	}
	json_object_set_new(last, "state", json_string("removed"));
	json_object_set_new(last, "reason", json_string("removed by command"));
	json_object_set_new(last, "gone", json_true());
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
