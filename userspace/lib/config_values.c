// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Scalar values of the configuration: see config_values.h, and the checks that config.h exports. */
#include "config_values.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#define LETTERS_DIGITS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"

#define SOURCE "source"

enum { STATUS_FIRST = 100, STATUS_LAST = 599, MAX_ADDRESS_BITS = 128 };
enum { MAX_LABEL = 63, MAX_DNS_NAME = 255 };

static const struct unit {
	const char *text;
	uint64_t ms;
} units[] = { { "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 } };

enum { UNITS = sizeof(units) / sizeof(units[0]) };

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned int)(c - 'A') + 10;
	return UINT_MAX;
}

/* At least one digit; *end is what follows them. */
static int parse_digits(const char *text, unsigned int base, const char **end, uint64_t *out)
{
	uint64_t value = 0;
	bool over = false;

	if (digit_value(*text) >= base)
		return -EINVAL;
	for (; digit_value(*text) < base; text++) {
		over |= __builtin_mul_overflow(value, base, &value);
		over |= __builtin_add_overflow(value, digit_value(*text), &value);
	}
	*end = text;
	*out = value;
	return over ? -ERANGE : 0;
}

/* A leading zero is refused: some would take it for octal. */
static int parse_decimal(const char *text, const char **end, uint64_t *out)
{
	if (text[0] == '0' && digit_value(text[1]) < 10)
		return -EINVAL;
	return parse_digits(text, 10, end, out);
}

int config_parse_integer(const char *text, uint64_t *out)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	const char *end;
	int err;

	err = hex ? parse_digits(text + 2, 16, &end, out) : parse_decimal(text, &end, out);
	if (err == -EINVAL || *end)
		return -EINVAL;
	return err;
}

int config_parse_duration(const char *text, uint64_t *out_ms)
{
	const char *unit;
	uint64_t value;
	size_t i;
	int err;

	err = parse_decimal(text, &unit, &value);
	if (err)
		return err;
	for (i = 0; i < UNITS && strcmp(unit, units[i].text); i++)
		;
	if (i == UNITS)
		return -EINVAL;
	return __builtin_mul_overflow(value, units[i].ms, out_ms) ? -ERANGE : 0;
}

const char *config_format_duration(uint64_t ms, char out[CONFIG_DURATION_BYTES])
{
	size_t i = ms ? 0 : 2;

	while (ms % units[i].ms)
		i++;
	snprintf(out, CONFIG_DURATION_BYTES, "%" PRIu64 "%s", ms / units[i].ms, units[i].text);
	return out;
}

int config_parse_percent(const char *text, uint8_t *out)
{
	const char *end;
	uint64_t value;

	if (parse_decimal(text, &end, &value) || strcmp(end, "%") || value > 100)
		return -EINVAL;
	*out = (uint8_t)value;
	return 0;
}

static int parse_status(const char *text, const char **end, uint16_t *out)
{
	uint64_t value;
	int err = parse_decimal(text, end, &value);

	if (err || value < STATUS_FIRST || value > STATUS_LAST)
		return -EINVAL;
	*out = (uint16_t)value;
	return 0;
}

static int parse_status_range(const char *text, const char **end, struct status_range *out)
{
	int err = parse_status(text, end, &out->first);

	if (err)
		return err;
	out->last = out->first;
	if (**end == '-')
		err = parse_status(*end + 1, end, &out->last);
	return err || out->last < out->first ? -EINVAL : 0;
}

int config_parse_expect(const char *text, struct status_range out[CONFIG_MAX_EXPECT], size_t *count)
{
	struct status_range ranges[CONFIG_MAX_EXPECT];
	const char *end;
	size_t n = 0;
	int err;

	for (;;) {
		if (n == CONFIG_MAX_EXPECT)
			return -E2BIG;
		err = parse_status_range(text, &end, &ranges[n++]);
		if (err)
			return err;
		if (!*end)
			break;
		if (*end != ',')
			return -EINVAL;
		text = end + 1;
		text += strspn(text, " ");
	}
	memcpy(out, ranges, n * sizeof(ranges[0]));
	*count = n;
	return 0;
}

/* A port that ends where *end then points to. */
static int parse_port(const char *text, const char **end, uint16_t *out)
{
	bool hex = text[0] == '0' && text[1] == 'x';
	uint64_t value;
	int err = hex ? parse_digits(text + 2, 16, end, &value) : parse_decimal(text, end, &value);

	if (err || !value || value > UINT16_MAX)
		return -EINVAL;
	*out = (uint16_t)value;
	return 0;
}

