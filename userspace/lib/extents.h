/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Which parts of a space of equal segments are taken: first fit, and no extent crosses a segment's
 * end. Ring slots are allotted by it. Only numbers, no memory of the space itself.
 */
#ifndef POISE_EXTENTS_H
#define POISE_EXTENTS_H

#include <stddef.h>
#include <stdint.h>

struct extent {
	uint32_t segment;
	uint32_t base; /* first slot in the segment */
	uint32_t size; /* slots, at least 1 */
};

struct extents {
	struct extent *list; /* ordered by segment, base */
	size_t count, room;
	uint32_t segments;	/* of the space */
	uint32_t segment_slots; /* of each */
};

void extents_init(struct extents *extents, uint32_t segments, uint32_t segment_slots);
void extents_free(struct extents *extents);

/* Takes the first place that holds size slots; out is filled. 0, -ENOSPC, -ENOMEM. */
int extents_allocate(struct extents *extents, uint32_t size, struct extent *out);

/* Takes just this place. 0, -EINVAL (outside the space), -EEXIST (overlaps), -ENOMEM. */
int extents_reserve(struct extents *extents, const struct extent *extent);

/* Gives back what was taken. 0 or -ENOENT. */
int extents_release(struct extents *extents, const struct extent *extent);

#endif
