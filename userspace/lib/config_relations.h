/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What must hold between the parts of a configuration, each of which is right by itself. */
#ifndef POISE_CONFIG_RELATIONS_H
#define POISE_CONFIG_RELATIONS_H

#include "config_errors.h"

/* config was read from the mapping at root; what could not be read is 0 in it, and left out here.
 */
void config_relations_check(struct config_report *report, const struct config_place *root,
			    const struct config *config);

#endif
