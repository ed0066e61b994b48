// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The texts of single values: for each read function of config_fields.h its opposite. */
#include "config_fields.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "config_keys.h"
#include "config_values.h"
#include "service_text.h"

enum {
	NUMBER_BYTES = 24,
	EXPECT_BYTES = CONFIG_MAX_EXPECT * 8 + 1, /* "200-399," each */
};

static uint64_t load(const void *value, size_t size)
{
	switch (size) {
	case sizeof(uint8_t):
		return *(const uint8_t *)value;
	case sizeof(uint16_t):
		return *(const uint16_t *)value;
	case sizeof(uint32_t):
		return *(const uint32_t *)value;
	default:
		return *(const uint64_t *)value;
	}
}

static const char *format_integer(const struct config_field *field, const void *value,
				  char text[NUMBER_BYTES])
{
	const struct config_range *range = field->rule;

	snprintf(text, NUMBER_BYTES, range->hexadecimal ? "0x%" PRIx64 : "%" PRIu64,
		 load(value, field->size));
	return text;
}

CONFIG_WRITE(integer)
{
	char text[NUMBER_BYTES], absent[NUMBER_BYTES];

	config_write_value(writer, field, format_integer(field, value, text),
			   format_integer(field, standard, absent));
}

CONFIG_WRITE(duration)
{
	char text[CONFIG_DURATION_BYTES], absent[CONFIG_DURATION_BYTES];

	config_write_value(writer, field, config_format_duration(load(value, field->size), text),
			   config_format_duration(load(standard, field->size), absent));
}

CONFIG_WRITE(percent)
{
	char text[NUMBER_BYTES], absent[NUMBER_BYTES];

	snprintf(text, sizeof(text), "%u%%", *(const uint8_t *)value);
	snprintf(absent, sizeof(absent), "%u%%", *(const uint8_t *)standard);
	config_write_value(writer, field, text, absent);
}

static const char *choice_text(const struct config_field *field, const void *value)
{
	const struct config_choice *choice = field->rule;

	while (choice->text && choice->value != load(value, field->size))
		choice++;
	return choice->text;
}

CONFIG_WRITE(choice)
{
	config_write_value(writer, field, choice_text(field, value), choice_text(field, standard));
}

CONFIG_WRITE(name)
{
	config_write_value(writer, field, value, NULL);
	(void)standard;
}

CONFIG_WRITE(string)
{
	config_write_value(writer, field, *(char *const *)value, *(char *const *)standard);
}

CONFIG_WRITE(address)
{
	char text[ADDRESS_TEXT_BYTES];

	(void)standard;
	config_write_value(writer, field, address_format(value, text), NULL);
}

CONFIG_WRITE(prefix)
{
	char text[ADDRESS_TEXT_BYTES], absent[ADDRESS_TEXT_BYTES];

	config_write_value(writer, field, prefix_format(value, text),
			   prefix_format(standard, absent));
}

/* NULL where the check expects no status. */
static const char *format_expect(const struct config_check *check, char text[EXPECT_BYTES])
{
	const struct status_range *range = check->expect;
	size_t used = 0;

	for (; range < check->expect + check->expect_count; range++)
		used += (size_t)snprintf(text + used, EXPECT_BYTES - used,
					 range->first == range->last ? "%s%u" : "%s%u-%u",
					 used ? "," : "", range->first, range->last);
	return used ? text : NULL;
}

CONFIG_WRITE(expect)
{
	char text[EXPECT_BYTES], absent[EXPECT_BYTES];

	config_write_value(writer, field, format_expect(value, text),
			   format_expect(standard, absent));
}

CONFIG_WRITE(ports)
{
	const struct config_service *service = value;
	char text[PORTS_TEXT_BYTES];

	(void)standard;
	config_write_value(writer, field, ports_format(service->port, service->last_port, text),
			   NULL);
}

CONFIG_WRITE(virtual)
{
	const struct config_service *service = value;
	struct prefix prefix = { service->address, service->prefix_length };
	char text[ADDRESS_TEXT_BYTES];

	(void)standard;
	config_write_value(writer, field, prefix_format(&prefix, text), NULL);
}

static const char *format_affinity(const struct config_writer *writer, uint8_t bits,
				   char text[AFFINITY_TEXT_BYTES])
{
	return bits ? affinity_format(bits, writer->service->address.family, text) : NULL;
}

CONFIG_WRITE(affinity)
{
	char text[AFFINITY_TEXT_BYTES], absent[AFFINITY_TEXT_BYTES];

	config_write_value(writer, field, format_affinity(writer, *(const uint8_t *)value, text),
			   format_affinity(writer, *(const uint8_t *)standard, absent));
}

CONFIG_WRITE(server_id)
{
	const struct config_backend *backend = value;
	char text[SERVER_ID_TEXT_BYTES];

	(void)standard;
	if (backend->server_id_length)
		config_write_value(
			writer, field,
			server_id_format(backend->server_id, backend->server_id_length, text),
			NULL);
}
