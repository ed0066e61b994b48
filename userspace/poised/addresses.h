/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * How packets find services: the entries of addresses and prefixes and their lists of port ranges,
 * worked out from all services (port_lists.h) and brought to the data plane in an order that no
 * packet suffers from. What a reload does not change is not touched.
 *
 * A reload plans (it may be refused), writes its new services' entries, opens the plan, publishes
 * services of one address and port, withdraws those that leave, and closes the plan.
 */
#ifndef POISE_ADDRESSES_H
#define POISE_ADDRESSES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "address.h"
#include "lines.h"

struct address_plan;
struct balancer;
struct poise_service;
struct service;

/* The entry of an address or prefix that has services. */
struct service_address {
	struct prefix prefix;
	uint16_t index;	    /* in the data plane */
	uint32_t ranges[2]; /* as in poise_service */
};

/*
 * Plans for the services that there will be: takes indexes and space, and writes lists there that
 * nothing leads to so far. 0, or a negative errno and a line for each thing that there is no room
 * for; then nothing is taken.
 */
int addresses_plan(struct balancer *balancer, struct service *const *services, size_t count,
		   struct address_plan **out, struct lines *errors);
/* Gives back what was planned but not opened. Takes NULL. */
void addresses_cancel(struct balancer *balancer, struct address_plan *plan);

/* New entries, and new lists of old ones. Entries of all services that they name are written. */
void addresses_open(struct balancer *balancer, struct address_plan *plan);
/* Withdraws entries that have no services any more, waits until no packet is on its way by them, by
 * old lists or by services withdrawn before, if there are such, and frees them and the plan. */
void addresses_close(struct balancer *balancer, struct address_plan *plan, bool withdrawn);

/* Takes up an entry that an earlier poised left; one without services goes with the first plan. 0
 * or a negative errno. addresses_adopted() comes after the last one. */
int addresses_adopt(struct balancer *balancer, uint16_t index, const struct poise_service *entry);
void addresses_adopted(struct balancer *balancer);

#endif
