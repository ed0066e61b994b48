/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `attach` does, for the other commands that do it, too. All return an exit code, and tell why
 * they refuse. */
#ifndef POISE_AGENT_ATTACH_H
#define POISE_AGENT_ATTACH_H

#include "maps.h"
#include "options.h"
#include "pins.h"

/* Opens the pins, which pins_close() closes; with attach_begin() only where the interface can have
 * the program. */
int attach_open_pins(const struct options *options, struct pins *pins);
int attach_begin(const struct options *options, struct pins *pins);

/* The following are for pins that are open. */

/* Refuses while a `run` keeps the interface attached. */
int attach_check_kept(const struct options *options, struct pins *pins);

/* Attaches as the options say, or takes over what is attached. kept: the maps for an interface that
 * has no program; NULL: new ones. */
int attach_interface(const struct options *options, const struct pins *pins,
		     const struct maps *kept);

#endif
