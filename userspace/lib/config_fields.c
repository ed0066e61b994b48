// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Single values of the configuration, read into members of its structures and reported if wrong. */
#include "config_fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "yaml_tree.h"

enum {
	CHOICES_BYTES = 128,
	MIN_SERVICE_PREFIX4 = 8,
	MIN_SERVICE_PREFIX6 = 32,
};

const struct config_range config_port_range = { .min = 1, .max = UINT16_MAX };
const struct config_choice config_booleans[] = { { "true", true }, { "false", false }, { 0 } };
const struct config_choice config_switches[] = {
	{ "on", true }, { "off", false }, { "true", true }, { "false", false }, { 0 },
};
const struct config_choice config_drop_or_pass[] = { { "drop", false }, { "pass", true }, { 0 } };
const struct config_choice config_encapsulations[] = {
	{ "ipip", POISE_ENCAP_IPIP },
	{ "gue", POISE_ENCAP_GUE },
	{ "gre", POISE_ENCAP_GRE },
	{ "l2", POISE_ENCAP_L2 },
	{ 0 },
};
const struct config_text config_name_text = {
	POISE_NAME_BYTES - 1, config_is_name,
	"a name of letters, digits, '.', '_', '-' that begins with a letter or digit"
};

/* The text of a scalar that holds something, and no control character; else NULL. Whether it was in
 * quotes says nothing: each key has one type. */
static const char *scalar_text(const struct tree_node *node)
{
	size_t i;

	if (node->kind != TREE_SCALAR || tree_is_null(node))
		return NULL;
	for (i = 0; i < node->length; i++)
		if (config_control_length(node->text + i, node->length - i))
			return NULL;
	return node->text;
}

static void store(void *out, size_t size, uint64_t value)
{
	switch (size) {
	case sizeof(uint8_t):
		*(uint8_t *)out = (uint8_t)value;
		break;
	case sizeof(uint16_t):
		*(uint16_t *)out = (uint16_t)value;
		break;
	case sizeof(uint32_t):
		*(uint32_t *)out = (uint32_t)value;
		break;
	default:
		*(uint64_t *)out = value;
	}
}

static bool is_kind(uint64_t value, enum config_number kind)
{
	if (kind == NUMBER_PRIME)
		return is_prime((uint32_t)value);
	if (kind == NUMBER_MARK)
		return !(value & POISE_PROBE_INDEX);
	return kind == NUMBER_ANY || !(value & (value - 1));
}

static bool in_range(uint64_t value, const struct config_range *range)
{
	return value >= range->min && value <= range->max && is_kind(value, range->kind);
}

CONFIG_READ(integer)
{
	static const char *const kinds[] = { "an integer", "a prime number", "a power of two",
					     "a multiple of 32768" };
	const char *text = scalar_text(place->node);
	const struct config_range *range = field->rule;
	uint64_t value = 0;

	if (!text || config_parse_integer(text, &value) || !in_range(value, range)) {
		config_report_value(report, place, "allowed is %s from %" PRIu64 " to %" PRIu64,
				    kinds[range->kind], range->min, range->max);
		value = 0;
	}
	store(out, field->size, value);
}

CONFIG_READ(duration)
{
	char min[CONFIG_DURATION_BYTES], max[CONFIG_DURATION_BYTES];
	const char *text = scalar_text(place->node);
	const struct config_range *range = field->rule;
	uint64_t value = 0;

	if (!text || config_parse_duration(text, &value) || !in_range(value, range)) {
		config_report_value(
			report, place,
			"allowed is a duration from %s to %s, its unit one of ms, s, m, h",
			config_format_duration(range->min, min),
			config_format_duration(range->max, max));
		value = 0;
	}
	store(out, field->size, value);
}

CONFIG_READ(percent)
{
	const char *text = scalar_text(place->node);
	const struct config_range *range = field->rule;
	uint8_t value = 0;

	if (!text || config_parse_percent(text, &value) || !in_range(value, range)) {
		config_report_value(report, place,
				    "allowed is a percentage from %" PRIu64 "%% to %" PRIu64 "%%",
				    range->min, range->max);
		value = 0;
	}
	*(uint8_t *)out = value;
}

static void report_choice(struct config_report *report, const struct config_place *place,
			  const struct config_choice *choices)
{
	char words[CHOICES_BYTES] = "";
	const struct config_choice *choice;
	size_t used = 0;

	for (choice = choices; choice->text && used < CHOICES_BYTES; choice++)
		used += (size_t)snprintf(words + used, CHOICES_BYTES - used, "%s%s",
					 choice == choices ? ""
					 : choice[1].text  ? ", "
							   : " or ",
					 choice->text);
	config_report_value(report, place, "allowed is %s", words);
}

CONFIG_READ(choice)
{
	const char *text = scalar_text(place->node);
	const struct config_choice *choice = field->rule;

	while (text && choice->text && strcmp(choice->text, text))
		choice++;
	if (!text || !choice->text)
		report_choice(report, place, field->rule);
	else
		store(out, field->size, choice->value);
}

