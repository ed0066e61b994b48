/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What comes in of another balancer's rings: read, checked, and given to the slots. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "maps.h"
#include "ring_guess.h"
#include "ring_history.h"
#include "ring_runs.h"

enum { ERRORS = 20, WHERE_BYTES = 32 };

/* What is being read. */
struct reading {
	const struct balancer *balancer;
	uint32_t *behind; /* by the service's index: the slot behind all that was told of it */
	struct lines *errors;
};

/* One object of the list of services. */
struct entry {
	struct service *service; /* NULL: there is none that could take it */
	const char *moves;	 /* of the list */
	uint16_t *indexes;	 /* of the running backends, by place; 0: not known here */
	struct ring_runs_limits limits;
	char where[WHERE_BYTES]; /* "services[3]" */
	bool fresh;		 /* the ring was filled just now: no connection began in it */
	bool resumed;		 /* slots have other owners than they are to have */
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

/* No slot is told of twice: so the work is bounded by the rings, whatever the text says. */
static int check_moves(const struct entry *entry, const struct reading *reading)
{
	uint32_t *behind = entry->service ? &reading->behind[entry->service->index] : NULL;
	struct ring_run run = { .behind = behind ? *behind : 0 };
	const char *at = entry->moves;
	char what[200];
	int more;

	do
		more = ring_runs_next(&at, &entry->limits, &run);
	while (more > 0);
	if (!more) {
		if (behind)
			*behind = run.behind;
		return 0;
	}
	snprintf(what, sizeof(what),
		 ".moves: not understood at byte %zu: allowed are runs 'first-last owner previous "
		 "earlier n|o|r age;', in ascending order, behind those of earlier objects, within "
		 "%u slots and %u backends",
		 (size_t)(at - entry->moves), entry->limits.slots, entry->limits.backends);
	return refuse(reading->errors, entry->where, what);
}

/* Whose slots an entry is about; one that is not here, or another ring, is left out. */
static struct service *find(const struct balancer *balancer, const char *name, json_int_t size)
{
	struct service *service = balancer_find(balancer, name);

	if (!service || (json_int_t)service->ring.size != size || !service->config.second_chance)
		return NULL;
	return service;
}

static int read_entry(const struct reading *reading, const json_t *value, struct entry *entry)
{
	const char *name = json_string_value(json_object_get(value, "service"));
	json_int_t size = json_integer_value(json_object_get(value, "ring_size"));
	const json_t *backends = json_object_get(value, "backends");
	int err;

	entry->moves = json_string_value(json_object_get(value, "moves"));
	if (!name || !entry->moves || size < 1 || size > POISE_MAX_RING ||
	    !json_is_array(backends) || json_array_size(backends) >= POISE_MAX_BACKENDS)
		return refuse(reading->errors, entry->where,
			      ": allowed is an object of service, ring_size, backends and moves");
	entry->service = find(reading->balancer, name, size);
	entry->limits =
		(struct ring_runs_limits){ (uint32_t)size, (uint16_t)json_array_size(backends) };
	err = read_backends(entry, backends, reading->errors);
	return err ? err : check_moves(entry, reading);
}

static uint16_t stamp_of(const struct balancer *balancer, uint32_t age_s)
{
	uint64_t ticks = (uint64_t)age_s * 1000000000 >> POISE_TICK_SHIFT;
	uint16_t most = maps_settings(balancer->maps)->settle_ticks;

	return (uint16_t)(balancer_clock() - (ticks < most ? ticks : most));
}

/* A slot that had another owner there, and may be waiting (ring_wait.h), goes on with that one. */
static bool resume_slot(struct entry *entry, const struct ring_run *run, uint32_t slot,
			uint16_t stamp)
{
	struct service *service = entry->service;
	uint16_t owner = entry->indexes[run->owner];

	if (!entry->fresh || !run->named || service_rules(service) != RING_NAMES)
		return false;
	if (!owner || !backend_eligible(service->balancer->by_index[owner]))
		return false;
	ring_resume(&service->ring, slot, owner, entry->indexes[run->previous],
		    entry->indexes[run->earlier], stamp);
	entry->resumed = true;
	return true;
}

/* What a run says of a slot: as in struct poise_move. */
struct told {
	uint16_t previous, earlier;
	bool older;
};

static struct told read_told(const struct entry *entry, const struct ring_run *run, bool records)
{
	struct told told = { entry->indexes[run->previous], entry->indexes[run->earlier],
			     run->older };

