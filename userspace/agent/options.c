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

enum { OPTION_VIP = 256, OPTION_FROM, OPTION_MODE, OPTION_SETUP, OPTION_PIN_PATH, OPTION_JSON };

enum { OPTION_PLAIN = 1 }; /* getopt_long(3): an argument that is no option */

static const struct option LONG_OPTIONS[] = {
	{ "vip", required_argument, NULL, OPTION_VIP },
	{ "from", required_argument, NULL, OPTION_FROM },
	{ "mode", required_argument, NULL, OPTION_MODE },
	{ "setup", no_argument, NULL, OPTION_SETUP },
	{ "pin-path", required_argument, NULL, OPTION_PIN_PATH },
	{ "json", no_argument, NULL, OPTION_JSON },
	{ "verbose", no_argument, NULL, 'v' },
	{ NULL, 0, NULL, 0 },
};

static int add_vip(struct options *options, const char *text)
{
	struct address *grown, vip;

	if (address_parse(text, &vip))
		return usage_error("--vip \"%s\": not an IPv4 or IPv6 address", text);
	if (!address_is_host(&vip))
		return usage_error("--vip \"%s\": not the unicast address of a host", text);
	if (options->vip_count == POISE_AGENT_MAX_VIPS)
		return usage_error("--vip: more than %d addresses", POISE_AGENT_MAX_VIPS);
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
	unsigned int needs = option >= OPTION_VIP && option <= OPTION_SETUP ? OPTIONS_ATTACH : 0;

	if (option == OPTION_JSON)
		needs = OPTIONS_JSON;
	if (needs & ~allowed)
		return usage_error("%s is not an option of this command", name);
	switch (option) {
	case OPTION_VIP:
		return add_vip(options, optarg);
	case OPTION_FROM:
		return add_source(options, optarg);
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
	return EXIT_DONE;
}

int options_parse(int argc, char **argv, unsigned int allowed, struct options *options)
{
	bool in_vips = false; /* the addresses after the first one of --vip are plain arguments */
	int option, code = EXIT_DONE;

	*options = (struct options){ .pin_path = PINS_DEFAULT_PATH };
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
	return code == EXIT_DONE ? check_complete(options, allowed) : code;
}

void options_free(struct options *options)
{
	free(options->vips);
	free(options->sources);
	*options = (struct options){ 0 };
}
