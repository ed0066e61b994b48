/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* How two configurations differ, key by key: one mechanism for every key there is. */
#ifndef POISE_CONFIG_COMPARE_H
#define POISE_CONFIG_COMPARE_H

#include "config.h"

enum config_change { CONFIG_ADDED, CONFIG_REMOVED, CONFIG_CHANGED };

/* One difference; texts live as long as the call that hands it over. */
struct config_difference {
	enum config_change change; /* ADDED, REMOVED: of an interface, a service or a backend */
	const char *service;	   /* NULL: it is about neither a service nor a backend */
	const char *backend;	   /* NULL: it is about no backend */
	const char *key; /* "check.path"; "interface": of one that is added or removed; NULL: of
			  * a service or backend that is */
	const char *before, *after; /* values, as in a file; NULL: not there */
};

typedef void (*config_difference_fn)(void *context, const struct config_difference *difference);

/* Calls found for each difference. What follows from other keys on both sides is none: values that
 * both have without saying so. 0 or -ENOMEM. */
int config_compare(const struct config *before, const struct config *after,
		   config_difference_fn found, void *context);

#endif
