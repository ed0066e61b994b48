// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The exceptions table as tests see and fill it. */
#include "exceptions.h"

#include <inttypes.h>
#include <string.h>

#include "hex.h"

void exceptions_clear(const struct fixture *fixture)
{
	memset(maps_exceptions(fixture->maps), 0,
	       POISE_EXCEPTION_BUCKETS * sizeof(struct poise_exception_bucket));
}

size_t exceptions_count(const struct fixture *fixture, uint64_t *only)
{
	const struct poise_exception_bucket *buckets = maps_exceptions(fixture->maps);
	size_t count = 0;

	*only = 0;
	for (size_t i = 0; i < POISE_EXCEPTION_BUCKETS; i++) {
		for (size_t way = 0; way < POISE_EXCEPTION_WAYS; way++) {
			if (!buckets[i].word[way])
				continue;
			*only = buckets[i].word[way];
			count++;
		}
	}
	return count;
}

uint64_t exceptions_hash(const struct fixture *fixture, const struct packet *packet)
{
	return poise_exception_hash(fixture_flow_hash(packet),
				    maps_settings(fixture->maps)->exception_key);
}

struct poise_exception_bucket *exceptions_bucket(const struct fixture *fixture, uint64_t hash)
{
	return &maps_exceptions(fixture->maps)[hash % POISE_EXCEPTION_FIRST];
}

struct poise_exception_bucket *exceptions_second(const struct fixture *fixture, uint64_t hash)
{
	return &maps_exceptions(
		fixture->maps)[POISE_EXCEPTION_FIRST + hash % POISE_EXCEPTION_SECOND];
}

uint64_t exceptions_word(uint64_t hash, const struct record *record, uint16_t now)
{
	if (record->backend == NOBODY)
		return record->state == GAP ? POISE_EXCEPTION_GAP : 0;
	return poise_exception_make(hash, record->backend, record->state,
				    (uint16_t)(now - record->age));
}

void exceptions_note(const char *what, uint64_t word, uint16_t now)
{
	static const char *const states[] = { "half-open", "established", "closing", "gap" };

	if (!word)
		tap_note("%s: empty", what);
	else
		tap_note("%s: backend %u, %s, age %u, fingerprint %#" PRIx64, what,
			 poise_exception_backend(word), states[poise_exception_state(word)],
			 poise_age(now, poise_exception_stamp(word)),
			 word >> POISE_EXCEPTION_PRINT_SHIFT);
}
