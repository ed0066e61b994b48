/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "options.h"

#include <getopt.h>
#include <stdio.h>

#include "poise_version.h"

enum { OPTION_CHECK = 256, OPTION_VERSION, OPTION_HISTORY, OPTION_LOG_LEVEL, OPTION_LOG_FORMAT };

static const char usage[] =
	"usage: poised --config FILE [--check] [--history FILE] [--log-level LEVEL]\n"
	"              [--log-format FORMAT]\n"
	"\n"
	"  -c, --config FILE        the configuration, poise.yaml(5)\n"
	"      --check              check it, print every error, and exit (0: it is valid)\n"
	"      --history FILE       of 'poise ring export': if the maps are new\n"
	"      --log-level LEVEL    error, warning, info (the default) or debug\n"
	"      --log-format FORMAT  text (the default), or json: an object a line\n"
	"  -v, --verbose            the same as --log-level debug\n"
	"      --version            print the version and exit\n"
	"  -h, --help               print this and exit\n"
	"\n"
	"It stays in the foreground and logs to stderr. When it ends, traffic goes on as it\n"
	"was; 'poise detach' stops that too. SIGHUP reads the configuration anew.\n";

static int refuse(const char *option, const char *found, const char *allowed)
{
	fprintf(stderr, "poised: %s: found '%.64s', allowed is %s\n", option, found, allowed);
	return EXIT_USAGE;
}

/* Returns -1 to go on, or an exit code. */
static int take(int option, struct options *options)
{
	switch (option) {
	case 'c':
		options->config = optarg;
		return -1;
	case OPTION_CHECK:
		options->check = true;
		return -1;
	case OPTION_HISTORY:
		options->history = optarg;
		return -1;
	case OPTION_LOG_LEVEL:
		return log_parse_level(optarg, &options->log_level) == 0
			       ? -1
			       : refuse("--log-level", optarg, "error, warning, info or debug");
	case OPTION_LOG_FORMAT:
		return log_parse_format(optarg, &options->log_format) == 0
			       ? -1
			       : refuse("--log-format", optarg, "text or json");
	case 'v':
		options->log_level = LOG_LEVEL_DEBUG;
		return -1;
	case OPTION_VERSION:
		printf("poised %s\n", POISE_VERSION);
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	default:
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
}

int options_parse(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, OPTION_CHECK },
		{ "history", required_argument, NULL, OPTION_HISTORY },
		{ "log-level", required_argument, NULL, OPTION_LOG_LEVEL },
		{ "log-format", required_argument, NULL, OPTION_LOG_FORMAT },
		{ "verbose", no_argument, NULL, 'v' },
		{ "version", no_argument, NULL, OPTION_VERSION },
		{ "help", no_argument, NULL, 'h' },
		{},
	};
	int option, code = -1;

	*options = (struct options){ .log_level = LOG_LEVEL_INFO, .log_format = LOG_FORMAT_TEXT };
	while (code < 0 && (option = getopt_long(argc, argv, "c:vh", known, NULL)) != -1)
		code = take(option, options);
	if (code >= 0 || (options->config && optind == argc))
		return code;
	if (optind < argc)
		fprintf(stderr, "poised: unexpected argument '%s'\n", argv[optind]);
	else
		fprintf(stderr, "poised: --config FILE is missing\n");
	fputs(usage, stderr);
	return EXIT_USAGE;
}
