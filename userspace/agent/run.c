// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise-agent run: attaches, gives its rights up, and stays: it follows network namespaces that
 * come and go, and answers agent checks. A process beside it attaches again what is lost. The
 * tunnels do not need them: what is attached goes on however they end.
 */
#include "commands.h"

#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "attach.h"
#include "health.h"
#include "keeper.h"
#include "message.h"
#include "netns.h"
#include "notify.h"
#include "responder.h"
#include "rights.h"

enum { LOOK_SECONDS = 1, MS_PER_SECOND = 1000, US_PER_MS = 1000 };

struct run {
	const struct options *options;
	int lock, keeper; /* descriptors: pins_keep(), keeper_start(); -1: none */
	struct maps maps;
	struct netns_list namespaces;
	struct health health;
	struct event_base *base;
	struct event *terminate, *interrupt, *look, *watchdog, *drained, *keeper_ended;
	struct responder *responder; /* NULL: none was asked for */
	int write_err;		     /* of the namespaces, the last time */
	int code;
};

static void tell_namespace(const char *path, int err)
{
	if (err)
		warn_about("--netns \"%s\": %s: no socket of it counts", path, netns_error(err));
	else
		inform("--netns \"%s\": its sockets count", path);
}

/* Their ids are asked for anew, as they end with them, and may be others' then. */
static void look_at_namespaces(struct run *run)
{
	int err;

	netns_list_find(&run->namespaces, tell_namespace);
	err = maps_set_namespaces(&run->maps, run->namespaces.ids, run->namespaces.count);
	if (err && err != run->write_err)
		warn_about("cannot set the namespaces of \"%s\": %s", run->options->interface,
			   strerror(-err));
	run->write_err = err;
}

static void on_look(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	look_at_namespaces(context);
}

/* It says nothing; so it has ended. */
static void on_keeper(evutil_socket_t fd, short what, void *context)
{
	struct run *run = context;

	(void)fd;
	(void)what;
	run->code =
		refuse("the process that keeps \"%s\" attached has ended", run->options->interface);
	event_base_loopbreak(run->base);
}

static void on_watchdog(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	(void)context;
	notify_alive();
}

static void on_drained(evutil_socket_t fd, short what, void *context)
{
	struct run *run = context;

	(void)fd;
	(void)what;
	event_base_loopbreak(run->base);
}

/* The first one begins to drain, if there is anybody to tell; the second one ends at once. */
static void on_stop(evutil_socket_t number, short what, void *context)
{
	struct run *run = context;
	const struct timeval time = { .tv_sec = run->options->drain_seconds };

	(void)number;
	(void)what;
	notify_stopping();
	if (run->health.stopping || !run->responder || !time.tv_sec ||
	    event_add(run->drained, &time)) {
		event_base_loopbreak(run->base);
		return;
	}
	run->health.stopping = true;
	inform("says drain for %ld s, then ends; what is attached stays", (long)time.tv_sec);
}

static int add_every(struct run *run, struct event **event, event_callback_fn callback,
		     int64_t period_ms)
{
	struct timeval period = { .tv_sec = period_ms / MS_PER_SECOND,
				  .tv_usec = period_ms % MS_PER_SECOND * US_PER_MS };

	*event = event_new(run->base, -1, EV_PERSIST, callback, run);
	return *event && !event_add(*event, &period) ? 0 : -ENOMEM;
}

static int add_signal(struct run *run, struct event **event, int number)
{
	*event = evsignal_new(run->base, number, on_stop, run);
	return *event && !event_add(*event, NULL) ? 0 : -ENOMEM;
}

static int add_keeper(struct run *run)
{
	run->keeper_ended = event_new(run->base, run->keeper, EV_READ, on_keeper, run);
	return run->keeper_ended && !event_add(run->keeper_ended, NULL) ? 0 : -ENOMEM;
}

