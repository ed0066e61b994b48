/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Opening a program's maps, for the translation unit that includes the program. */
#ifndef POISE_SHIM_OPEN_H
#define POISE_SHIM_OPEN_H

#include "shim.h"

#define SHIM_NUMBER(member) (sizeof(*(member)) / sizeof(int)) /* that __uint() wrote */
#define SHIM_OPEN(map, folded_)                                                                    \
	shim_map_open(&(map), &(struct shim_map_shape){ .name = #map,                              \
							.type = SHIM_NUMBER((map).type),           \
							.entries = SHIM_NUMBER((map).max_entries), \
							.key_bytes = sizeof(*(map).key),           \
							.value_bytes = sizeof(*(map).value),       \
							.folded = (folded_) })
#define SHIM_OPEN_ARRAY_OF_MAPS(map, inner)                                                        \
	shim_map_open(&(map), &(struct shim_map_shape){ .name = #map,                              \
							.type = BPF_MAP_TYPE_ARRAY_OF_MAPS,        \
							.entries = SHIM_NUMBER((map).max_entries), \
							.key_bytes = sizeof(__u32),                \
							.value_bytes = sizeof(inner) })

#endif
