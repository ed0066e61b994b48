/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "balancer.h"
#include "config_values.h"
#include "json_bounds.h"
#include "overlay.h"
#include "service_text.h"

/* Far more than state_format() writes: an object in an array in an object. */
static const struct json_bounds bounds = { .depth = 4, .structure = 1 << 20 };

static const char *text_of(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

static bool read_name(const json_t *entry, const char *key, char out[POISE_NAME_BYTES])
{
	const char *text = text_of(entry, key);

	if (!text || config_check_name(text))
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool read_flag(const json_t *entry, const char *key, bool *out)
{
	const json_t *value = json_object_get(entry, key);

	*out = json_is_true(value);
	return !value || json_is_boolean(value);
}

static bool read_weight(const json_t *entry, struct state_change *out)
{
	const json_t *value = json_object_get(entry, "weight");
	json_int_t weight = json_integer_value(value);

	out->has_weight = value != NULL;
	out->backend.weight = (uint16_t)weight;
	return !value || (json_is_integer(value) && weight >= 0 && weight <= POISE_MAX_WEIGHT);
}

/* What only an added backend has. */
static bool read_added(const json_t *entry, struct config_backend *out)
{
	const char *encapsulation = text_of(entry, "encapsulation");
	const char *id = text_of(entry, "server_id");

	if (!encapsulation || encapsulation_parse(encapsulation, &out->encapsulation))
		return false;
	return !id || !config_parse_server_id(id, out->server_id, &out->server_id_length);
}

static bool read_change(const json_t *entry, struct state_change *out)
{
	const char *address = text_of(entry, "address");

	out->has_drain = json_object_get(entry, "drain") != NULL;
	return read_name(entry, "service", out->service) &&
	       read_name(entry, "backend", out->backend.name) && address &&
	       !address_parse(address, &out->backend.address) && read_weight(entry, out) &&
	       read_flag(entry, "drain", &out->backend.drain) &&
	       read_flag(entry, "added", &out->added) &&
	       read_flag(entry, "removed", &out->removed) &&
	       (!out->added || (out->has_weight && read_added(entry, &out->backend)));
}

static int read_list(const json_t *list, struct state_changes *out, char error[STATE_ERROR_BYTES])
{
	size_t count = json_array_size(list);

	out->list = calloc(count + 1, sizeof(*out->list));
	if (!out->list)
		return -ENOMEM;
	out->count = count;
	for (size_t i = 0; i < count; i++) {
		if (read_change(json_array_get(list, i), &out->list[i]))
			continue;
		snprintf(error, STATE_ERROR_BYTES, "changes[%zu] is not what poised writes", i);
		return -EINVAL;
	}
	return 0;
}

static int read_file(const json_t *file, struct state_changes *out, char error[STATE_ERROR_BYTES])
{
	const json_t *version = json_object_get(file, "version");
	const json_t *generation = json_object_get(file, "generation");
	const json_t *changes = json_object_get(file, "changes");

	if (json_integer_value(version) > STATE_VERSION) {
		snprintf(error, STATE_ERROR_BYTES,
			 "it is of version %lld, and this poised knows %d: a later one wrote it",
			 (long long)json_integer_value(version), STATE_VERSION);
		return -EPROTO;
	}
	if (json_integer_value(version) != STATE_VERSION || !json_is_integer(generation) ||
	    !json_is_array(changes)) {
		snprintf(error, STATE_ERROR_BYTES, "it lacks a version, a generation or changes");
		return -EINVAL;
	}
	out->generation = (uint64_t)json_integer_value(generation);
	return read_list(changes, out, error);
}

int state_parse(const char *text, size_t length, struct state_changes *out,
		char error[STATE_ERROR_BYTES])
{
	json_error_t where;
	json_t *file;
	int err;

	*out = (struct state_changes){};
	if (length > STATE_MAX_BYTES || json_bounds_check(text, length, &bounds)) {
		snprintf(error, STATE_ERROR_BYTES, "it is larger than poised writes any");
		return -EINVAL;
	}
	file = json_loadb(text, length, JSON_REJECT_DUPLICATES, &where);
	if (!file) {
		snprintf(error, STATE_ERROR_BYTES, "it is not JSON: line %d, column %d", where.line,
			 where.column);
		return -EINVAL;
	}
	err = read_file(file, out, error);
	json_decref(file);
	if (err)
		state_changes_clear(out);
	return err;
}

void state_changes_clear(struct state_changes *changes)
{
	free(changes->list);
	*changes = (struct state_changes){};
}

static void add_added(json_t *entry, const struct backend *backend)
{
	char id[SERVER_ID_TEXT_BYTES];

	json_object_set_new(entry, "added", json_true());
	json_object_set_new(entry, "encapsulation",
			    json_string(encapsulation_text(backend->encapsulation)));
	if (backend->server_id_length)
		json_object_set_new(entry, "server_id",
				    json_string(server_id_format(backend->server_id,
								 backend->server_id_length, id)));
}

static json_t *describe(const struct backend *backend)
{
	bool added = backend->record & POISE_RECORD_RUNTIME;
	char address[ADDRESS_TEXT_BYTES];
	json_t *entry =
		json_pack("{s:s, s:s, s:s}", "service", backend->service->config.name, "backend",
			  backend->name, "address", address_format(&backend->address, address));

	if (backend->record & POISE_RECORD_OUT) {
		json_object_set_new(entry, "removed", json_true());
		return entry;
	}
	if (added)
		add_added(entry, backend);
	if (added || (backend->record & POISE_RECORD_WEIGHT))
		json_object_set_new(entry, "weight", json_integer(backend->weight));
	if (backend->record & (POISE_RECORD_DRAIN | POISE_RECORD_UNDRAIN))
		json_object_set_new(entry, "drain", json_boolean(backend_drains(backend)));
	return entry;
}

json_t *state_collect(const struct balancer *balancer)
{
	json_t *list = json_array();

	for (size_t i = 0; i < balancer->service_count; i++)
		for (const struct backend *b = balancer->services[i]->backends; b; b = b->next)
			if (overlay_has(b) && json_array_append_new(list, describe(b))) {
				json_decref(list);
				return NULL;
			}
	return list;
}

char *state_format(json_t *changes, uint64_t generation)
{
	json_t *file = json_pack("{s:i, s:I, s:O}", "version", STATE_VERSION, "generation",
				 (json_int_t)generation, "changes", changes);
	char *text = file ? json_dumps(file, JSON_INDENT(1)) : NULL;

	json_decref(file);
	return text;
}
