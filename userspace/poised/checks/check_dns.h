/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'dns' check: one question over UDP; passes when its answer has the expected code. */
#ifndef POISE_CHECK_DNS_H
#define POISE_CHECK_DNS_H

#include "check.h"

extern const struct check_kind check_dns;

#endif
