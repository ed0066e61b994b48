/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What services with second chance name in their slots, given to another balancer, or taken from
 * one (docs/CONTROL.md, ring-export). What is taken was written by others: all of it is checked
 * before any of it counts.
 */
#ifndef POISE_POISED_RING_HISTORY_H
#define POISE_POISED_RING_HISTORY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "lines.h"

struct balancer;
struct service;

enum {
	RING_HISTORY_VERSION = 1,
	RING_HISTORY_CHUNK_SLOTS = 1 << 14,    /* told in one piece */
	RING_HISTORY_MAX_BYTES = 256 << 20,    /* of a file */
	RING_HISTORY_MAX_STRUCTURE = 16 << 20, /* brackets and commas in it */
};

/* The head of an export, without its list of services. */
json_t *ring_history_head(const struct balancer *balancer);

/* The service's moving slots of a chunk, from slot first on; NULL: not enough memory. */
json_t *ring_history_chunk(const struct service *service, uint32_t first);

/* Whether history, an export, can be taken; errors call the first of its services
 * "services[first]". 0, or a negative errno with lines of errors. */
int ring_history_check(const struct balancer *balancer, const json_t *history, size_t first,
		       struct lines *errors);

/* Gives the slots of running services the names that history has for them. 0 and how many slots; or
 * a negative errno with lines of errors, and nothing changed. */
int ring_history_take(struct balancer *balancer, const json_t *history, uint32_t *slots,
		      struct lines *errors);

/* The same for one service, of a history that was checked. */
int ring_history_take_of(struct service *service, const json_t *history, uint32_t *slots);

/* Reads a file for ring_history_begin(); 0 or a negative errno with lines of errors. */
int ring_history_load(struct balancer *balancer, const char *path, struct lines *errors);

/* After a ring got its first owners, where their stage is wanted: names what the loaded history
 * says, or else guesses, and ends the stage. */
void ring_history_begin(struct service *service);

/* When no ring wants names any more: the loaded history has served. */
void ring_history_forget(struct balancer *balancer);

#endif
