/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Schedules of roundrobin and leastconn services: slots that are walked in order. Each member has
 * its share of them (by largest remainder), spread as evenly as can be (Waldspurger, Weihl: "Stride
 * Scheduling", 1995); with equal weights any run of as many slots as there are members holds each
 * of them once. schedule.c defines it.
 */
#ifndef POISE_SCHEDULE_H
#define POISE_SCHEDULE_H

#include <stddef.h>
#include <stdint.h>

#include "maglev.h"

/* Fills size slots with the members' indexes; 0 everywhere without members of weight over 0. The
 * same members in any order give the same schedule. 0 or -ENOMEM. */
int schedule_build(const struct maglev_member *members, size_t count, uint32_t size,
		   uint16_t *slots);

#endif
