/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'grpc' check. */
#ifndef POISE_CHECK_GRPC_H
#define POISE_CHECK_GRPC_H

#include "check.h"

extern const struct check_kind check_grpc;

#endif
