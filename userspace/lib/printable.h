/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a peer or a program wrote, made fit for logs, terminals and JSON. */
#ifndef POISE_PRINTABLE_H
#define POISE_PRINTABLE_H

#include <stddef.h>

/* Copies as much of text as fits, NUL added, up to its first line end; spaces around it are left
 * out, and what is not printable ASCII becomes '?'. size is at least 1. */
void printable_copy(const char *text, size_t length, char *out, size_t size);

#endif
