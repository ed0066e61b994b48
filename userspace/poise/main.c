/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise, the CLI: finds the command in the table, checks its usage, runs it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "complete.h"
#include "help.h"
#include "options.h"
#include "poise.h"
#include "poise_version.h"
#include "text.h"

#define DEFAULT_SOCKET	 "/run/poise/poised.sock"
#define DEFAULT_PIN_PATH "/sys/fs/bpf/poise"

const struct command commands[] = {
	{ "status", "[--lenient]", "what runs, and how it fares",
	  "Shows poised, its interfaces, and each service with its backends. A * marks a backend\n"
	  "that differs from the configuration file.\n\n"
	  "Ends with status 4 while the program is not on one of the interfaces; with --lenient\n"
	  "with 0, as long as poised answers.\n\n"
	  "example: poise status",
	  OPTION_LENIENT, 0, 0, cmd_status },
	{ "service list", "", "the services", "Lists the services.\n\nexample: poise service list",
	  0, 0, 0, cmd_service_list },
	{ "service show", "SERVICE", "one service and its backends",
	  "Shows one service, its check and its backends.\n\nexample: poise service show web", 0, 1,
	  1, cmd_service_show },
	{ "backend list", "[SERVICE]", "the backends",
	  "Lists the backends of every service, or of one.\n\nexample: poise backend list web", 0,
	  0, 1, cmd_backend_list },
	{ "backend show", "SERVICE NAME", "all about one backend, and its last changes",
	  "Shows everything that is known of a backend: its check and the last result, its "
	  "weight,\n"
	  "way and counters, and its last 32 changes.\n\n"
	  "example: poise backend show web app-01",
	  0, 2, 2, cmd_backend_show },
	{ "backend add", "SERVICE NAME ADDRESS [OPTIONS]", "add a backend",
	  "Adds a backend until it is removed again: restarts and reloads keep it.\n\n"
	  "  --weight N            0 to 1000, by default 100\n"
	  "  --encapsulation KIND  ipip, gue, gre or l2, by default the service's\n"
	  "  --server-id HEX       needed where the service has 'quic': two digits a byte\n"
	  "  --if-missing          change nothing if it is there, with that address\n\n"
	  "example: poise backend add web app-04 10.0.1.14 --weight 50",
	  OPTION_WEIGHT | OPTION_ENCAPSULATION | OPTION_SERVER_ID | OPTION_IF_MISSING, 3, 3,
	  cmd_backend_add },
	{ "backend remove", "SERVICE NAME [--now]", "remove a backend",
	  "Sends the backend no new connection, and forgets it when its connections are gone.\n"
	  "With --now its connections go to the other backends at once, and break.\n\n"
	  "example: poise backend remove web app-04",
	  OPTION_NOW, 2, 2, cmd_backend_remove },
	{ "backend drain", "SERVICE NAME [--wait [--timeout SECONDS]]",
	  "send a backend no new connection",
	  "Sends the backend no new connection and keeps those that it has. With --wait it\n"
	  "returns when they are gone; after SECONDS it gives up waiting (exit code 1), but the\n"
	  "backend goes on draining.\n\n"
	  "example: poise backend drain web app-01 --wait --timeout 600",
	  OPTION_WAIT | OPTION_TIMEOUT, 2, 2, cmd_backend_drain },
	{ "backend undrain", "SERVICE NAME", "end draining a backend",
	  "Sends the backend new connections again.\n\nexample: poise backend undrain web app-01",
	  0, 2, 2, cmd_backend_undrain },
	{ "backend weight", "SERVICE NAME N", "change a backend's weight",
	  "Changes the backend's share of new connections; its connections stay with it. The\n"
	  "weight is 0 (no new connection) to 1000.\n\n"
	  "example: poise backend weight web app-01 50",
	  0, 3, 3, cmd_backend_weight },
	{ "drain", "SERVICE NAME | --host ADDRESS [--wait [--timeout SECONDS]]",
	  "send a backend, or a whole host, no new connection",
	  "As 'backend drain'; with --host the backends of every service that have ADDRESS, as "
	  "one\n"
	  "change.\n\n"
	  "example: poise drain --host 10.0.1.11 --wait",
	  OPTION_HOST | OPTION_WAIT | OPTION_TIMEOUT, 0, 2, cmd_drain },
	{ "undrain", "SERVICE NAME | --host ADDRESS", "end draining a backend, or a whole host",
	  "As 'backend undrain'; with --host the backends of every service that have ADDRESS.\n\n"
	  "example: poise undrain --host 10.0.1.11",
	  OPTION_HOST, 0, 2, cmd_undrain },
	{ "batch", "", "several changes of backends as one",
	  "Reads commands from standard input, a line each, as behind 'poise backend': add, "
	  "remove,\n"
	  "drain, undrain and weight. All of them are made, as one change, or none. Empty lines\n"
	  "and what follows a # are ignored.\n\n"
	  "example: poise batch <changes\n"
	  "  drain web app-01\n"
	  "  weight web app-02 50\n"
	  "  add web app-07 10.0.1.17 --if-missing",
	  0, 0, 0, cmd_batch },
	{ "ring export", "[SERVICE]...", "what slots name, for another balancer",
	  "Prints, as JSON, which backends may know the connections of the slots that move, of\n"
	  "every service with second_chance, or of some. A balancer that begins with empty maps\n"
	  "takes it in by 'poised --history', or 'poise ring import'.\n\n"
	  "example: poise ring export >history.json",
	  0, 0, MAX_NAMES, cmd_ring_export },
	{ "ring import", "FILE", "take in what another balancer's slots name",
	  "Has slots that do not move name the backends that FILE ('-': standard input) says, an\n"
	  "output of 'poise ring export' of a balancer with the same services and seed. All of it\n"
	  "is taken in one step, or nothing; what the file says of other services or backends is\n"
	  "left out.\n\n"
	  "example: ssh lb2 poise ring export | poise ring import -",
	  0, 1, 1, cmd_ring_import },
	{ "stats", "", "every counter",
	  "Shows the packets of each service and backend, what became of all others, and "
	  "events.\n\n"
	  "example: poise stats --json | jq '.reasons[] | select(.packets > 0)'",
	  0, 0, 0, cmd_stats },
	{ "top", "[SERVICE] [--interval SECONDS] [--once]", "watch services, backends and drops",
	  "Shows services, the backends of one or of all, and drops, with their rates, until q is\n"
	  "pressed; ? describes the keys, which also drain backends and change weights.\n\n"
	  "  --interval SECONDS  between two looks, 1 to 3600, by default 1\n"
	  "  --once              print one look, and end\n\n"
	  "example: poise top web",
	  OPTIONS_OF_TOP, 0, 1, cmd_top },
	{ "explain", "tcp|udp SOURCE:PORT DESTINATION:PORT [OPTIONS]",
	  "tell what would become of a packet",
	  "Runs a client's packet through the program that forwards, without any effect, and\n"
	  "tells what becomes of it, and why. A TCP packet is a SYN unless told otherwise.\n\n"
	  "  --syn --ack --fin --rst  its TCP flags\n"
	  "  --payload HEX            its payload, two digits a byte\n"
	  "  --quic-id HEX            a payload with this QUIC connection id\n"
	  "  --length N               of the IP packet in bytes; zeros fill it up\n"
	  "  --df                     it may not be fragmented\n"
	  "  --interface NAME         by which it comes, by default Poise's first one\n"
	  "  --frame HEX              a whole Ethernet frame in place of all but --interface\n\n"
	  "example: poise explain tcp 198.51.100.7:4242 203.0.113.10:443",
	  OPTIONS_OF_EXPLAIN, 0, 3, cmd_explain },
	{ "capture", "[OPTIONS] -w FILE", "write packets and what became of them to a file",
	  "Writes packets for services' addresses, as they come, to a pcapng file; each has its\n"
	  "verdict, reason, service and backend as a comment. It goes on until Ctrl-C.\n\n"
	  "  -w, --write FILE   - is standard output\n"
	  "  --drops            only what is dropped\n"
	  "  --service NAME     only what is for this service\n"
	  "  --all              also what is not for a service's address\n"
	  "  --sent             packets as they are sent, too\n"
	  "  --sample N         one packet in N, at random\n"
	  "  --bytes N          the first bytes of each, 64 to 2048, by default 256\n"
	  "  --count N          end after so many\n"
	  "  --seconds S        end after this time\n\n"
	  "example: poise capture --drops --seconds 60 -w - | tshark -r -",
	  OPTIONS_OF_CAPTURE, 0, 0, cmd_capture },
	{ "doctor", "[--config FILE] [--verbose]",
	  "what is wrong with this host, and what mends it",
	  "Looks at the kernel, the interfaces, the ways to backends, memory and the "
	  "configuration,\n"
	  "and prints each finding with why it matters and the command that mends it. Changes\n"
	  "nothing. Without poised it looks at the host and the configuration file alone. The "
	  "exit\n"
	  "code is 1 where there is a warning or a problem.\n\n"
	  "  --config FILE  by default what runs, else /etc/poise/poise.yaml\n"
	  "  --verbose      also what is fine\n\n"
	  "example: poise doctor --verbose",
	  OPTION_OF_DOCTOR, 0, 0, cmd_doctor },
	{ "check", "FILE", "validate a configuration file",
	  "Reads a configuration file and prints each error of it. Needs no poised.\n\n"
	  "example: poise check /etc/poise/poise.yaml",
	  0, 1, 1, cmd_check },
	{ "diff", "[FILE]", "compare what runs with a file",
	  "Prints how FILE, by default the one that poised was started with, differs from what\n"
	  "runs: + is only in FILE, - only runs, ~ differs (what runs -> what FILE says). What "
	  "was\n"
	  "changed by command is marked.\n\n"
	  "example: poise diff && poise reload",
	  0, 0, 1, cmd_diff },
	{ "save", "[FILE] [--force]", "write what runs as a configuration file",
	  "Writes the configuration that declares what runs, changes by command included, to\n"
	  "FILE ('-': standard output), by default to the file that poised was started with. The\n"
	  "comments of a file that exists are lost, so that takes --force.\n\n"
	  "example: poise save /etc/poise/poise.yaml.new",
	  OPTION_FORCE, 0, 1, cmd_save },
	{ "reload", "[--dry-run]", "read the configuration file again",
	  "Has poised read its configuration file again: applied whole, or refused whole with\n"
	  "every error. With --dry-run it only says what would change, and how many slots would\n"
	  "move.\n\n"
	  "example: poise reload --dry-run",
	  OPTION_DRY_RUN, 0, 0, cmd_reload },
	{ "apply", "FILE [--dry-run]", "run another configuration",
	  "Sends FILE to poised: applied whole, or refused whole with every error. The next "
	  "reload\n"
	  "or start comes back to poised's own file. With --dry-run it only says what would "
	  "change,\n"
	  "and how many slots would move.\n\n"
	  "example: poise apply new.yaml --dry-run",
	  OPTION_DRY_RUN, 1, 1, cmd_apply },
	{ "detach", "[--pin-path PATH]", "stop balancing",
	  "Takes the program off the interfaces, removes what is pinned and ends poised: nothing\n"
	  "is balanced any more. If poised does not run, what it left under PATH is removed\n"
	  "(default " DEFAULT_PIN_PATH ").\n\n"
	  "example: poise detach",
	  OPTION_PIN_PATH, 0, 0, cmd_detach },
	{ "version", "", "versions of poise and poised",
	  "Prints the versions of poise and of the poised that runs.\n\nexample: poise version", 0,
	  0, 0, cmd_version },
	{ "help", "[COMMAND]", "describe a command",
	  "Describes a command.\n\n"
	  "example: poise help backend add",
	  0, 0, 2, cmd_help },
};

