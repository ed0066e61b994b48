/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The key 'agent' of a service. */
#ifndef POISE_CONFIG_AGENT_H
#define POISE_CONFIG_AGENT_H

#include "config_fields.h"

CONFIG_READ(agent); /* struct config_agent; no rule */
CONFIG_WRITE(agent);

#endif
