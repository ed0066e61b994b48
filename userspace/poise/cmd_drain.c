/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise backend drain, poise drain and undrain, and waiting until connections are gone. */
#include "commands.h"

#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "format.h"
#include "poise.h"
#include "show.h"
#include "text.h"
#include "view.h"

enum {
	FAST_POLL_MS = 250,
	SLOW_POLL_MS = 1000,
	FAST_FOR_MS = 10 * 1000,
	REPORT_EVERY_MS = 5 * 1000, /* where standard output is no terminal */
	FORGIVE_MS = 10 * 1000,	    /* for which poised may be away, to be restarted */
};

enum outcome { WAIT_ON, WAIT_DONE, WAIT_FAILED };

struct wait {
	const struct invocation *invocation;
	const char *service, *name;
	int64_t began, heard, reported; /* ms of the monotonic clock; reported 0: never */
	int64_t packets, rate;		/* of the last answer; packets a second, -1: not known */
	bool line_open;			/* a progress line stands on the terminal */
	int code;			/* to exit with */
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void close_line(struct wait *wait)
{
	if (wait->line_open)
		say("\n");
	wait->line_open = false;
}

static void report(struct wait *wait, const struct view_backend *backend)
{
	char slots[FORMAT_BYTES], exceptions[FORMAT_BYTES], age[FORMAT_BYTES], rate[FORMAT_BYTES];
	bool terminal = text_on_terminal();
	char named[FORMAT_BYTES], *text, *line;

	if (wait->invocation->json ||
	    (!terminal && wait->reported && wait->heard - wait->reported < REPORT_EVERY_MS))
		return;
	wait->reported = wait->heard;
	text = text_format("%s/%s %s: %s moving slots, %s recorded connections, %s%s%s packets/s, "
			   "waiting for %s",
			   wait->service, wait->name, backend->state,
			   format_count(backend->leaving_slots, slots),
			   format_count(backend->exceptions, exceptions),
			   backend->named_slots ? format_count(backend->named_slots, named) : "",
			   backend->named_slots ? " slots name it, " : "",
			   wait->rate < 0 ? "-" : format_count(wait->rate, rate),
			   format_age((wait->heard - wait->began) / 1000, age));
	line = text_clean(text);
	free(text);
	text = text_shorten(line, terminal ? text_columns() - 1 : (size_t)-1);
	printf(terminal ? "\r%s\033[K" : "%s\n", text);
	fflush(stdout);
	wait->line_open = terminal;
	free(text);
	free(line);
}

/* Finds the backend in the answer; json NULL: it is not there. False: not understood. */
static bool find(struct wait *wait, const json_t *result, struct view_backend *out, json_t **json)
{
	const json_t *backends = view_array(result, "backends");

	*json = NULL;
	if (!backends)
		return false;
	for (size_t i = 0; i < json_array_size(backends); i++) {
		json_t *item = json_array_get(backends, i);

		if (!view_backend(item, out))
			return false;
		if (!strcmp(out->name, wait->name) && !strcmp(out->service, wait->service)) {
			*json = item;
			return true;
		}
	}
	return true;
}

static void take_rate(struct wait *wait, const struct view_backend *backend)
{
	int64_t now = now_ms(), passed = now - wait->heard;

	if (wait->packets >= 0 && passed > 0 && backend->packets >= wait->packets)
		wait->rate = (backend->packets - wait->packets) * 1000 / passed;
	wait->packets = backend->packets;
	wait->heard = now;
}

static void print_result(const struct wait *wait, json_t *backend)
{
	json_t *result = json_pack("{s:O?}", "backend", backend);

	if (wait->invocation->json && !wait->invocation->host && result)
		print_json(result);
	json_decref(result);
}

/* What a chain alone leads to a backend, only that backend knows of. */
static void say_done(const struct wait *wait, json_int_t named)
{
	char age[FORMAT_BYTES], slots[FORMAT_BYTES];

	format_age((now_ms() - wait->began) / 1000, age);
	if (named)
		say("%s/%s: the connections that poised knew of are gone, after %s; %s slots name "
		    "it "
		    "still, for those that it does not know\n",
		    wait->service, wait->name, age, format_count(named, slots));
	else
		say("%s/%s: its connections are gone, after %s\n", wait->service, wait->name, age);
}

static enum outcome judge(struct wait *wait, json_t *result)
{
	struct view_backend backend;
	json_t *json;