const size_t command_count = sizeof(commands) / sizeof(*commands);

/* Whether the first words are the command's name; *used becomes how many words that takes. */
static bool is_called(const struct command *command, const char *const *words, size_t count,
		      size_t *used)
{
	const char *space = strchr(command->name, ' ');
	size_t first = space ? (size_t)(space - command->name) : strlen(command->name);

	*used = space ? 2 : 1;
	return count >= *used && strlen(words[0]) == first &&
	       !strncmp(command->name, words[0], first) && (!space || !strcmp(space + 1, words[1]));
}

static const struct command *find_command(const char *const *words, size_t count, size_t *used)
{
	for (size_t i = 0; i < command_count; i++)
		if (is_called(&commands[i], words, count, used))
			return &commands[i];
	return NULL;
}

static bool is_group(const char *word)
{
	return !strcmp(word, "service") || !strcmp(word, "backend") || !strcmp(word, "ring");
}

/* "weight" for "backend weight": a command by its second word. NULL: there is none. */
static const char *find_by_second(const char *word)
{
	for (size_t i = 0; i < command_count; i++) {
		const char *space = strchr(commands[i].name, ' ');

		if (space && !strcmp(space + 1, word))
			return commands[i].name;
	}
	return NULL;
}

static int complain_unknown(const char *const *words, size_t count)
{
	const char *names[sizeof(commands) / sizeof(*commands)], *nearest;
	bool two = count > 1 && is_group(words[0]);
	char *text = text_format("%s%s%s", words[0], two ? " " : "", two ? words[1] : "");

	for (size_t i = 0; i < command_count; i++)
		names[i] = commands[i].name;
	nearest = find_by_second(text);
	if (!nearest)
		nearest = help_nearest(text, strlen(text), names, command_count);
	if (!nearest && count > 1) { /* a slip in the first of two words */
		free(text);
		text = text_format("%s %s", words[0], words[1]);
		nearest = help_nearest(text, strlen(text), names, command_count);
	}
	if (nearest)
		complain("unknown command \"%s\": did you mean \"%s\"?", text, nearest);
	else
		complain("unknown command \"%s\": see \"poise help\"", text);
	free(text);
	return EXIT_USAGE;
}

