/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#ifndef POISE_CHECK_MTU_H
#define POISE_CHECK_MTU_H

#include "check.h"

/* Of a configuration with probe_mtu: the check of its type, and then a packet of full size. */
extern const struct check_kind check_mtu;

#endif
