/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Keeps an interface attached: a process beside `poise-agent run`, which has given its rights up,
 * that has the rights to attach anew. It takes nothing from anybody, and ends with `run`.
 */
#ifndef POISE_AGENT_KEEPER_H
#define POISE_AGENT_KEEPER_H

#include "maps.h"
#include "options.h"

/*
 * Starts it, with the maps of what is attached, which serve what it attaches, too. Returns a
 * descriptor that it has the other end of: it ends once this one is closed, and that it has ended
 * is to be read there. A negative errno: there is none.
 */
int keeper_start(const struct options *options, const struct maps *maps);

#endif
