// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What is sent to a backend, and looked for in what it answers: see config_bytes.h. */
#include "config_bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_keys.h"
#include "yaml_tree.h"

#define HEX "hex:"

enum { MAX_BYTES = 1024 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The byte that two digits are; -1: they are none. */
static int hex_byte(const char *text, size_t length)
{
	int high = length < 2 ? -1 : digit(text[0]), low = length < 2 ? -1 : digit(text[1]);

	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* The byte that an escape is, which begins after the backslash; *used: of the text. -1: none. */
static int escaped_byte(const char *text, size_t length, size_t *used)
{
	static const char letters[] = "rnt\\", values[] = "\r\n\t\\";
	const char *letter = length ? memchr(letters, text[0], sizeof(letters) - 1) : NULL;

	*used = 1;
	if (letter)
		return values[letter - letters];
	if (!length || text[0] != 'x')
		return -1;
	*used = 3;
	return hex_byte(text + 1, length - 1);
}

/* Both return the count of bytes in out, which has as many as the text; -EINVAL. */

static ssize_t decode_hex(const char *text, size_t length, uint8_t *out)
{
	size_t count = 0, i = 0;

	while (i < length) {
		int byte = text[i] == ' ' ? 0 : hex_byte(text + i, length - i);

		if (byte < 0)
			return -EINVAL;
		if (text[i] == ' ') {
			i++;
			continue;
		}
		out[count++] = (uint8_t)byte;
		i += 2;
	}
	return (ssize_t)count;
}

static ssize_t decode_text(const char *text, size_t length, uint8_t *out)
{
	size_t count = 0, used;

	for (size_t i = 0; i < length; i += used) {
		int byte = (uint8_t)text[i];

		used = 1;
		if (text[i] == '\\') {
			byte = escaped_byte(text + i + 1, length - i - 1, &used);
			used++;
		}
		if (byte < 0)
			return -EINVAL;
		out[count++] = (uint8_t)byte;
	}
	return (ssize_t)count;
}

int config_parse_bytes(const char *text, size_t length, size_t max, struct config_bytes *out)
{
	size_t prefix = sizeof(HEX) - 1;
	bool hex = length >= prefix && !memcmp(text, HEX, prefix);
	uint8_t *bytes = malloc(length ? length : 1);
	ssize_t count;

	if (!bytes)
		return -ENOMEM;
	count = hex ? decode_hex(text + prefix, length - prefix, bytes)
		    : decode_text(text, length, bytes);
	if (count <= 0 || (size_t)count > max) {
		free(bytes);
		return -EINVAL;
	}
	*out = (struct config_bytes){ bytes, (size_t)count };
	return 0;
}

/* Control characters that YAML itself made of a text in double quotes are taken as they are. */
CONFIG_READ(bytes)
{
	const struct tree_node *node = place->node;
	int err = -EINVAL;

	(void)field;
	if (node->kind == TREE_SCALAR && !tree_is_null(node))
		err = config_parse_bytes(node->text, node->length, MAX_BYTES, out);
	if (err == -ENOMEM)
		config_report_nomem(report);
	else if (err)
		config_report_value(report, place,
				    "allowed is text with the escapes \\r \\n \\t \\\\ \\xHH, or "
				    "hex: and two digits a byte: 1 to %d bytes",
				    MAX_BYTES);
}

static bool is_text(const struct config_bytes *bytes)
{
	for (size_t i = 0; i < bytes->length; i++)
		if ((bytes->bytes[i] < ' ' && !strchr("\r\n\t", bytes->bytes[i])) ||
		    !bytes->bytes[i] || bytes->bytes[i] > '~')
			return false;
	return bytes->length < sizeof(HEX) - 1 || memcmp(bytes->bytes, HEX, sizeof(HEX) - 1) != 0;
}

/* The same bytes as text that config_parse_bytes() takes. */
static void format_bytes(const struct config_bytes *bytes, FILE *out)
{
	static const char letters[] = "rnt\\", values[] = "\r\n\t\\";
	bool text = is_text(bytes);
	const char *letter;

	if (!text)
		fputs(HEX, out);
	for (size_t i = 0; i < bytes->length; i++) {
		letter = strchr(values, bytes->bytes[i]);
		if (!text)
			fprintf(out, "%02x", bytes->bytes[i]);
		else if (letter)
			fprintf(out, "\\%c", letters[letter - values]);
		else
			fputc(bytes->bytes[i], out);
	}
}

CONFIG_WRITE(bytes)
{
	const struct config_bytes *bytes = value;
	char text[2 * MAX_BYTES + sizeof(HEX)] = "";
	FILE *out = bytes->length ? fmemopen(text, sizeof(text), "w") : NULL;

	(void)standard;
	if (!bytes->length)
		return;
	writer->failed |= !out;
	if (!out)
		return;
	format_bytes(bytes, out);
	fclose(out);
	config_write_value(writer, field, text, NULL);
}
