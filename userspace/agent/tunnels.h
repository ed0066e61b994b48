/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the options of attach come to on this host: ids of namespaces, sizes of segments. */
#ifndef POISE_AGENT_TUNNELS_H
#define POISE_AGENT_TUNNELS_H

#include "maps.h"
#include "options.h"
#include "preflight.h"

/* What the settings are to be. EXIT_DONE, or EXIT_REFUSED after telling why. */
int tunnels_make(const struct options *options, struct maps_tunnels *out);

/* What the host is looked at for; it refers to the options. */
struct preflight_target tunnels_target(const struct options *options);

#endif
