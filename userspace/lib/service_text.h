/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a service is, as text: the words of the configuration for what the structures hold. */
#ifndef POISE_SERVICE_TEXT_H
#define POISE_SERVICE_TEXT_H

#include <stdint.h>

#include "config.h"

enum {
	PORTS_TEXT_BYTES = 12,	  /* "65534-65535" */
	AFFINITY_TEXT_BYTES = 12, /* "source/128" */
	SERVER_ID_TEXT_BYTES = 2 * POISE_QUIC_ID_BYTES + 1,
	BACKEND_TEXT_BYTES = ADDRESS_TEXT_BYTES + 64,
};

/* "ipip", and the other way round; a number that is none gives "unknown". 0 or -EINVAL. */
const char *encapsulation_text(uint8_t encapsulation);
int encapsulation_parse(const char *text, uint8_t *out);

const char *scheduler_text(enum scheduler scheduler);

/* "443", "8000-8100" or "any"; returns text. */
const char *ports_format(uint16_t first, uint16_t last, char text[PORTS_TEXT_BYTES]);

/* Bits of the client's address as "source/24"; all of them as "source", 0 as "none". */
const char *affinity_format(uint8_t bits, uint8_t family, char text[AFFINITY_TEXT_BYTES]);

/* Hexadecimal digits; "" for a length of 0. */
const char *server_id_format(const uint8_t *id, uint8_t length, char text[SERVER_ID_TEXT_BYTES]);

/* "address 10.0.1.11, weight 100, ipip"; returns text. */
const char *backend_format(const struct address *address, uint16_t weight, uint8_t encapsulation,
			   char text[BACKEND_TEXT_BYTES]);

#endif
