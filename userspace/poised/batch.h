/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Limits of the command 'batch' (batch.c; commands_private.h has its handler). */
#ifndef POISE_BATCH_H
#define POISE_BATCH_H

enum { BATCH_MAX = 4096 }; /* commands */

#endif
