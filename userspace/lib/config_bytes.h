/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes of any value, written as text with escapes or in hexadecimal. */
#ifndef POISE_CONFIG_BYTES_H
#define POISE_CONFIG_BYTES_H

#include <stddef.h>

#include "config.h"
#include "config_fields.h"

/*
 * "PING\r\n": text with the escapes \r \n \t \\ and \xHH (two hexadecimal digits); "hex:50494e47 0d
 * 0a": two hexadecimal digits a byte, with spaces between bytes or without. 0 and bytes of the
 * caller; -EINVAL also for none or more than max; -ENOMEM.
 */
int config_parse_bytes(const char *text, size_t length, size_t max, struct config_bytes *out);

CONFIG_BOTH(bytes); /* struct config_bytes; no rule */

#endif