static int add_events(struct run *run)
{
	int64_t watchdog_ms = notify_watchdog_ms();
	int err;

	run->base = event_base_new();
	if (!run->base)
		return -ENOMEM;
	err = add_signal(run, &run->terminate, SIGTERM);
	if (!err)
		err = add_signal(run, &run->interrupt, SIGINT);
	if (!err && run->namespaces.path_count)
		err = add_every(run, &run->look, on_look, LOOK_SECONDS * MS_PER_SECOND);
	if (!err && watchdog_ms)
		err = add_every(run, &run->watchdog, on_watchdog, watchdog_ms / 2);
	if (!err)
		err = add_keeper(run);
	run->drained = evtimer_new(run->base, on_drained, run);
	return err || run->drained ? err : -ENOMEM;
}

static void free_event(struct event *event)
{
	if (event)
		event_free(event);
}

static void end(struct run *run)
{
	responder_free(run->responder);
	free_event(run->terminate);
	free_event(run->interrupt);
	free_event(run->look);
	free_event(run->watchdog);
	free_event(run->drained);
	free_event(run->keeper_ended);
	if (run->base)
		event_base_free(run->base);
	maps_close(&run->maps);
	if (run->keeper >= 0)
		close(run->keeper);
	if (run->lock >= 0)
		close(run->lock);
}

/* Attaches, and locks the pins before another command can come between. */
static int attach_locked(struct run *run, struct pins *pins)
{
	int code = attach_check_kept(run->options, pins);

	if (code == EXIT_DONE)
		code = attach_interface(run->options, pins, NULL);
	if (code != EXIT_DONE)
		return code;
	run->lock = pins_keep(pins);
	return run->lock < 0 ? refuse("attached, but cannot lock \"%s\": %s", pins->directory,
				      strerror(-run->lock))
			     : EXIT_DONE;
}

static int attach_and_keep(struct run *run)
{
	struct pins pins;
	int code = attach_begin(run->options, &pins);

	if (code != EXIT_DONE)
		return code;
	code = attach_locked(run, &pins);
	pins_close(&pins);
	return code;
}

/* The maps, now that this process may still open them. */
static int open_maps(struct run *run)
{
	struct attachment attachment;
	int err = attachment_find(if_nametoindex(run->options->interface), &attachment);

	if (!err)
		err = maps_open_program(attachment.program_id, &run->maps);
	return err ? refuse("cannot open the maps of \"%s\": %s", run->options->interface,
			    strerror(-err))
		   : EXIT_DONE;
}

static int start_keeper(struct run *run)
{
	run->keeper = keeper_start(run->options, &run->maps);
	return run->keeper < 0 ? refuse("cannot start the process that keeps \"%s\" attached: %s",
					run->options->interface, strerror(-run->keeper))
			       : EXIT_DONE;
}

static int begin(struct run *run, const struct rights_user *user)
{
	const struct options *options = run->options;
	int err = add_events(run);

	if (err)
		return refuse("out of memory");
	if (options->agent_check.port)
		err = responder_new(run->base, &options->agent_check, health_line, &run->health,
				    &run->responder);
	if (err)
		return refuse("--agent-check: cannot listen on port %u: %s",
			      options->agent_check.port, strerror(-err));
	err = rights_drop(user, run->namespaces.path_count > 0);
	if (err)
		return refuse("cannot give rights up: %s (--user takes root, with cap_setuid, "
			      "cap_setgid and cap_setpcap)",
			      strerror(-err));
	return EXIT_DONE;
}

int command_run(const struct options *options)
{
	struct run run = { .options = options,
			   .lock = -1,
			   .keeper = -1,
			   .health = { options->load_target, options->drain_file } };
	struct rights_user user;
	int code, err = rights_find_user(options->user, &user);

	maps_init(&run.maps);
	if (err)
		return refuse("--user \"%s\": not a user of this host, by name or number",
			      options->user);
	if (notify_init())
		warn_about("NOTIFY_SOCKET: not a path or '@' and a name: nothing is notified");
	netns_list_init(&run.namespaces, options->namespaces, options->namespace_count);
	code = attach_and_keep(&run);
	if (code == EXIT_DONE)
		code = open_maps(&run);
	if (code == EXIT_DONE)
		code = start_keeper(&run);
	if (code == EXIT_DONE)
		code = begin(&run, &user);
	if (code == EXIT_DONE) {
		if (run.namespaces.path_count)
			look_at_namespaces(&run);
		fflush(stdout);
		notify_ready();
		event_base_dispatch(run.base);
		code = run.code;
	}
	end(&run);
	return code;
}
