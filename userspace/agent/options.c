// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What a subcommand was asked for: see options.h. Looks at nothing but the arguments. */
#include "options.h"

#include <getopt.h>
#include <stdlib.h>

#include "message.h"
#include "options_values.h"
#include "pins.h"

enum { OPTION_PLAIN = 1, OPTION_VERBOSE = 'v', OPTION_FIRST = 256 }; /* for getopt_long(3) */

typedef int take_value(struct options *options, const char *text);

static int set_setup(struct options *options, const char *text)
{
	(void)text;
	options->setup = true;
	return EXIT_DONE;
}

static int set_json(struct options *options, const char *text)
{
	(void)text;
	options->json = true;
	return EXIT_DONE;
}

/* 'more': the plain arguments after the option's value are further values of it. */
static const struct {
	const char *name;
	take_value *take;
	unsigned int needs; /* enum option_set; 0: every subcommand takes it */
	bool has_value, more;
} OPTIONS[] = {
	{ "vip", options_add_vip, OPTIONS_TARGET, true, true },
	{ "from", options_add_from, OPTIONS_TARGET, true, false },
	{ "encapsulation", options_add_encapsulation, OPTIONS_TARGET, true, false },
	{ "second-chance", options_add_hop, OPTIONS_TARGET, true, true },
	{ "netns", options_add_namespace, OPTIONS_TARGET, true, true },
	{ "source", options_add_source, OPTIONS_TARGET, true, true },
	{ "mss", options_set_mss, OPTIONS_TARGET, true, false },
	{ "gue-port", options_set_gue_port, OPTIONS_ATTACH, true, false },
	{ "mode", options_set_mode, OPTIONS_ATTACH, true, false },
	{ "setup", set_setup, OPTIONS_ATTACH, false, false },
	{ "user", options_set_user, OPTIONS_RUN, true, false },
	{ "agent-check", options_set_agent_check, OPTIONS_RUN, true, false },
	{ "load-target", options_set_load_target, OPTIONS_RUN, true, false },
	{ "drain-file", options_set_drain_file, OPTIONS_RUN, true, false },
	{ "drain-time", options_set_drain_time, OPTIONS_RUN, true, false },
	{ "pin-path", options_set_pin_path, 0, true, false },
	{ "json", set_json, OPTIONS_JSON, false, false },
};

enum { OPTION_COUNT = sizeof(OPTIONS) / sizeof(OPTIONS[0]) };

static void list_options(struct option list[OPTION_COUNT + 2])
{
	for (int i = 0; i < OPTION_COUNT; i++)
		list[i] = (struct option){ OPTIONS[i].name,
					   OPTIONS[i].has_value ? required_argument : no_argument,
					   NULL, OPTION_FIRST + i };
	list[OPTION_COUNT] = (struct option){ "verbose", no_argument, NULL, OPTION_VERBOSE };
	list[OPTION_COUNT + 1] = (struct option){ 0 };
}

static int set_interface(struct options *options, unsigned int allowed, const char *text)
{
	if (!(allowed & (OPTIONS_INTERFACE | OPTIONS_OPTIONAL_INTERFACE)) || options->interface)
		return usage_error("\"%s\" is one argument too many", text);
	options->interface = text;
	return EXIT_DONE;
}

/* more: who takes the plain arguments that follow; NULL: they name the interface. */
static int take(struct options *options, unsigned int allowed, int option, take_value **more)
{
	int i = option - OPTION_FIRST;

	if (option == OPTION_PLAIN)
		return *more ? (*more)(options, optarg) : set_interface(options, allowed, optarg);
	*more = NULL;
	if (option == OPTION_VERBOSE) {
		options->verbose = true;
		return EXIT_DONE;
	}
	if (i < 0 || i >= OPTION_COUNT)
		return EXIT_USAGE; /* getopt_long() has told */
	if (OPTIONS[i].needs & ~allowed)
		return usage_error("--%s is not an option of this command", OPTIONS[i].name);
	if (OPTIONS[i].more)
		*more = OPTIONS[i].take;
	return OPTIONS[i].take(options, optarg);
}

static int check_complete(const struct options *options, unsigned int allowed)
{
	if (allowed & OPTIONS_INTERFACE && !options->interface)
		return usage_error("the interface is missing");
	if (allowed & OPTIONS_ATTACH && !options->vip_count)
		return usage_error("--vip ADDRESS is missing");
	if (options->vip_count && !options->interface)
		return usage_error("--vip needs the interface by which its packets come");
	if (options->hop_count && !(options->encapsulations >> POISE_AGENT_GUE & 1))
		return usage_error("--second-chance needs --encapsulation gue");
	return EXIT_DONE;
}

static void set_defaults(struct options *options)
{
	*options = (struct options){ .pin_path = PINS_DEFAULT_PATH,
				     .gue_port = POISE_AGENT_GUE_PORT,
				     .mss = MSS_AUTO,
				     .load_target = 1 };
	prefix_parse("172.16.0.0/16", &options->source4);
	prefix_parse("100::/64", &options->source6);
}

int options_parse(int argc, char **argv, unsigned int allowed, struct options *options)
{
	struct option list[OPTION_COUNT + 2];
	int option, code = EXIT_DONE;
	take_value *more = NULL;

	set_defaults(options);
	options->stays = allowed & OPTIONS_RUN;
	list_options(list);
	while (code == EXIT_DONE && (option = getopt_long(argc, argv, "-v", list, NULL)) != -1)
		code = take(options, allowed, option, &more);
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
	free(options->hops);
	*options = (struct options){ 0 };
}
