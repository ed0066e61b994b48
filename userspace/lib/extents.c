/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "extents.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void extents_init(struct extents *extents, uint32_t segments, uint32_t segment_slots)
{
	memset(extents, 0, sizeof(*extents));
	extents->segments = segments;
	extents->segment_slots = segment_slots;
}

void extents_free(struct extents *extents)
{
	free(extents->list);
	extents_init(extents, extents->segments, extents->segment_slots);
}

static int insert(struct extents *extents, size_t at, const struct extent *extent)
{
	if (extents->count == extents->room) {
		size_t room = extents->room ? extents->room * 2 : 16;
		struct extent *list = realloc(extents->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		extents->list = list;
		extents->room = room;
	}
	memmove(&extents->list[at + 1], &extents->list[at],
		(extents->count - at) * sizeof(*extents->list));
	extents->list[at] = *extent;
	extents->count++;
	return 0;
}

int extents_allocate(struct extents *extents, uint32_t size, struct extent *out)
{
	struct extent place = { .size = size };
	size_t i = 0;

	if (size == 0 || size > extents->segment_slots)
		return -ENOSPC;
	for (; i < extents->count; i++) {
		const struct extent *next = &extents->list[i];
		uint32_t end = next->segment == place.segment ? next->base : extents->segment_slots;

		if (end - place.base >= size)
			break;
		if (next->segment != place.segment) { /* nothing fits before the segment's end */
			place.segment++;
			place.base = 0;
			i--;
			continue;
		}
		place.base = next->base + next->size;
	}
	if (extents->segment_slots - place.base < size) {
		place.segment++;
		place.base = 0;
	}
	if (place.segment >= extents->segments)
		return -ENOSPC;
	*out = place;
	return insert(extents, i, &place);
}

int extents_reserve(struct extents *extents, const struct extent *extent)
{
	size_t i = 0;

	if (extent->segment >= extents->segments || extent->size == 0 ||
	    extent->size > extents->segment_slots ||
	    extent->base > extents->segment_slots - extent->size)
		return -EINVAL;
	for (; i < extents->count; i++) {
		const struct extent *other = &extents->list[i];

		if (other->segment > extent->segment ||
		    (other->segment == extent->segment &&
		     other->base >= extent->base + extent->size))
			break;
		if (other->segment == extent->segment && other->base + other->size > extent->base)
			return -EEXIST;
	}
	return insert(extents, i, extent);
}

int extents_release(struct extents *extents, const struct extent *extent)
{
	for (size_t i = 0; i < extents->count; i++) {
		const struct extent *other = &extents->list[i];

		if (other->segment != extent->segment || other->base != extent->base)
			continue;
		memmove(&extents->list[i], &extents->list[i + 1],
			(extents->count - i - 1) * sizeof(*extents->list));
		extents->count--;
		return 0;
	}
	return -ENOENT;
}
