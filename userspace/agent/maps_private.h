/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of maps.h share: settings, and the keys of a map. */
#ifndef POISE_AGENT_MAPS_PRIVATE_H
#define POISE_AGENT_MAPS_PRIVATE_H

#include "maps.h"

int maps_read_settings(const struct maps *maps, struct poise_agent_settings *settings);
int maps_write_settings(const struct maps *maps, const struct poise_agent_settings *settings);

/* Every key of a map of at most max entries; the caller frees *out. 0 or a negative errno. */
int maps_read_keys(int map, size_t key_bytes, size_t max, void **out, size_t *count);

#endif