/* Describes what the words name. */
static int describe(const char *const *words, size_t count)
{
	const struct command *command;
	size_t used;

	if (!count) {
		help_all(stdout);
		return EXIT_DONE;
	}
	command = find_command(words, count, &used);
	if (command)
		help_command(command, stdout);
	else if (is_group(words[0]) && count == 1)
		help_group(words[0], stdout);
	else
		return complain_unknown(words, count);
	return EXIT_DONE;
}

int cmd_help(const struct invocation *invocation)
{
	return describe(invocation->operands, invocation->operand_count);
}

static int run(struct invocation *invocation)
{
	const struct command *command;
	size_t used;

	if (invocation->version) {
		say("poise %s\n", POISE_VERSION);
		return EXIT_DONE;
	}
	if (invocation->help)
		return describe(invocation->words, invocation->word_count);
	if (!invocation->word_count) {
		help_all(stderr);
		return EXIT_USAGE;
	}
	command = find_command(invocation->words, invocation->word_count, &used);
	if (!command && is_group(invocation->words[0]) && invocation->word_count == 1) {
		help_group(invocation->words[0], stderr);
		return EXIT_USAGE;
	}
	if (!command)
		return complain_unknown(invocation->words, invocation->word_count);
	invocation->operands = invocation->words + used;
	invocation->operand_count = invocation->word_count - used;
	if (!options_suit(command, invocation))
		return EXIT_USAGE;
	return command->run(invocation);
}

int main(int argc, char **argv)
{
	struct invocation invocation = { .socket = DEFAULT_SOCKET, .pin_path = DEFAULT_PIN_PATH };
	int code;

	text_init();
	if (argc > 1 && !strcmp(argv[1], COMPLETE_OPTION)) {
		complete(argv + 2, argc - 2, invocation.socket);
		return EXIT_DONE;
	}
	if (!options_parse(argc, argv, &invocation))
		return EXIT_USAGE;
	code = run(&invocation);
	if (fflush(stdout) || ferror(stdout)) {
		complain("writing the output: %s", strerror(errno));
		return code ? code : EXIT_REFUSED;
	}
	return code;
}