	if (run->named || run->older || records)
		return told;
	return (struct told){ told.earlier, told.previous, true }; /* the latest first */
}

/* The other balancer's owner, where it is not the one here, comes before what it names. */
static struct told put_owner(struct told told, uint16_t there, uint16_t here)
{
	if (there && there != here)
		told = (struct told){ there, told.previous, true };
	if (!told.previous)
		told = (struct told){ told.earlier, 0, false };
	if (told.earlier == told.previous || told.earlier == here)
		told.earlier = 0;
	return told;
}

/* Names a slot that is settled, or whose names were guessed. Returns whether it did. */
static bool take_slot(struct entry *entry, const struct ring_run *run, uint32_t slot)
{
	struct service *service = entry->service;
	bool records = !run->named && service->config.exceptions;
	struct poise_move move;
	uint16_t word = ring_read(&service->ring, slot, &move), owner = word & POISE_SLOT_OWNER;
	uint16_t stamp = stamp_of(service->balancer, run->age_s);
	struct told told =
		put_owner(read_told(entry, run, records), entry->indexes[run->owner], owner);

	if (!owner || (!ring_is_guess(move) && (word & POISE_SLOT_MOVING)))
		return false;
	if (entry->indexes[run->owner] != owner && resume_slot(entry, run, slot, stamp))
		return true;
	if (!told.previous || (told.previous == owner && !told.earlier))
		return false;
	if (!records)
		ring_name(&service->ring, slot, told.previous, told.earlier, stamp);
	else
		ring_record(&service->ring, slot, told.previous,
			    told.earlier && told.older ? told.earlier | POISE_MOVE_OLDER
						       : told.earlier,
			    stamp);
	return true;
}

static uint32_t take_entry(struct entry *entry)
{
	struct ring_run run = { 0 };
	const char *at = entry->moves;
	uint32_t taken = 0;

	while (ring_runs_next(&at, &entry->limits, &run) > 0)
		for (uint32_t slot = run.first; slot <= run.last; slot++)
			taken += take_slot(entry, &run, slot);
	if (entry->resumed) {
		service_touch(entry->service);
		balancer_commit_later(entry->service->balancer);
	}
	return taken;
}

static void finish(struct service *service)
{
	service_settle(service);
	service_count_slots(service);
}

static bool is_of(const json_t *value, const struct service *service)
{
	const char *name = json_string_value(json_object_get(value, "service"));

	return name && strcmp(name, service->config.name) == 0;
}

/* What may fail for a want of memory is done here, so that nothing does once slots are given. */
static int make_ready(struct entry *entry, struct lines *errors)
{
	struct service *service = entry->service;

	if (service && service->filled &&
	    maps_ring_allow_moves(service->balancer->maps, &service->extent, &service->ring)) {
		refuse(errors, entry->where, ": there is no memory for moving slots");
		return -ENOMEM;
	}
	if (service && !service->filled)
		entry->service = NULL;
	return 0;
}

static void entries_free(struct entry *entries, size_t count)
{
	for (size_t i = 0; entries && i < count; i++)
		free(entries[i].indexes);
	free(entries);
}

/* The list's objects, the first of which errors call services[first]; only: of this service alone;
 * NULL: of all. 0, or a negative errno with lines of errors and no entries. */
static int read_entries(const struct balancer *balancer, const json_t *list, size_t first,
			const struct service *only, struct entry **out, struct lines *errors)
{
	struct entry *entries = calloc(json_array_size(list) + 1, sizeof(*entries));
	struct reading reading = { balancer, calloc(POISE_SERVICE_ENTRIES, sizeof(uint32_t)),
				   errors };
	int err = entries && reading.behind ? 0 : -ENOMEM, bad;

	for (size_t i = 0; err != -ENOMEM && i < json_array_size(list); i++) {
		struct entry *entry = &entries[i];
		const json_t *value = json_array_get(list, i);

		if (only && !is_of(value, only))
			continue;
		entry->fresh = only;
		snprintf(entry->where, sizeof(entry->where), "services[%zu]", first + i);
		bad = read_entry(&reading, value, entry);
		err = err ? err : bad;
	}
	free(reading.behind);
	*out = entries;
	if (!err)
		return 0;
	entries_free(entries, json_array_size(list));
	*out = NULL;
	return err;
}

/* All of it, or nothing. */
static int take_services(struct balancer *balancer, const json_t *list, const struct service *only,
			 uint32_t *slots, struct lines *errors)
{
	size_t count = json_array_size(list);
	struct entry *entries;
	int err = read_entries(balancer, list, 0, only, &entries, errors);

	for (size_t i = 0; i < count && !err; i++)
		err = make_ready(&entries[i], errors);
	for (size_t i = 0; i < count && !err; i++) {
		struct service *service = entries[i].service;

		if (!service)
			continue;
		*slots += take_entry(&entries[i]);
		if (i + 1 == count || entries[i + 1].service != service)
			finish(service);
	}
	entries_free(entries, count);
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

int ring_history_check(const struct balancer *balancer, const json_t *history, size_t first,
		       struct lines *errors)
{
	const json_t *list = json_object_get(history, "services");
	int err = check_head(balancer, history, errors);
	struct entry *entries;

	if (!err)
		err = read_entries(balancer, list, first, NULL, &entries, errors);
	if (!err)
		entries_free(entries, json_array_size(list));
	return err;
}

int ring_history_take(struct balancer *balancer, const json_t *history, uint32_t *slots,
		      struct lines *errors)
{
	int err = check_head(balancer, history, errors);

	*slots = 0;
	return err ? err
		   : take_services(balancer, json_object_get(history, "services"), NULL, slots,
				   errors);
}

int ring_history_take_of(struct service *service, const json_t *history, uint32_t *slots)
{
	struct lines errors = { 0 };
	int err;

	*slots = 0;
	err = take_services(service->balancer, json_object_get(history, "services"), service, slots,
			    &errors);
	lines_free(&errors);
	return err;
}
