/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'tls' check, and 'tcp' with 'tls', 'send' or 'expect'. */
#ifndef POISE_CHECK_EXPECT_H
#define POISE_CHECK_EXPECT_H

#include "check.h"

enum { CHECK_EXPECT_MAX_KIB = 64 }; /* in which the expected bytes are looked for */

extern const struct check_kind check_expect;

#endif
