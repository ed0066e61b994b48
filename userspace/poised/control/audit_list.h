/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes in the order in which they are made, which are told when all of them are. */
#ifndef POISE_AUDIT_LIST_H
#define POISE_AUDIT_LIST_H

#include <stddef.h>

#include "audit.h"

struct audit_list {
	struct audit_change *changes; /* each with its text */
	size_t count;
};

/* Adds a copy of what change says of subject, what, before and after; the formatted text puts it
 * into words. One for which there is no memory is lost. */
void audit_list_add(struct audit_list *list, const struct audit_change *change, const char *format,
		    ...) __attribute__((format(printf, 3, 4)));

/* Logs each of them. */
void audit_list_log(const struct audit_list *list);

void audit_list_free(struct audit_list *list);

#endif
