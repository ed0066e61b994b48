// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent: the table of subcommands. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "message.h"
#include "poise_agent_abi.h"

struct command {
	const char *name;
	int (*run)(const struct options *options);
	unsigned int allowed; /* enum option_set */
	const char *arguments;
	const char *what;
};

static int command_version(const struct options *options);
static int command_help(const struct options *options);

static const struct command COMMANDS[] = {
	{ "attach", command_attach, OPTIONS_ATTACH | OPTIONS_TARGET | OPTIONS_INTERFACE,
	  "IFACE --vip ADDRESS|PREFIX... [--from PREFIX]... [--encapsulation ipip|gue|gre]... "
	  "[--gue-port PORT] [--second-chance PREFIX...] [--netns PATH...] [--source PREFIX...] "
	  "[--mss auto|BYTES|off] [--mode auto|native|generic|tc] [--setup]",
	  "open the tunnels of these VIPs on IFACE; again: change the VIPs and the program" },
	{ "run", command_run, OPTIONS_RUN | OPTIONS_ATTACH | OPTIONS_TARGET | OPTIONS_INTERFACE,
	  "IFACE [OPTIONS OF attach] [--user USER] [--agent-check [ADDRESS:]PORT] "
	  "[--load-target LOAD] [--drain-file PATH] [--drain-time SECONDS]",
	  "attach, and stay: follow namespaces, tell balancers this backend's weight" },
	{ "detach", command_detach, OPTIONS_INTERFACE, "IFACE",
	  "open no tunnels on IFACE any more" },
	{ "status", command_status, OPTIONS_JSON | OPTIONS_OPTIONAL_INTERFACE, "[IFACE] [--json]",
	  "what is attached, its VIPs and counters, and what is wrong with the host" },
	{ "doctor", command_doctor, OPTIONS_TARGET | OPTIONS_JSON | OPTIONS_OPTIONAL_INTERFACE,
	  "[IFACE [--vip ADDRESS|PREFIX...] [--from PREFIX]... "
	  "[--encapsulation ipip|gue|gre]... [--second-chance PREFIX...] [--netns PATH...] "
	  "[--source PREFIX...] [--mss auto|BYTES|off]] [--json] [--verbose]",
	  "what is wrong with the host, why it matters, and what mends it" },
	{ "version", command_version, OPTIONS_JSON, "[--json]", "the version of this program" },
	{ "help", command_help, 0, "", "this text" },
};

enum { COMMAND_COUNT = sizeof(COMMANDS) / sizeof(COMMANDS[0]) };

static int command_version(const struct options *options)
{
	if (options->json)
		printf("{\"version\": \"%s\", \"abi_version\": %d}\n", POISE_VERSION,
		       POISE_AGENT_ABI_VERSION);
	else
		printf("poise-agent %s (ABI version %d)\n", POISE_VERSION, POISE_AGENT_ABI_VERSION);
	return EXIT_DONE;
}

static void print_help(FILE *out)
{
	fprintf(out, "usage:\n");
	for (int i = 0; i < COMMAND_COUNT; i++)
		fprintf(out, "  poise-agent %s %s\n      %s\n", COMMANDS[i].name,
			COMMANDS[i].arguments, COMMANDS[i].what);
	fprintf(out, "every command takes --pin-path PATH and --verbose; see poise-agent(8)\n");
}

static int command_help(const struct options *options)
{
	(void)options;
	print_help(stdout);
	return EXIT_DONE;
}

static const struct command *find(const char *name)
{
	while (*name == '-')
		name++; /* --help, --version */
	for (int i = 0; i < COMMAND_COUNT; i++)
		if (!strcmp(name, COMMANDS[i].name))
			return &COMMANDS[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct command *command = argc > 1 ? find(argv[1]) : NULL;
	struct options options;
	int code;

	if (!command) {
		if (argc > 1)
			usage_error("there is no command \"%s\"", argv[1]);
		print_help(stderr);
		return EXIT_USAGE;
	}
	code = options_parse(argc - 1, argv + 1, command->allowed, &options);
	if (code == EXIT_DONE) {
		message_library_log(options.verbose);
		code = command->run(&options);
	} else {
		fprintf(stderr, "usage: poise-agent %s %s\n", command->name, command->arguments);
	}
	options_free(&options);
	if (fflush(stdout))
		return EXIT_REFUSED;
	return code;
}
