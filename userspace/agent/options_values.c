// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The values of options: see options_values.h. Looks at nothing but them. */
#include "options_values.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "names.h"

enum { MIN_VIP_PREFIX4 = 8, MIN_VIP_PREFIX6 = 32, MAX_PORT = 65535 };

/* As of the balancer's tunnel.source_ipv4 and source_ipv6: poise.yaml(5). */
enum { MIN_SOURCE_PREFIX4 = 8, MIN_SOURCE_PREFIX6 = 32 };

/* The smallest that some hosts still take, and the largest that an IPv4 packet has room for. */
enum { MIN_MSS = 536, MAX_MSS = 65495 };

/* Of a prefix its second address stands for all: the first one may look like no host's. */
static bool holds_hosts(const struct prefix *prefix)
{
	struct address address = prefix->address;

	if (prefix->length < (address.family == 4 ? 32 : 128))
		address.bytes[address.family == 4 ? 3 : 15] |= 1;
	return address_is_host(&address);
}

static int parse_prefix(const char *option, const char *text, struct prefix *out)
{
	int err = prefix_parse(text, out);

	if (err == -ERANGE)
		return usage_error("%s \"%s\": bits after the prefix length are set", option, text);
	if (err)
		return usage_error("%s \"%s\": not an IPv4 or IPv6 address or ADDRESS/LENGTH",
				   option, text);
	return EXIT_DONE;
}

/* At least as long as the shortest one that is allowed for its family. */
static int check_length(const char *option, const char *text, const struct prefix *prefix,
			int least4, int least6)
{
	if (prefix->length >= (prefix->address.family == 4 ? least4 : least6))
		return EXIT_DONE;
	return usage_error("%s \"%s\": a prefix is at least /%d for IPv4, /%d for IPv6", option,
			   text, least4, least6);
}

static int append(const char *option, struct prefix **list, size_t *count, size_t max,
		  const struct prefix *prefix)
{
	struct prefix *grown;

	if (*count == max)
		return usage_error("%s: more than %zu addresses and prefixes", option, max);
	grown = reallocarray(*list, *count + 1, sizeof(*grown));
	if (!grown)
		return usage_error("out of memory");
	*list = grown;
	grown[(*count)++] = *prefix;
	return EXIT_DONE;
}

int options_add_vip(struct options *options, const char *text)
{
	struct prefix vip;
	int code = parse_prefix("--vip", text, &vip);

	if (code == EXIT_DONE && !holds_hosts(&vip))
		return usage_error("--vip \"%s\": not the unicast address of a host", text);
	if (code == EXIT_DONE)
		code = check_length("--vip", text, &vip, MIN_VIP_PREFIX4, MIN_VIP_PREFIX6);
	return code == EXIT_DONE ? append("--vip", &options->vips, &options->vip_count,
					  POISE_AGENT_MAX_VIPS, &vip)
				 : code;
}

int options_add_from(struct options *options, const char *text)
{
	struct prefix source;
	int code = parse_prefix("--from", text, &source);

	return code == EXIT_DONE ? append("--from", &options->sources, &options->source_count,
					  POISE_AGENT_MAX_SOURCES, &source)
				 : code;
}

int options_add_hop(struct options *options, const char *text)
{
	struct prefix hop;
	int code = parse_prefix("--second-chance", text, &hop);

	if (code == EXIT_DONE && !holds_hosts(&hop))
		return usage_error("--second-chance \"%s\": not unicast addresses of hosts", text);
	return code == EXIT_DONE ? append("--second-chance", &options->hops, &options->hop_count,
					  POISE_AGENT_MAX_HOPS, &hop)
				 : code;
}

int options_add_namespace(struct options *options, const char *text)
{
	if (text[0] != '/')
		return usage_error("--netns \"%s\": not an absolute path, as /run/netns/NAME",
				   text);
	if (options->namespace_count == POISE_AGENT_MAX_NAMESPACES)
		return usage_error("--netns: more than %d paths", POISE_AGENT_MAX_NAMESPACES);
	options->namespaces[options->namespace_count++] = text;
	return EXIT_DONE;
}

int options_add_source(struct options *options, const char *text)
{
	struct prefix source;
	int code = parse_prefix("--source", text, &source);

	if (code == EXIT_DONE && !holds_hosts(&source))
		return usage_error("--source \"%s\": not unicast addresses", text);
	if (code == EXIT_DONE)
		code = check_length("--source", text, &source, MIN_SOURCE_PREFIX4,
				    MIN_SOURCE_PREFIX6);
	if (code != EXIT_DONE)
		return code;
	if (source.address.family == 4)
		options->source4 = source;
	else
		options->source6 = source;
	return EXIT_DONE;
}

/* The first one takes the place of the default, all of them. */
int options_add_encapsulation(struct options *options, const char *text)
{
	for (size_t i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++) {
		if (!strcasecmp(text, NAMES_ENCAPSULATIONS[i])) {
			options->encapsulations |= 1u << i;
			return EXIT_DONE;
		}
	}
	return usage_error("--encapsulation \"%s\": allowed are ipip, gue and gre", text);
}

/* Digits alone. */
static bool parse_number(const char *text, unsigned long least, unsigned long most,
			 unsigned long *out)
{
	char *end;

	*out = strtoul(text, &end, 10);
	return text[0] >= '0' && text[0] <= '9' && !*end && *out >= least && *out <= most;
}

int options_set_mss(struct options *options, const char *text)
{
	unsigned long bytes;

	if (!strcmp(text, "auto"))
		options->mss = MSS_AUTO;
	else if (!strcmp(text, "off"))
		options->mss = MSS_OFF;
	else if (parse_number(text, MIN_MSS, MAX_MSS, &bytes))
		options->mss = (int32_t)bytes;
	else
		return usage_error("--mss \"%s\": allowed are auto, off, and bytes from %d to %d",
				   text, MIN_MSS, MAX_MSS);
	return EXIT_DONE;
}

int options_set_gue_port(struct options *options, const char *text)
{
	unsigned long port;

	if (!parse_number(text, 1, MAX_PORT, &port))
		return usage_error("--gue-port \"%s\": not a port, 1 to %d", text, MAX_PORT);
	options->gue_port = (uint16_t)port;
	return EXIT_DONE;
}

int options_set_mode(struct options *options, const char *text)
{
	static const char *const names[] = { "auto", "native", "generic", "tc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			options->mode = (enum attach_mode)i;
			return EXIT_DONE;
		}
	}
	return usage_error("--mode \"%s\": allowed are auto, native, generic and tc", text);
}

int options_set_pin_path(struct options *options, const char *text)
{
	if (text[0] != '/')
		return usage_error("--pin-path \"%s\": not an absolute path", text);
	options->pin_path = text;
	return EXIT_DONE;
}
