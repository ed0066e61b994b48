/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which index an entry of the map 'services' gets: the map is the service table, too (poise_abi.h).
 */
#ifndef POISE_SERVICE_PLACES_H
#define POISE_SERVICE_PLACES_H

#include <stdbool.h>
#include <stdint.h>

#include "poise_abi.h"

/* The index from which on a packet's entry is looked for. */
uint32_t service_home(const struct poise_service *entry);

/* How many places an index is behind a home; the table is a circle. */
uint32_t service_distance(uint32_t home, uint32_t index);

/* A free index, 0 when there is none. listed: the entry is to be found by its hash, so it must not
 * be farther than POISE_MAX_REACH from its home; any other may be anywhere. used:
 * POISE_SERVICE_ENTRIES. */
uint16_t service_place(const struct poise_service *entry, bool listed, const bool *used);

#endif
