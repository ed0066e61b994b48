/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "ring_import.h"

#include <errno.h>
#include <stdlib.h>

#include "ring_history.h"

enum { OBJECT_BYTES = 1024, TEXT_BYTES = 64 }; /* that jansson needs beside the characters */

struct ring_import {
	struct balancer *balancer;
	json_t *history; /* NULL before the first piece */
	size_t bytes;	 /* about so many are kept */
};

struct ring_import *ring_import_new(struct balancer *balancer)
{
	struct ring_import *import = calloc(1, sizeof(*import));

	if (import)
		import->balancer = balancer;
	return import;
}

static size_t text_bytes(const json_t *text)
{
	return TEXT_BYTES + json_string_length(text);
}

static size_t service_bytes(const json_t *service)
{
	const json_t *backends = json_object_get(service, "backends");
	size_t bytes = OBJECT_BYTES + text_bytes(json_object_get(service, "service")) +
		       text_bytes(json_object_get(service, "moves"));

	for (size_t i = 0; i < json_array_size(backends); i++)
		bytes += text_bytes(json_array_get(backends, i));
	return bytes;
}

/* The head of the first piece stands for all: each was checked against what runs. */
static json_t *services_of(struct ring_import *import, const json_t *piece)
{
	if (!import->history)
		import->history =
			json_pack("{s:O, s:O, s:[]}", "history", json_object_get(piece, "history"),
				  "seed", json_object_get(piece, "seed"), "services");
	return json_object_get(import->history, "services");
}

/* The keys that are known alone: a piece may have others, of any size. */
static int keep(struct ring_import *import, json_t *services, const json_t *service)
{
	json_t *copy = json_pack(
		"{s:O, s:O, s:O, s:O}", "service", json_object_get(service, "service"), "ring_size",
		json_object_get(service, "ring_size"), "backends",
		json_object_get(service, "backends"), "moves", json_object_get(service, "moves"));

	import->bytes += service_bytes(service);
	if (import->bytes > RING_HISTORY_MAX_BYTES) {
		json_decref(copy);
		return -EFBIG;
	}
	return json_array_append_new(services, copy) ? -ENOMEM : 0;
}

int ring_import_add(struct ring_import *import, const json_t *piece, struct lines *errors)
{
	const json_t *list = json_object_get(piece, "services");
	size_t kept = json_array_size(json_object_get(import->history, "services"));
	int err = ring_history_check(import->balancer, piece, kept, errors);
	json_t *services;

	if (err)
		return err;
	services = services_of(import, piece);
	if (!services)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list) && !err; i++)
		err = keep(import, services, json_array_get(list, i));
	if (err == -EFBIG)
		lines_add(errors, "services[%zu]: all of it is more than %d MiB",
			  json_array_size(services), RING_HISTORY_MAX_BYTES >> 20);
	return err;
}

int ring_import_take(struct ring_import *import, bool try_only, uint32_t *slots,
		     struct lines *errors)
{
	*slots = 0;
	return try_only ? ring_history_check(import->balancer, import->history, 0, errors)
			: ring_history_take(import->balancer, import->history, slots, errors);
}

void ring_import_free(struct ring_import *import)
{
	if (!import)
		return;
	json_decref(import->history);
	free(import);
}