/* Text that the rule allows; else NULL, reported. */
static const char *ruled_text(struct config_report *report, const struct config_place *place,
			      const struct config_text *rule)
{
	const char *text = scalar_text(place->node);

	if (text && text[0] && place->node->length <= rule->max && rule->is_valid(text))
		return text;
	config_report_value(report, place, "allowed is %s, 1 to %zu bytes", rule->allowed,
			    rule->max);
	return NULL;
}

CONFIG_READ(name)
{
	const char *text = ruled_text(report, place, field->rule);

	if (text)
		memcpy(out, text, place->node->length + 1);
	else
		memset(out, 0, field->size);
}

CONFIG_READ(string)
{
	const char *text = ruled_text(report, place, field->rule);
	char **string = out;

	if (!text)
		return;
	*string = strdup(text);
	if (!*string)
		config_report_nomem(report);
}

void config_default_string(struct config_report *report, char **string, const char *value)
{
	if (*string)
		return;
	*string = strdup(value);
	if (!*string)
		config_report_nomem(report);
}

CONFIG_READ(address)
{
	const char *text = scalar_text(place->node);
	struct address *address = out;

	(void)field;
	if (text && !address_parse(text, address) && address_is_host(address))
		return;
	config_report_value(report, place,
			    "allowed is a host's IPv4 or IPv6 address: not unspecified, "
			    "loopback, multicast, broadcast or link-local IPv6");
	*address = (struct address){ 0 };
}

/* Can the addresses within be a source? The second of them stands for all (the first of a prefix
 * may look like no host); one of full length for itself. */
static bool holds_hosts(const struct prefix *prefix)
{
	struct address address = prefix->address;

	if (prefix->length < (address.family == 4 ? 32 : 128))
		address.bytes[address.family == 4 ? 3 : 15] |= 1;
	return address_is_host(&address);
}

CONFIG_READ(prefix)
{
	const char *text = scalar_text(place->node);
	const struct config_prefix *rule = field->rule;
	int err = -EINVAL;
	struct prefix prefix;

	if (text)
		err = prefix_parse(text, &prefix);
	if (err == -ERANGE) {
		config_report_value(
			report, place,
			"allowed is a prefix without bits set after its length, such as %s",
			rule->example);
		return;
	}
	if (err || prefix.address.family != rule->family || prefix.length < rule->min_length ||
	    !holds_hosts(&prefix)) {
		config_report_value(
			report, place,
			"allowed is a host's IPv%u address, or a prefix of such with a length "
			"from %u to %u, such as %s",
			rule->family, rule->min_length, rule->family == 4 ? 32 : 128,
			rule->example);
		return;
	}
	*(struct prefix *)out = prefix;
}

CONFIG_READ(expect)
{
	const char *text = scalar_text(place->node);
	struct config_check *check = out;

	(void)field;
	if (!text || config_parse_expect(text, check->expect, &check->expect_count))
		config_report_value(report, place,
				    "allowed are 1 to %d codes or ranges from 100 to 599, such as "
				    "\"200,204,300-399\"",
				    CONFIG_MAX_EXPECT);
}

CONFIG_READ(ports)
{
	const char *text = scalar_text(place->node);
	struct config_service *service = out;

	(void)field;
	if (!text || config_parse_ports(text, &service->port, &service->last_port))
		config_report_value(report, place,
				    "allowed is an integer from 1 to 65535, a range of such as "
				    "\"8000-8100\", or any");
}

/* An address, or a prefix that is no wider than one network should be. */
CONFIG_READ(virtual)
{
	const char *text = scalar_text(place->node);
	struct config_service *service = out;
	struct prefix prefix;
	int err = text ? prefix_parse(text, &prefix) : -EINVAL;

	(void)field;
	if (err == -ERANGE)
		config_report_value(report, place,
				    "allowed is a prefix without bits set after its length, such "
				    "as 203.0.113.0/24");
	else if (err || !holds_hosts(&prefix) ||
		 prefix.length <
			 (prefix.address.family == 4 ? MIN_SERVICE_PREFIX4 : MIN_SERVICE_PREFIX6))
		config_report_value(
			report, place,
			"allowed is a host's IPv4 or IPv6 address (not unspecified, loopback, "
			"multicast, broadcast or link-local IPv6), or a prefix of such with a "
			"length from %d to 32 or %d to 128",
			MIN_SERVICE_PREFIX4, MIN_SERVICE_PREFIX6);
	else {
		service->address = prefix.address;
		service->prefix_length = prefix.length;
	}
}

CONFIG_READ(affinity)
{
	const char *text = scalar_text(place->node);
	uint8_t bits = 0;

	(void)field;
	if (!text || config_parse_affinity(text, &bits))
		config_report_value(
			report, place,
			"allowed is source, or source/ and a prefix length from 1 to 32 "
			"(IPv6: 128), such as source/24");
	*(uint8_t *)out = bits;
}

CONFIG_READ(server_id)
{
	const char *text = scalar_text(place->node);
	struct config_backend *backend = out;

	(void)field;
	if (!text || config_parse_server_id(text, backend->server_id, &backend->server_id_length))
		config_report_value(report, place,
				    "allowed are 1 to %d bytes, two hexadecimal digits each, such "
				    "as \"0a0b\"",
				    POISE_QUIC_ID_BYTES);
}
