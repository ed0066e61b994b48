/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The qdisc of an interface that TC programs hang on: which kind it is, and whether it is in use.
 */
#ifndef POISE_AGENT_QDISC_H
#define POISE_AGENT_QDISC_H

#include <stdbool.h>

enum qdisc_kind { QDISC_NONE, QDISC_CLSACT, QDISC_INGRESS };

/* 0 or a negative errno. */
int qdisc_find(unsigned int ifindex, enum qdisc_kind *kind);

/* Whether it has a filter, of either direction. 0 or a negative errno. */
int qdisc_is_used(unsigned int ifindex, bool *used);

#endif
