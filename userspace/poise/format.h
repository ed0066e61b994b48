/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Numbers as people read them. Each writes into text and returns it. */
#ifndef POISE_FORMAT_H
#define POISE_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

enum { FORMAT_BYTES = 32 };

const char *format_count(int64_t count, char text[FORMAT_BYTES]); /* 98765, then 123k, 1.23M */
const char *format_bytes(int64_t bytes, char text[FORMAT_BYTES]); /* 1.5 KiB */
const char *format_share(double share, char text[FORMAT_BYTES]);  /* of 1: 33.3% */
const char *format_age(int64_t seconds, char text[FORMAT_BYTES]); /* 3d 4h; 5m 12s */
const char *format_ms(int64_t ms, char text[FORMAT_BYTES]);	  /* exact: 15m, 1500ms */

/* Parses a whole decimal number within the limits; false if text is anything else. */
bool parse_number(const char *text, unsigned least, unsigned most, unsigned *out);

#endif
