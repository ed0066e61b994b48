// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Fragments that are waited for: see maps.h. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>

#include "maps_private.h"
#include "poise.skel.h"

enum { BATCH = 1024 };

struct batch {
	struct poise_fragment_key keys[BATCH];
	struct poise_fragment values[BATCH];
};

int maps_fragment(struct maps *maps, const struct poise_fragment_key *key,
		  struct poise_fragment *out)
{
	return bpf_map_lookup_elem(bpf_map__fd(maps->object->maps.fragments), key, out);
}

void maps_fragments_forget(struct maps *maps, bool (*forgets)(void *context, uint32_t backend),
			   void *context)
{
	int fd = bpf_map__fd(maps->object->maps.fragments), err = 0;
	struct batch *batch = malloc(sizeof(*batch));
	__u32 position, count;
	void *from = NULL;

	if (!batch)
		return;
	while (!err) {
		count = BATCH;
		err = bpf_map_lookup_batch(fd, from, &position, batch->keys, batch->values, &count,
					   NULL);
		if (err && err != -ENOENT) /* the end: what is left has been read */
			break;
		for (__u32 i = 0; i < count; i++)
			if (forgets(context, batch->values[i].backend))
				bpf_map_delete_elem(fd, &batch->keys[i]);
		from = &position;
	}
	free(batch);
}
