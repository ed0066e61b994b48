// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a subcommand was asked for: see options.h. Looks at nothing but the arguments. */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "message.h"
#include "pins.h"
#include "poise_agent_abi.h"

enum {
	OPTION_VIP = 256,
	OPTION_FROM,
	OPTION_ENCAPSULATION,
	OPTION_GUE_PORT,
	OPTION_MODE,
	OPTION_SETUP,
	OPTION_PIN_PATH,
	OPTION_JSON,
};

enum { MIN_VIP_PREFIX4 = 8, MIN_VIP_PREFIX6 = 32, MAX_PORT = 65535 };

enum { OPTION_PLAIN = 1 }; /* getopt_long(3): an argument that is no option */

static const struct option LONG_OPTIONS[] = {
	{ "vip", required_argument, NULL, OPTION_VIP },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "encapsulation", required_argument, NULL, OPTION_ENCAPSULATION },
	{ "gue-port", required_argument, NULL, OPTION_GUE_PORT },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "setup", no_argument, NULL, OPTION_SETUP },
	{ "pin-path", required_argument, NULL, OPTION_PIN_PATH },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

/* Of a prefix its second address stands for all: the first one may look like no host's. */
static bool holds_hosts(const struct prefix *prefix)
{
	struct address address = prefix->address;

	if (prefix->length < (address.family == 4 ? 32 : 128))
		address.bytes[address.family == 4 ? 3 : 15] |= 1;
	return address_is_host(&address);
}

static int add_vip(struct options *options, const char *text)
{
	struct prefix *grown, vip;
	int err = prefix_parse(text, &vip);

	if (err == -ERANGE)
		return usage_error("--vip \"%s\": bits after the prefix length are set", text);
	if (err)
		return usage_error("--vip \"%s\": not an IPv4 or IPv6 address or prefix", text);
	if (!holds_hosts(&vip))
		return usage_error("--vip \"%s\": not the unicast address of a host", text);
	if (vip.length < (vip.address.family == 4 ? MIN_VIP_PREFIX4 : MIN_VIP_PREFIX6))
		return usage_error("--vip \"%s\": a prefix is at least /%d for IPv4, /%d for IPv6",
				   text, MIN_VIP_PREFIX4, MIN_VIP_PREFIX6);
	if (options->vip_count == POISE_AGENT_MAX_VIPS)
		return usage_error("--vip: more than %d addresses and prefixes",
				   POISE_AGENT_MAX_VIPS);
	grown = reallocarray(options->vips, options->vip_count + 1, sizeof(*grown));
	if (!grown)
		return usage_error("out of memory");
	options->vips = grown;
	options->vips[options->vip_count++] = vip;
	return EXIT_DONE;
}

static int add_source(struct options *options, const char *text)
{
	struct prefix *grown, source;
	int err = prefix_parse(text, &source);

	if (err == -ERANGE)
		return usage_error("--from \"%s\": bits after the prefix length are set", text);
	if (err)
		return usage_error("--from \"%s\": not an address or ADDRESS/LENGTH", text);
	if (options->source_count == POISE_AGENT_MAX_SOURCES)
		return usage_error("--from: more than %d prefixes", POISE_AGENT_MAX_SOURCES);
	grown = reallocarray(options->sources, options->source_count + 1, sizeof(*grown));
	if (!grown)
		return usage_error("out of memory");
	options->sources = grown;
	options->sources[options->source_count++] = source;
	return EXIT_DONE;
}

/* The first one takes the place of the default, all of them. */
static int add_encapsulation(struct options *options, const char *text)
{
	static const char *const names[] = {
#define NAME(name, text) #name,
		POISE_AGENT_ENCAPSULATIONS(NAME)
#undef NAME
	};

	for (size_t i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++) {
		if (!strcasecmp(text, names[i])) {
			options->encapsulations |= 1u << i;
			return EXIT_DONE;
		}
	}
	return usage_error("--encapsulation \"%s\": allowed are ipip, gue and gre", text);
}

