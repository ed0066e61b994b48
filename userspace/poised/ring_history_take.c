/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes in of another balancer's rings: read, checked, and given to the slots. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "balancer.h"
#include "json_bounds.h"
#include "log.h"
#include "maps.h"
#include "ring_guess.h"
#include "ring_history.h"
#include "ring_runs.h"

enum { DEPTH = 8, ERRORS = 20 };

/* One object of the list of services. */
struct entry {
	struct service *service; /* NULL: there is none that could take it */
	const char *moves;
	uint16_t *indexes; /* of the running backends, by place; 0: not known here */
	struct ring_runs_limits limits;
	const char *where; /* "services[3]" */
};

static int refuse(struct lines *errors, const char *where, const char *what)
{
	if (errors->count < ERRORS)
		lines_add(errors, "%s%s", where, what);
	return -EINVAL;
}

/* "app-01 10.0.1.11": the address alone counts, a name may have changed. */
static int read_backend(const struct entry *entry, const json_t *value, uint16_t *out)
{
	const char *text = json_string_value(value), *space = text ? strrchr(text, ' ') : NULL;
	const struct backend *backend = NULL;
	struct address address;

	if (!space || address_parse(space + 1, &address))
		return -EINVAL;
	if (entry->service)
		backend = service_find_address(entry->service, &address);
	*out = backend && backend->state != POISE_RECORD_REMOVED ? backend->index : 0;
	return 0;
}

static int read_backends(struct entry *entry, const json_t *list, struct lines *errors)
{
	char what[96];

	entry->indexes = calloc(json_array_size(list) + 1, sizeof(*entry->indexes));
	if (!entry->indexes)
		return -ENOMEM;
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!read_backend(entry, json_array_get(list, i), &entry->indexes[i + 1]))
			continue;
		snprintf(what, sizeof(what),
			 ".backends[%zu]: allowed is a name, a space and an address", i);
		return refuse(errors, entry->where, what);
	}
	return 0;
}

static int check_moves(const struct entry *entry, struct lines *errors)
{
	struct ring_run run = { 0 };
	const char *at = entry->moves;
	char what[160];
	int more;

	do
		more = ring_runs_next(&at, &entry->limits, &run);
	while (more > 0);
	if (!more)
		return 0;
	snprintf(what, sizeof(what),
		 ".moves: not understood at byte %zu: allowed are runs 'first-last owner previous "
		 "earlier n|o|r age;', in ascending order, within %u slots and %u backends",
		 (size_t)(at - entry->moves), entry->limits.slots, entry->limits.backends);
	return refuse(errors, entry->where, what);
}

/* Whose slots an entry is about; one that is not here, or another ring, is left out. */
static struct service *find(const struct balancer *balancer, const char *name, json_int_t size)
{
	struct service *service = balancer_find(balancer, name);

	if (!service || (json_int_t)service->ring.size != size || !service->config.second_chance)
		return NULL;
	return service;
}

static int read_entry(const struct balancer *balancer, const json_t *value, struct entry *entry,
		      struct lines *errors)
{
	const char *name = json_string_value(json_object_get(value, "service"));
	json_int_t size = json_integer_value(json_object_get(value, "ring_size"));
	const json_t *backends = json_object_get(value, "backends");
	int err;

	entry->moves = json_string_value(json_object_get(value, "moves"));
	if (!name || !entry->moves || size < 1 || size > POISE_MAX_RING ||
	    !json_is_array(backends) || json_array_size(backends) >= POISE_MAX_BACKENDS)
		return refuse(errors, entry->where,
			      ": allowed is an object of service, ring_size, backends and moves");
	entry->service = find(balancer, name, size);
	entry->limits =
		(struct ring_runs_limits){ (uint32_t)size, (uint16_t)json_array_size(backends) };
	err = read_backends(entry, backends, errors);
	return err ? err : check_moves(entry, errors);
}

static uint16_t stamp_of(const struct balancer *balancer, uint32_t age_s)
{
	uint32_t ticks = balancer_settle_ticks((uint64_t)age_s * 1000);
	uint32_t most = maps_settings(balancer->maps)->settle_ticks;

	return (uint16_t)(balancer_clock() - (ticks < most ? ticks : most));
}

/* Names a slot that is settled, or whose names were guessed. Returns whether it did. */
static bool take_slot(const struct entry *entry, const struct ring_run *run, uint32_t slot)
{
	struct service *service = entry->service;
	struct poise_move move;
	uint16_t word = ring_read(&service->ring, slot, &move), owner = word & POISE_SLOT_OWNER;
	uint16_t before = entry->indexes[run->owner], first = entry->indexes[run->previous];
	uint16_t second = entry->indexes[run->earlier];
	uint16_t stamp = stamp_of(service->balancer, run->age_s);

	if (!owner || (!ring_guessed(service, move) && (word & POISE_SLOT_MOVING)))
		return false;
	bool older = run->older;

	if (before && before != owner) {
		second = first;
		first = before;
		older = true;
	}
	if (!first) {
		first = second;
		second = 0;
	}
	if (!first || (first == owner && !second))
		return false;
	if (run->named || !service->config.exceptions)
		ring_name(&service->ring, slot, first, second, stamp);
	else
		ring_record(&service->ring, slot, first,
			    second && older ? second | POISE_MOVE_OLDER : second, stamp);
	return true;
}

