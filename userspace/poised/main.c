/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poised: its start, signals, and the event loop. */
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "access.h"
#include "audit.h"
#include "config.h"
#include "daemon.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "pulse.h"
#include "reattach.h"

/* What the configuration names and only this host can tell: its groups and users. */
static bool check_host(const char *path, const struct config *config)
{
	char error[PRIVILEGE_ERROR_BYTES + ACCESS_ERROR_BYTES];
	struct privilege_user user;
	struct access access = {};

	if (access_resolve(config, &access, error) == 0 &&
	    privilege_find_user(config, &user, error) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", path, error);
	return false;
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
	struct audit_list changes = {};
	struct lines errors = {};

	(void)what;
	if (number == SIGHUP) {
		audit_begin_cause("signal SIGHUP");
		daemon_reload(daemon, &changes, &errors);
		audit_end();
		audit_list_free(&changes);
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

/* Not there now is no error: poised waits for them. */
static void tell_missing(const char *path, const struct config *config)
{
	for (size_t i = 0; i < config->interface_count; i++)
		if (!if_nametoindex(config->interfaces[i].name))
			printf("%s: interfaces[%zu]: there is no interface '%s' now: poised "
			       "attaches "
			       "to it as soon as it is there\n",
			       path, i, config->interfaces[i].name);
}

static int check_config(const char *path, struct config *config)
{
	bool valid = check_host(path, config);

	if (valid)
		tell_missing(path, config);
	if (valid)
		printf("%s: valid: %zu services\n", path, config->service_count);
	config_free(config);
	return valid ? 0 : EXIT_REFUSED;
}

static int serve(const struct options *options, struct config *config)
{
	struct daemon daemon = { .config_path = realpath(options->config, NULL),
				 .history = options->history };
	struct reattach *reattach = NULL;
	struct pulse *pulse = NULL;
	int err = daemon_start(&daemon, config);

	if (!err)
		err = pulse_new(&daemon, &pulse);
	if (!err)
		err = reattach_new(&daemon, &reattach);
	if (!err)
		run(&daemon);
	notify_stopping();
	reattach_free(reattach);
	pulse_free(pulse);
	daemon_stop(&daemon);
	log_end_start();
	log_flush(true);
	return err ? EXIT_REFUSED : 0;
}

int main(int argc, char **argv)
{
	struct options options;
	struct config *config;
	int code = options_parse(argc, argv, &options);

	if (code >= 0)
		return code;
	config = load_config(options.config);
	if (!config)
		return EXIT_REFUSED;
	if (options.check)
		return check_config(options.config, config);
	log_init(options.log_level, options.log_format);
	if (notify_init())
		log_warning("NOTIFY_SOCKET: not a path or '@' and a name: nothing is notified");
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a file that may not grow is an error, no death */
	raise_file_limit();
	return serve(&options, config);
}
