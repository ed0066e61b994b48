/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration's scalar values, from text without control characters. Reports nothing. */
#ifndef POISE_CONFIG_VALUES_H
#define POISE_CONFIG_VALUES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"

/* "0", "80", "0x5eed": no sign, no leading zeros in decimals. 0, -EINVAL, or -ERANGE beyond 64
 * bits, and then out holds nothing of use. */
int config_parse_integer(const char *text, uint64_t *out);

/* "500ms", "1s", "15m", "2h": milliseconds. 0, -EINVAL, or -ERANGE beyond 64 bits. */
int config_parse_duration(const char *text, uint64_t *out_ms);

enum { CONFIG_DURATION_BYTES = 32 };

/* The shortest such text. */
const char *config_format_duration(uint64_t ms, char out[CONFIG_DURATION_BYTES]);

/* "50%": 0 to 100. 0 or -EINVAL. */
int config_parse_percent(const char *text, uint8_t *out);

/* "200", "200-399", "200,204, 300-399": 100 to 599. 0, -EINVAL, or -E2BIG for more ranges than
 * CONFIG_MAX_EXPECT. */
int config_parse_expect(const char *text, struct status_range out[CONFIG_MAX_EXPECT],
			size_t *count);

/* "80", "8000-8100", "any" (1-65535): 0 or -EINVAL, and then the ports are 0. */
int config_parse_ports(const char *text, uint16_t *first, uint16_t *last);

enum { CONFIG_ALL_BITS = 0xff }; /* of an address whose family is not known yet */

/* "source" (CONFIG_ALL_BITS), "source/24": bits from 1 to 128. 0 or -EINVAL. */
int config_parse_affinity(const char *text, uint8_t *bits);

/* "0a0b": two hexadecimal digits a byte. 0 or -EINVAL. */
int config_parse_server_id(const char *text, uint8_t out[POISE_QUIC_ID_BYTES], uint8_t *length);

/* What a text may be, besides its length. */
bool config_is_name(const char *text);
bool config_is_interface(const char *text);
bool config_is_account(const char *text); /* a name or number that a user or group may have */
bool config_is_absolute_path(const char *text);
bool config_is_http_path(const char *text);
bool config_is_http_host(const char *text);
bool config_is_server_name(const char *text); /* a host name, or an address without brackets */
bool config_is_dns_name(const char *text);    /* RFC 1035, 2.3.4; "." is the root */
bool config_is_any(const char *text);

#endif