int config_parse_ports(const char *text, uint16_t *first, uint16_t *last)
{
	uint16_t from = 1, to = UINT16_MAX;
	const char *end = "";
	int err = 0;

	*first = 0;
	*last = 0;
	if (strcmp(text, "any")) {
		err = parse_port(text, &end, &from);
		to = from;
		if (!err && *end == '-')
			err = parse_port(end + 1, &end, &to);
	}
	if (err || *end || to < from)
		return -EINVAL;
	*first = from;
	*last = to;
	return 0;
}

int config_parse_affinity(const char *text, uint8_t *bits)
{
	const char *end = text + sizeof(SOURCE) - 1;
	uint64_t value;

	if (strncmp(text, SOURCE, sizeof(SOURCE) - 1))
		return -EINVAL;
	if (!*end) {
		*bits = CONFIG_ALL_BITS;
		return 0;
	}
	if (*end != '/' || parse_decimal(end + 1, &end, &value) || *end || !value ||
	    value > MAX_ADDRESS_BITS)
		return -EINVAL;
	*bits = (uint8_t)value;
	return 0;
}

int config_parse_server_id(const char *text, uint8_t out[POISE_QUIC_ID_BYTES], uint8_t *length)
{
	size_t digits = strlen(text), i;

	if (!digits || digits % 2 || digits / 2 > POISE_QUIC_ID_BYTES)
		return -EINVAL;
	for (i = 0; i < digits; i++)
		if (digit_value(text[i]) >= 16)
			return -EINVAL;
	for (i = 0; i < digits / 2; i++)
		out[i] = (uint8_t)(digit_value(text[2 * i]) << 4 | digit_value(text[2 * i + 1]));
	*length = (uint8_t)(digits / 2);
	return 0;
}

/* Independent of any locale. */
static bool consists_of(const char *text, const char *characters)
{
	return !text[strspn(text, characters)];
}

bool config_is_name(const char *text)
{
	return consists_of(text, LETTERS_DIGITS "._-") && !strchr("._-", text[0]);
}

/* What the kernel takes: dev_valid_name() of net/core/dev.c. */
bool config_is_interface(const char *text)
{
	return strcmp(text, ".") && strcmp(text, "..") && !strpbrk(text, "/: \t\n\v\f\r\xa0");
}

bool config_is_account(const char *text)
{
	return text[0] != '-' && !strpbrk(text, ":/ \t");
}

bool config_is_absolute_path(const char *text)
{
	return text[0] == '/';
}

bool config_is_http_path(const char *text)
{
	size_t i;

	for (i = 0; text[i]; i++)
		if (text[i] <= ' ' || text[i] > '~' || text[i] == '#')
			return false;
	return text[0] == '/';
}

/* A Host header's value (RFC 9110, 7.2): name or address, and perhaps a port. */
bool config_is_http_host(const char *text)
{
	return consists_of(text, LETTERS_DIGITS ".:[]_-");
}

static bool is_label(const char *text, size_t length)
{
	return length && length <= MAX_LABEL && strspn(text, LETTERS_DIGITS "_-") >= length;
}

bool config_is_dns_name(const char *text)
{
	size_t bytes = 1, length; /* of the name in a message: the root's length byte */

	if (!strcmp(text, "."))
		return true;
	do {
		length = strcspn(text, ".");
		if (!is_label(text, length))
			return false;
		bytes += length + 1;
		text += length + (text[length] == '.');
	} while (*text);
	return bytes <= MAX_DNS_NAME;
}

bool config_is_server_name(const char *text)
{
	struct address address;

	return address_parse(text, &address) == 0 ||
	       (config_is_dns_name(text) && text[strlen(text) - 1] != '.');
}

bool config_is_any(const char *text)
{
	(void)text;
	return true;
}

int config_check_name(const char *name)
{
	size_t length = strnlen(name, POISE_NAME_BYTES);

	return length && length < POISE_NAME_BYTES && config_is_name(name) ? 0 : -EINVAL;
}

bool is_prime(uint32_t n)
{
	uint32_t i;

	if (n < 4)
		return n > 1;
	if (n % 2 == 0)
		return false;
	for (i = 3; i <= n / i; i += 2)
		if (n % i == 0)
			return false;
	return true;
}
