/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "request.h"

#include <string.h>

#include "balancer.h"
#include "config_values.h"
#include "control.h"
#include "daemon.h"
#include "nearest.h"
#include "service_text.h"

bool request_text(const struct request *request, const char *key, const char **out)
{
	const json_t *value = json_object_get(request->arguments, key);

	*out = json_string_value(value);
	if (!*out)
		control_refuse(request->error, "%s: %s, allowed is a string", key,
			       value ? "found another type" : "missing");
	return *out != NULL;
}

bool request_weight(const struct request *request, json_int_t standard, uint16_t *out)
{
	const json_t *value = json_object_get(request->arguments, "weight");
	json_int_t weight = value ? json_integer_value(value) : standard;

	if ((value && !json_is_integer(value)) || weight < 0 || weight > POISE_MAX_WEIGHT) {
		if (value && json_is_integer(value))
			control_refuse(request->error,
				       "weight: found %" JSON_INTEGER_FORMAT
				       ", allowed is an integer from 0 to %d",
				       weight, POISE_MAX_WEIGHT);
		else
			control_refuse(request->error,
				       "weight: %s, allowed is an integer from 0 to %d",
				       value ? "found another type" : "missing", POISE_MAX_WEIGHT);
		return false;
	}
	*out = weight;
	return true;
}

bool request_flag(const struct request *request, const char *key, bool *out)
{
	const json_t *value = json_object_get(request->arguments, key);

	*out = json_is_true(value);
	if (!value || json_is_boolean(value))
		return true;
	control_refuse(request->error, "%s: found another type, allowed is true or false", key);
	return false;
}

/* Texts that may be missing: *out is NULL then. */
bool request_optional_text(const struct request *request, const char *key, const char **out)
{
	*out = NULL;
	return !json_object_get(request->arguments, key) || request_text(request, key, out);
}

bool request_encapsulation(const struct request *request, const struct service *service,
			   uint8_t *out)
{
	const char *text;

	if (!request_optional_text(request, "encapsulation", &text))
		return false;
	*out = service->config.encapsulation;
	if (!text || encapsulation_parse(text, out) == 0)
		return true;
	control_refuse(request->error,
		       "encapsulation: found '%.64s', allowed are ipip, gue, gre, l2", text);
	return false;
}

static bool get_server_id(const struct request *request, struct config_backend *out)
{
	const char *text;

	if (!request_optional_text(request, "server_id", &text))
		return false;
	if (!text || config_parse_server_id(text, out->server_id, &out->server_id_length) == 0)
		return true;
	control_refuse(request->error,
		       "server_id: found '%.64s', allowed are 2 to 30 hexadecimal digits", text);
	return false;
}

static bool get_name(const struct request *request, char out[POISE_NAME_BYTES])
{
	const char *name;

	if (!request_text(request, "name", &name))
		return false;
	if (config_check_name(name)) {
		control_refuse(request->error,
			       "name: found '%.64s', allowed are 1 to 63 letters, digits, '.', "
			       "'_', '-', the first one a letter or digit",
			       name);
		return false;
	}
	memcpy(out, name, strlen(name) + 1);
	return true;
}

bool request_address(const struct request *request, struct address *out)
{
	const char *text;

	if (!request_text(request, "address", &text))
		return false;
	if (address_parse(text, out) == 0)
		return true;
	control_refuse(request->error, "address: found '%.64s', allowed is an IPv4 or IPv6 address",
		       text);
	return false;
}

bool request_wanted(const struct request *request, const struct service *service,
		    struct config_backend *out)
{
	*out = (struct config_backend){};
	return get_name(request, out->name) && request_address(request, &out->address) &&
	       request_weight(request, 100, &out->weight) &&
	       request_encapsulation(request, service, &out->encapsulation) &&
	       get_server_id(request, out);
}

enum { MOST_LIKENED = 4096 }; /* names: what a refusal may cost */

static void refuse_service(const struct request *request, const char *name)
{
	const struct balancer *balancer = request->daemon->balancer;
	struct nearest nearest;

	nearest_begin(&nearest, name, strlen(name));
	for (size_t i = 0; i < balancer->service_count && i < MOST_LIKENED; i++)
		nearest_offer(&nearest, balancer->services[i]->config.name);
	if (nearest.name)
		control_refuse(request->error, "there is no service '%.64s': did you mean '%s'?",
			       name, nearest.name);
	else
		control_refuse(request->error, "there is no service '%.64s'", name);
}

static void refuse_backend(const struct request *request, const struct service *service,
			   const char *name)
{
	const struct backend *b = service->backends;
	struct nearest nearest;

	nearest_begin(&nearest, name, strlen(name));
	for (int i = 0; b && i < MOST_LIKENED; i++, b = b->next)
		nearest_offer(&nearest, b->name);
	if (nearest.name)
		control_refuse(request->error,
			       "service '%s' has no backend '%.64s': did you mean '%s'?",
			       service->config.name, name, nearest.name);
	else
		control_refuse(request->error, "service '%s' has no backend '%.64s'",
			       service->config.name, name);
}

bool request_service(const struct request *request, struct service **out)
{
	const char *name;

	if (!request_text(request, "service", &name))
		return false;
	*out = balancer_find(request->daemon->balancer, name);
	if (!*out)
		refuse_service(request, name);
	return *out != NULL;
}

bool request_backend(const struct request *request, struct backend **out)
{
	struct service *service;
	const char *name;

	if (!request_service(request, &service) || !request_text(request, "name", &name))
		return false;
	*out = service_find(service, name);
	if (!*out)
		refuse_backend(request, service, name);
	return *out != NULL;
}

bool request_knows(const struct request *request, const char *const *known)
{
	const char *key;
	json_t *value;

	json_object_foreach (request->arguments, key, value) {
		int i = 0;

		while (known[i] && strcmp(known[i], key) != 0)
			i++;
		if (known[i])
			continue;
		control_refuse(request->error, "unknown argument '%.64s'", key);
		return false;
	}
	return true;
}
