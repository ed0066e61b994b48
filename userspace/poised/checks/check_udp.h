/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'udp' check: passes when the first datagram that comes back holds the expected bytes. */
#ifndef POISE_CHECK_UDP_H
#define POISE_CHECK_UDP_H

#include "check.h"

extern const struct check_kind check_udp;

#endif
