/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* One piece of work after another, on every CPU that this process may use. */
#ifndef POISE_PARALLEL_H
#define POISE_PARALLEL_H

#include <stddef.h>
#include <stdint.h>

/*
 * Calls work(context, i) once for each i from 0 on, at the same time in several threads, this one
 * among them, and returns when all of these calls have. After time_ms no call begins but the first.
 * Returns how many were made, at most count: those of the lowest numbers. Where no thread can be
 * had, this one does it all. work must not touch what another call of it does.
 */
size_t parallel_run(size_t count, int64_t time_ms, void (*work)(void *context, size_t number),
		    void *context);

#endif
