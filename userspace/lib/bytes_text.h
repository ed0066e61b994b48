/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes as hexadecimal digits, two a byte. */
#ifndef POISE_BYTES_TEXT_H
#define POISE_BYTES_TEXT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads all of text, of either case, into out. Returns how many bytes it stands for; -EINVAL:
 * something else than digits, or an odd number of them; -E2BIG: more than size bytes. */
ssize_t bytes_parse(const char *text, uint8_t *out, size_t size);

/* Writes 2 * count digits of lower case and a NUL into text; returns text. */
char *bytes_format(const uint8_t *bytes, size_t count, char *text);

#endif