static uint32_t take_entry(const struct entry *entry)
{
	struct service *service = entry->service;
	struct ring_run run = { 0 };
	const char *at = entry->moves;
	uint32_t taken = 0;

	while (ring_runs_next(&at, &entry->limits, &run) > 0)
		for (uint32_t slot = run.first; slot <= run.last; slot++)
			taken += take_slot(entry, &run, slot);
	service_settle(service);
	service_count_slots(service);
	return taken;
}

static bool can_take(const struct entry *entry, bool try_only)
{
	struct service *service = entry->service;

	if (try_only || !service || !service->filled)
		return false;
	return !maps_ring_allow_moves(service->balancer->maps, &service->extent, &service->ring);
}

static bool is_of(const json_t *value, const struct service *service)
{
	const char *name = json_string_value(json_object_get(value, "service"));

	return name && strcmp(name, service->config.name) == 0;
}

/* only: of this service alone; NULL: of all. */
static int take_services(struct balancer *balancer, const json_t *list, const struct service *only,
			 bool try_only, uint32_t *slots, struct lines *errors)
{
	char where[32];
	int err = 0, bad;

	for (size_t i = 0; i < json_array_size(list); i++) {
		struct entry entry = { .where = where };
		const json_t *value = json_array_get(list, i);

		if (only && !is_of(value, only))
			continue;

		snprintf(where, sizeof(where), "services[%zu]", i);
		bad = read_entry(balancer, value, &entry, errors);
		err = err ? err : bad;
		if (!bad && can_take(&entry, try_only))
			*slots += take_entry(&entry);
		free(entry.indexes);
	}
	return err;
}

static int check_head(const struct balancer *balancer, const json_t *history, struct lines *errors)
{
	const char *seed = json_string_value(json_object_get(history, "seed"));
	uint64_t running = maps_settings(balancer->maps)->seed;
	char *end, what[96];

	if (json_integer_value(json_object_get(history, "history")) != RING_HISTORY_VERSION)
		return refuse(errors, "history", ": allowed is 1, the version of an export");
	if (!seed || !*seed || strtoull(seed, &end, 0) != running || *end) {
		snprintf(what, sizeof(what),
			 ": allowed is that of the running rings, 0x%" PRIx64
			 ": others have other owners",
			 running);
		return refuse(errors, "seed", what);
	}
	if (!json_is_array(json_object_get(history, "services")))
		return refuse(errors, "services", ": allowed is a list");
	return 0;
}

int ring_history_take(struct balancer *balancer, const json_t *history, bool try_only,
		      uint32_t *slots, struct lines *errors)
{
	const json_t *list = json_object_get(history, "services");
	int err = check_head(balancer, history, errors);

	*slots = 0;
	if (!err)
		err = take_services(balancer, list, NULL, true, slots, errors);
	if (err || try_only)
		return err;
	return take_services(balancer, list, NULL, false, slots, errors);
}

/* The bytes of a file that is none too large, to be free()d. */
static char *read_file(const char *path, size_t *length, struct lines *errors)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	struct stat info;
	int err = file && !fstat(fileno(file), &info) ? 0 : errno;

	if (!err && (!S_ISREG(info.st_mode) || info.st_size > RING_HISTORY_MAX_BYTES))
		err = S_ISREG(info.st_mode) ? EFBIG : EINVAL;
	if (!err)
		text = malloc((size_t)info.st_size + 1);
	if (text)
		*length = fread(text, 1, (size_t)info.st_size, file);
	else
		lines_add(errors, "'%s': %s", path, strerror(err ? err : ENOMEM));
	if (file)
		fclose(file);
	return text;
}

int ring_history_load(struct balancer *balancer, const char *path, struct lines *errors)
{
	static const struct json_bounds bounds = { DEPTH, RING_HISTORY_MAX_STRUCTURE };
	json_error_t error;
	uint32_t slots;
	size_t length;
	char *text = read_file(path, &length, errors);
	int err = -EINVAL;

	if (!text)
		return err;
	if (json_bounds_check(text, length, &bounds) == JSON_WITHIN)
		balancer->ring_history = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	else
		snprintf(error.text, sizeof(error.text), "too deep, or too much of it");
	free(text);
	if (!balancer->ring_history)
		lines_add(errors, "'%s': line %d: %s", path, error.line, error.text);
	else
		err = ring_history_take(balancer, balancer->ring_history, true, &slots, errors);
	if (err)
		ring_history_forget(balancer);
	return err;
}

void ring_history_forget(struct balancer *balancer)
{
	json_decref(balancer->ring_history);
	balancer->ring_history = NULL;
}

void ring_history_begin(struct service *service)
{
	struct balancer *balancer = service->balancer;
	struct lines errors = { 0 };
	uint32_t slots = 0;

	if (!service->config.second_chance || !balancer->empty)
		return;
	if (!balancer->ring_history) {
		ring_guess_begin(service);
		return;
	}
	take_services(balancer, json_object_get(balancer->ring_history, "services"), service, false,
		      &slots, &errors);
	lines_free(&errors);
	log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
		  "%u slots name backends as the history says", slots);
}
