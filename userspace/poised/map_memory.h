/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a BPF object's maps take of the memory that the process's control groups limit. Beyond the
 * limit the kernel refuses a map or kills the process, whichever comes first: so this is told
 * before.
 */
#ifndef POISE_MAP_MEMORY_H
#define POISE_MAP_MEMORY_H

#include <bpf/libbpf.h>
#include <stdint.h>

#include "loader.h"

enum { MAP_MEMORY_WHY_BYTES = 320 };

/* Bytes that the kernel takes at least for those of the object's maps that are still to be made. */
uint64_t map_memory_least(const struct bpf_object *object);

/* -ENOMEM: there is a limit, and they are more than that; error says so. */
int map_memory_check(const struct bpf_object *object, char error[LOADER_ERROR_BYTES]);

/* -ENOMEM: maps of so many bytes, yet to be made, would exceed the limit. */
int map_memory_room(uint64_t bytes);

/* Why there is no memory for a map (-ENOMEM), as a text: the limit, where there is one. */
const char *map_memory_why(char text[MAP_MEMORY_WHY_BYTES]);

#endif