	if (!find(wait, result, &backend, &json)) {
		wait->code = EXIT_UNREACHABLE;
		return WAIT_FAILED;
	}
	if (json && !backend.gone) {
		take_rate(wait, &backend);
		report(wait, &backend);
		if (!strcmp(backend.state, "draining") || !strcmp(backend.state, "removing") ||
		    !strcmp(backend.state, "removed") || !strcmp(backend.state, "down"))
			return WAIT_ON;
		close_line(wait);
		complain("\"%s\" of \"%s\" no longer drains: it is %s", wait->name, wait->service,
			 backend.state);
		wait->code = EXIT_REFUSED;
		return WAIT_FAILED;
	}
	close_line(wait);
	print_result(wait, json);
	if (!wait->invocation->json)
		say_done(wait, json ? backend.named_slots : 0);
	return WAIT_DONE;
}

/* One look; a poised that is away for a moment is forgiven. */
static enum outcome look(struct wait *wait)
{
	struct client_answer answer;
	enum outcome outcome = WAIT_ON;
	int code = client_call(wait->invocation->socket, "backend-list",
			       json_pack("{s:s}", "service", wait->service), CLIENT_TIMEOUT_MS,
			       &answer);

	if (code == EXIT_DONE) {
		outcome = judge(wait, answer.result);
	} else if (code == EXIT_REFUSED || now_ms() - wait->heard > FORGIVE_MS) {
		close_line(wait);
		client_complain(&answer);
		wait->code = code;
		outcome = WAIT_FAILED;
	}
	client_answer_free(&answer);
	return outcome;
}

/* began: when the waiting for the first of several did, which have one limit together. */
static int wait_until_gone(const struct invocation *invocation, const char *service,
			   const char *name, int64_t began)
{
	struct wait wait = { .invocation = invocation,
			     .service = service,
			     .name = name,
			     .began = began,
			     .packets = -1,
			     .rate = -1 };
	int64_t limit =
		invocation->given & OPTION_TIMEOUT ? invocation->timeout_s * 1000LL : INT64_MAX;

	wait.heard = now_ms();
	while (look(&wait) == WAIT_ON) {
		int64_t passed = now_ms() - wait.began;
		int64_t pause = passed < FAST_FOR_MS ? FAST_POLL_MS : SLOW_POLL_MS;

		if (passed >= limit) {
			close_line(&wait);
			complain("\"%s\" of \"%s\" still has connections after %u s; it goes on "
				 "draining",
				 wait.name, wait.service, invocation->timeout_s);
			return EXIT_REFUSED;
		}
		poll(NULL, 0, pause < limit - passed ? pause : limit - passed);
	}
	return wait.code;
}

int cmd_backend_drain(const struct invocation *invocation)
{
	int code = show_change(invocation, "backend-drain", NULL,
			       invocation->wait && invocation->json);

	return code || !invocation->wait ? code
					 : wait_until_gone(invocation, invocation->operands[0],
							   invocation->operands[1], now_ms());
}

/* Waits for one after the other; those that come later are gone by then, or nearly. */
static int wait_for_all(const struct invocation *invocation, const json_t *backends)
{
	int64_t began = now_ms();
	int code = EXIT_DONE;

	for (size_t i = 0; !code && i < json_array_size(backends); i++) {
		struct view_backend backend;

		if (!view_backend(json_array_get(backends, i), &backend))
			return EXIT_UNREACHABLE;
		code = wait_until_gone(invocation, backend.service, backend.name, began);
	}
	return code;
}

static int ask_host(const struct invocation *invocation, const char *command, json_t **out)
{
	json_t *arguments = require_memory(json_pack("{s:s}", "address", invocation->host));

	int code = client_ask(invocation->socket, command, arguments, out);

	if (code == EXIT_DONE)
		show_unsaved(invocation);
	return code;
}

static int show_host(const struct invocation *invocation, json_t *result)
{
	if (invocation->json)
		print_json(result);
	else if (!show_changed(result))
		return EXIT_UNREACHABLE;
	return EXIT_DONE;
}

static int change_host(const struct invocation *invocation, const char *command)
{
	json_t *result = NULL, *last = NULL;
	int code = ask_host(invocation, command, &result);
	bool later = invocation->wait && invocation->json;

	if (!code && !later)
		code = show_host(invocation, result);
	if (!code && invocation->wait)
		code = wait_for_all(invocation, view_array(result, "backends"));
	if (!code && later)
		code = ask_host(invocation, command, &last); /* as they are now */
	if (!code && later)
		code = show_host(invocation, last);
	json_decref(result);
	json_decref(last);
	return code;
}

/* SERVICE NAME, or --host ADDRESS. */
static bool is_one_of_both(const struct invocation *invocation, const char *name)
{
	if (invocation->operand_count == (invocation->host ? 0 : 2))
		return true;
	complain("usage: poise %s SERVICE NAME, or poise %s --host ADDRESS", name, name);
	return false;
}

int cmd_drain(const struct invocation *invocation)
{
	if (!is_one_of_both(invocation, "drain"))
		return EXIT_USAGE;
	return invocation->host ? change_host(invocation, "host-drain")
				: cmd_backend_drain(invocation);
}

int cmd_undrain(const struct invocation *invocation)
{
	if (!is_one_of_both(invocation, "undrain"))
		return EXIT_USAGE;
	return invocation->host ? change_host(invocation, "host-undrain")
				: cmd_backend_undrain(invocation);
}
