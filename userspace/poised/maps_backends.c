/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Backends' entries, each in two copies, so that no packet sees one half written. */
#include "maps_private.h"
#include "fault.h"

/* Rewrites a copy that no reader uses; its 'current' is 0 while that goes on. */
static void copy_entry(struct poise_backend *to, const struct poise_backend *from)
{
	struct poise_backend entry = *from;

	entry.flags = to->flags;
	entry.current = 0;
	*to = entry;
}

/* An entry that was never written has no family. */
void maps_backends_finish(struct maps *maps)
{
	bool unfinished = false;

	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++) {
		if (maps->backends[i].current || !maps->next[i].family)
			continue;
		copy_entry(&maps->backends[i], &maps->next[i]);
		unfinished = true;
	}
	if (!unfinished)
		return;
	maps_synchronize(maps);
	for (uint32_t i = 1; i < POISE_MAX_BACKENDS; i++)
		if (maps->next[i].family)
			__atomic_store_n(&maps->backends[i].current, 1, __ATOMIC_RELEASE);
	maps->next_in_use = true;
}

/*
 * Readers go from the first copy to the second, then back. Each step waits for the readers of what
 * is rewritten next, so that none ever sees a mixture, whatever order its CPU loads in.
 */
void maps_backends_write(struct maps *maps, const struct maps_backend_change *changes, size_t count)
{
	if (!count)
		return;
	if (maps->next_in_use)
		maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		copy_entry(&maps->next[changes[i].index], &changes[i].entry);
	FAULT_POINT("backends-next-written");
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&maps->backends[changes[i].index].current, 0, __ATOMIC_RELEASE);
	FAULT_POINT("backends-diverted");
	maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		copy_entry(&maps->backends[changes[i].index], &changes[i].entry);
	FAULT_POINT("backends-rewritten");
	maps_synchronize(maps);
	for (size_t i = 0; i < count; i++)
		__atomic_store_n(&maps->backends[changes[i].index].current, 1, __ATOMIC_RELEASE);
	maps->next_in_use = true;
}

void maps_backend_write(struct maps *maps, uint32_t index, const struct poise_backend *entry)
{
	maps->backends[index] = *entry;
	maps->backends[index].current = 1;
	FAULT_POINT("backend-half-written");
	maps->next[index] = maps->backends[index];
}

void maps_backend_init(struct maps *maps, uint32_t index, const struct poise_backend *entry)
{
	maps_backend_write(maps, index, entry);
	maps_count_reset(maps, maps->object->maps.backend_count, index);
}

const struct poise_backend *maps_backend(struct maps *maps, uint32_t index)
{
	return maps->backends[index].current ? &maps->backends[index] : &maps->next[index];
}

void maps_backend_set_flags(struct maps *maps, uint32_t index, uint8_t flags)
{
	__atomic_store_n(&maps->next[index].flags, flags, __ATOMIC_RELEASE);
	__atomic_store_n(&maps->backends[index].flags, flags, __ATOMIC_RELEASE);
}

struct poise_backend_load *maps_load(struct maps *maps, uint32_t index)
{
	return &maps->loads[index];
}
