/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* "192.0.2.1:443" and "[2001:db8::1]:443", as people write one end of a connection. */
#ifndef POISE_ENDPOINT_H
#define POISE_ENDPOINT_H

#include <stdbool.h>

#include "address.h"

struct endpoint {
	char address[ADDRESS_TEXT_BYTES]; /* canonical */
	unsigned port;
};

/* False if text is anything else. */
bool endpoint_parse(const char *text, struct endpoint *out);

#endif