static int set_gue_port(struct options *options, const char *text)
{
	char *end;
	unsigned long port = strtoul(text, &end, 10);

	if (text[0] < '1' || text[0] > '9' || *end || port > MAX_PORT)
		return usage_error("--gue-port \"%s\": not a port, 1 to %d", text, MAX_PORT);
	options->gue_port = (uint16_t)port;
	return EXIT_DONE;
}

static int set_mode(struct options *options, const char *text)
{
	static const char *const names[] = { "auto", "native", "generic" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!strcmp(text, names[i])) {
			options->mode = (enum attach_mode)i;
			return EXIT_DONE;
		}
	}
	return usage_error("--mode \"%s\": allowed are auto, native and generic", text);
}

static int set_pin_path(struct options *options, const char *text)
{
	if (text[0] != '/')
		return usage_error("--pin-path \"%s\": not an absolute path", text);
	options->pin_path = text;
	return EXIT_DONE;
}

static int set_interface(struct options *options, unsigned int allowed, const char *text)
{
	if (!(allowed & (OPTIONS_INTERFACE | OPTIONS_OPTIONAL_INTERFACE)) || options->interface)
		return usage_error("\"%s\" is one argument too many", text);
	options->interface = text;
	return EXIT_DONE;
}

static int take(struct options *options, unsigned int allowed, int option, const char *name)
{
	unsigned int needs = 0;

	if (option >= OPTION_VIP && option <= OPTION_ENCAPSULATION)
		needs = OPTIONS_TARGET;
	if (option >= OPTION_GUE_PORT && option <= OPTION_SETUP)
		needs = OPTIONS_ATTACH;
	if (option == OPTION_JSON)
		needs = OPTIONS_JSON;
	if (needs & ~allowed)
		return usage_error("%s is not an option of this command", name);
	switch (option) {
	case OPTION_VIP:
		return add_vip(options, optarg);
	case OPTION_FROM:
		return add_source(options, optarg);
	case OPTION_ENCAPSULATION:
		return add_encapsulation(options, optarg);
	case OPTION_GUE_PORT:
		return set_gue_port(options, optarg);
	case OPTION_MODE:
		return set_mode(options, optarg);
	case OPTION_SETUP:
		options->setup = true;
		return EXIT_DONE;
	case OPTION_PIN_PATH:
		return set_pin_path(options, optarg);
	case OPTION_JSON:
		options->json = true;
		return EXIT_DONE;
	case 'v':
		options->verbose = true;
		return EXIT_DONE;
	default:
		return EXIT_USAGE; /* getopt_long() has told */
	}
}

static int check_complete(const struct options *options, unsigned int allowed)
{
	if (allowed & OPTIONS_INTERFACE && !options->interface)
		return usage_error("the interface is missing");
	if (allowed & OPTIONS_ATTACH && !options->vip_count)
		return usage_error("--vip ADDRESS is missing");
	if (options->vip_count && !options->interface)
		return usage_error("--vip needs the interface by which its packets come");
	return EXIT_DONE;
}

int options_parse(int argc, char **argv, unsigned int allowed, struct options *options)
{
	bool in_vips = false; /* the addresses after the first one of --vip are plain arguments */
	int option, code = EXIT_DONE;

	*options =
		(struct options){ .pin_path = PINS_DEFAULT_PATH, .gue_port = POISE_AGENT_GUE_PORT };
	while (code == EXIT_DONE &&
	       (option = getopt_long(argc, argv, "-v", LONG_OPTIONS, NULL)) != -1) {
		if (option == OPTION_PLAIN && in_vips) {
			code = add_vip(options, optarg);
		} else if (option == OPTION_PLAIN) {
			code = set_interface(options, allowed, optarg);
		} else {
			in_vips = option == OPTION_VIP;
			code = take(options, allowed, option, argv[optind - 1]);
		}
	}
	for (; code == EXIT_DONE && optind < argc; optind++)
		code = set_interface(options, allowed, argv[optind]);
	if (!options->encapsulations)
		options->encapsulations = (1u << POISE_AGENT_ENCAPSULATION_COUNT) - 1;
	return code == EXIT_DONE ? check_complete(options, allowed) : code;
}

void options_free(struct options *options)
{
	free(options->vips);
	free(options->sources);
	*options = (struct options){ 0 };
}
