/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poised: arguments, signals, and the event loop. */
#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "audit.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "poise_version.h"

enum { EXIT_REFUSED = 1, EXIT_USAGE = 2 };

struct options {
	const char *config;
	bool check;
	bool verbose;
};

static const char usage[] =
	"usage: poised --config FILE [--check] [--verbose]\n"
	"\n"
	"  -c, --config FILE  the configuration, poise.yaml(5)\n"
	"      --check        check it, print every error, and exit (0: it is valid)\n"
	"  -v, --verbose      log more\n"
	"      --version      print the version and exit\n"
	"  -h, --help         print this and exit\n"
	"\n"
	"It stays in the foreground and logs to stderr. When it ends, traffic goes on as it\n"
	"was; 'poise detach' stops that too. SIGHUP reads the configuration anew.\n";

/* Returns -1 to go on, or an exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
	enum { OPTION_CHECK = 256, OPTION_VERSION };
	static const struct option known[] = { { "config", required_argument, NULL, 'c' },
					       { "check", no_argument, NULL, OPTION_CHECK },
					       { "verbose", no_argument, NULL, 'v' },
					       { "version", no_argument, NULL, OPTION_VERSION },
					       { "help", no_argument, NULL, 'h' },
					       {} };
	int option;

	while ((option = getopt_long(argc, argv, "c:vh", known, NULL)) != -1) {
		switch (option) {
		case 'c':
			options->config = optarg;
			break;
		case OPTION_CHECK:
			options->check = true;
			break;
		case 'v':
			options->verbose = true;
			break;
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
	if (options->config && optind == argc)
		return -1;
	if (optind < argc)
		fprintf(stderr, "poised: unexpected argument '%s'\n", argv[optind]);
	else
		fprintf(stderr, "poised: --config FILE is missing\n");
	fputs(usage, stderr);
	return EXIT_USAGE;
}

static struct config *load_config(const char *path)
{
	struct config_errors errors = {};
	struct config *config = NULL;
	int err = config_load_file(path, &config, &errors);

	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s\n", errors.lines[i]);
	if (err && !errors.count)
		fprintf(stderr, "%s: %s\n", path, strerror(-err));
	config_errors_free(&errors);
	return err ? NULL : config;
}

static void on_signal(evutil_socket_t number, short what, void *context)
{
	struct daemon *daemon = context;
	struct lines changes = {}, errors = {};

	(void)what;
	if (number == SIGHUP) {
		audit_begin_cause("signal SIGHUP");
		daemon_reload(daemon, &changes, &errors);
		audit_end();
		lines_free(&changes);
		lines_free(&errors);
		return;
	}
	log_info("signal %d: poised ends, the data plane goes on forwarding", (int)number);
	event_base_loopbreak(daemon->base);
}

static void run(struct daemon *daemon)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT };
	enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
	struct event *events[COUNT];

	for (int i = 0; i < COUNT; i++) {
		events[i] = evsignal_new(daemon->base, numbers[i], on_signal, daemon);
		if (events[i])
			evsignal_add(events[i], NULL);
	}
	event_base_dispatch(daemon->base);
	for (int i = 0; i < COUNT; i++)
		if (events[i])
			event_free(events[i]);
}

/* A check under way is an open file, and there may be thousands. */
static void raise_file_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct options options = {};
	struct daemon daemon = {};
	struct config *config;
	int code = parse_options(argc, argv, &options);
	int err;

	if (code >= 0)
		return code;
	config = load_config(options.config);
	if (!config)
		return EXIT_REFUSED;
	if (options.check) {
		printf("%s: valid: %zu services\n", options.config, config->service_count);
		config_free(config);
		return 0;
	}
	log_init(options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
	signal(SIGPIPE, SIG_IGN);
	raise_file_limit();
	daemon.config_path = realpath(options.config, NULL);
	err = daemon_start(&daemon, config);
	if (!err) {
		log_info("poised %s is ready", POISE_VERSION);
		run(&daemon);
	}
	daemon_stop(&daemon);
	return err ? EXIT_REFUSED : 0;
}
