// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The values of the options of `run`: see options_values.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "options_values.h"

enum { MAX_PORT = 65535, MAX_DRAIN_SECONDS = 86400, MAX_LOAD = 10000 };

int options_set_user(struct options *options, const char *text)
{
	options->user = text;
	return EXIT_DONE;
}

/* ADDRESS:PORT, [ADDRESS]:PORT or PORT; the last colon is the one. */
static bool parse_place(const char *text, struct listen_address *out)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	char address[ADDRESS_TEXT_BYTES], *begin = address, *end;
	size_t length = colon ? (size_t)(colon - text) : 0;
	unsigned long number = strtoul(port, &end, 10);

	*out = (struct listen_address){ .port = (uint16_t)number };
	if (port[0] < '1' || port[0] > '9' || *end || number > MAX_PORT ||
	    length >= sizeof(address))
		return false;
	if (!colon)
		return true;
	snprintf(address, length + 1, "%s", text);
	if (address[0] == '[' && address[length - 1] == ']') {
		address[length - 1] = 0;
		begin++;
	}
	return !address_parse(begin, &out->address) &&
	       (begin > address) == (out->address.family == 6);
}

int options_set_agent_check(struct options *options, const char *text)
{
	if (parse_place(text, &options->agent_check))
		return EXIT_DONE;
	return usage_error("--agent-check \"%s\": allowed are PORT, ADDRESS:PORT and "
			   "[IPV6-ADDRESS]:PORT, with a port from 1 to %d",
			   text, MAX_PORT);
}

int options_set_load_target(struct options *options, const char *text)
{
	char *end;
	double load = strtod(text, &end);

	if (!strchr("0123456789.", text[0]) || end == text || *end || !isfinite(load) ||
	    load <= 0 || load > MAX_LOAD)
		return usage_error("--load-target \"%s\": not a number of tasks a CPU, above 0 and "
				   "at most %d",
				   text, MAX_LOAD);
	options->load_target = load;
	return EXIT_DONE;
}

int options_set_drain_file(struct options *options, const char *text)
{
	if (text[0] != '/')
		return usage_error("--drain-file \"%s\": not an absolute path", text);
	options->drain_file = text;
	return EXIT_DONE;
}

int options_set_drain_time(struct options *options, const char *text)
{
	char *end;
	unsigned long seconds = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || seconds > MAX_DRAIN_SECONDS)
		return usage_error("--drain-time \"%s\": not a number of seconds, 0 to %d", text,
				   MAX_DRAIN_SECONDS);
	options->drain_seconds = (unsigned int)seconds;
	return EXIT_DONE;
}
