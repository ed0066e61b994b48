/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "service_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config_fields.h"

const char *encapsulation_text(uint8_t encapsulation)
{
	for (const struct config_choice *choice = config_encapsulations; choice->text; choice++)
		if (choice->value == encapsulation)
			return choice->text;
	return "unknown";
}

int encapsulation_parse(const char *text, uint8_t *out)
{
	for (const struct config_choice *choice = config_encapsulations; choice->text; choice++) {
		if (strcmp(choice->text, text) != 0)
			continue;
		*out = choice->value;
		return 0;
	}
	return -EINVAL;
}

const char *scheduler_text(enum scheduler scheduler)
{
	switch (scheduler) {
	case SCHEDULER_MAGLEV:
		return "maglev";
	case SCHEDULER_SOURCE:
		return "source";
	case SCHEDULER_ROUNDROBIN:
		return "roundrobin";
	case SCHEDULER_LEASTCONN:
		return "leastconn";
	}
	return "unknown";
}

const char *ports_format(uint16_t first, uint16_t last, char text[PORTS_TEXT_BYTES])
{
	if (first == 1 && last == UINT16_MAX)
		return strcpy(text, "any");
	if (first == last)
		snprintf(text, PORTS_TEXT_BYTES, "%u", first);
	else
		snprintf(text, PORTS_TEXT_BYTES, "%u-%u", first, last);
	return text;
}

const char *affinity_format(uint8_t bits, uint8_t family, char text[AFFINITY_TEXT_BYTES])
{
	if (bits == 0)
		return strcpy(text, "none");
	if (bits == (family == 4 ? 32 : 128))
		return strcpy(text, "source");
	snprintf(text, AFFINITY_TEXT_BYTES, "source/%u", bits);
	return text;
}

const char *server_id_format(const uint8_t *id, uint8_t length, char text[SERVER_ID_TEXT_BYTES])
{
	text[0] = 0;
	for (uint8_t i = 0; i < length && i < POISE_QUIC_ID_BYTES; i++)
		snprintf(text + 2 * i, 3, "%02x", id[i]);
	return text;
}

const char *backend_format(const struct address *address, uint16_t weight, uint8_t encapsulation,
			   char text[BACKEND_TEXT_BYTES])
{
	char place[ADDRESS_TEXT_BYTES];

	snprintf(text, BACKEND_TEXT_BYTES, "address %s, weight %u, %s",
		 address_format(address, place), weight, encapsulation_text(encapsulation));
	return text;
}
