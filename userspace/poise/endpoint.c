/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "endpoint.h"

#include <string.h>

#include "format.h"

enum { MAX_PORT = 65535 };

bool endpoint_parse(const char *text, struct endpoint *out)
{
	const char *colon = strrchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;
	bool brackets = text[0] == '[' && length > 2 && text[length - 1] == ']';
	struct address address;

	if (!colon || length >= sizeof(out->address))
		return false;
	memcpy(out->address, text + brackets, length - 2 * brackets);
	out->address[length - 2 * brackets] = 0;
	if (address_parse(out->address, &address) || (address.family == 6) != brackets)
		return false;
	address_format(&address, out->address);
	return parse_number(colon + 1, 0, MAX_PORT, &out->port);
}
