/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Which types of checks there are, and which keys each of them takes. */
#ifndef POISE_CONFIG_CHECK_KEYS_H
#define POISE_CONFIG_CHECK_KEYS_H

#include "config_fields.h"

#define CHECK_TYPE_BIT(type) (UINT32_C(1) << CHECK_##type)

extern const struct config_choice config_check_types[];

/* The type that the check's mapping names, whichever of its keys was read so far. False: none. */
bool config_check_type_at(const struct config_place *place, enum check_type *out);

/* Is the key one of the type's own: not of every type, and taken by this one? */
bool config_check_owns_key(enum check_type type, const char *key);

/* Reports each key of the check that its type does not take. */
void config_check_refuse_keys(struct config_report *report, const struct config_place *place,
			      enum check_type type);

/* Reports that the check lacks the key, if it does; where: "with 'user'". */
void config_check_require(struct config_report *report, const struct config_place *place,
			  const char *key, const char *where);

#endif
