/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_poll.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "boottime.h"
#include "poise.h"
#include "text.h"
#include "top_feed.h"
#include "top_link.h"
#include "top_state.h"
#include "view.h"

enum question { ASK_VERSION, ASK_STATS, ASK_SERVICES, ASK_BACKENDS, ASK_CHANGE, QUESTIONS };
enum { RETRY_S = 1, TIMES_AS_LONG = 10, MS_PER_S = 1000, LONGEST_WAIT_MS = 1000 };

struct top_poll {
	struct top_state *state;
	struct top_link *link;
	double interval;
	double due[QUESTIONS];	/* when to ask again */
	double took[QUESTIONS]; /* the last answer */
	unsigned answers[QUESTIONS];
	enum question asked;
	char *asked_service; /* whose backends were asked for last; NULL: everyone's */
	bool changing;	     /* a change is asked for, and not answered */
	bool introduced;     /* this connection's poised has told its version */
	double retry_at;
	int code;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec + now.tv_nsec / 1e9;
}

struct top_poll *top_poll_new(const char *socket_path, unsigned interval_s, struct top_state *state)
{
	struct top_poll *poll = require_memory(calloc(1, sizeof(*poll)));

	poll->link = top_link_new(socket_path);
	poll->state = state;
	poll->interval = interval_s;
	return poll;
}

void top_poll_free(struct top_poll *poll)
{
	if (!poll)
		return;
	top_link_free(poll->link);
	free(poll->asked_service);
	free(poll);
}

static bool same_text(const char *one, const char *other)
{
	return one && other ? !strcmp(one, other) : one == other;
}

/* When a question is to be asked again, at the earliest; INFINITY: the view needs no answer. */
static double due_at(const struct top_poll *poll, enum question question)
{
	const struct top_state *state = poll->state;

	if (state->paused)
		return INFINITY;
	if (question == ASK_SERVICES && state->view != TOP_SERVICES && poll->answers[question])
		return INFINITY;
	if (question == ASK_BACKENDS && state->view != TOP_BACKENDS)
		return INFINITY;
	if (question == ASK_BACKENDS && !same_text(poll->asked_service, state->service))
		return 0;
	return poll->due[question];
}

static enum question next_question(const struct top_poll *poll, double now)
{
	if (!poll->introduced)
		return ASK_VERSION;
	if (poll->state->confirmed)
		return ASK_CHANGE;
	for (enum question question = ASK_STATS; question <= ASK_BACKENDS; question++)
		if (due_at(poll, question) <= now)
			return question;
	return QUESTIONS;
}

static json_t *change_arguments(const struct top_change *change)
{
	json_t *arguments = require_memory(
		json_pack("{s:s, s:s}", "service", change->service, "name", change->name));

	if (!strcmp(change->command, "backend-weight"))
		json_object_set_new(arguments, "weight", json_integer(change->weight));
	return arguments;
}

static void ask(struct top_poll *poll, enum question question, double now)
{
	static const char *const names[] = { "version", "stats", "service-list", "backend-list" };
	struct top_state *state = poll->state;
	json_t *arguments = NULL;

	poll->asked = question;
	if (question == ASK_CHANGE) {
		state->confirmed = false;
		poll->changing = true;
		top_link_ask(poll->link, state->change.command, change_arguments(&state->change),
			     now);
		return;
	}
	if (question == ASK_BACKENDS) {
		free(poll->asked_service);
		poll->asked_service =
			state->service ? require_memory(strdup(state->service)) : NULL;
		arguments = state->service ? json_pack("{s:s}", "service", state->service) : NULL;
	}
	top_link_ask(poll->link, names[question], arguments, now);
}

/* Takes why: there is no connection, or no use in it. */
static void lose(struct top_poll *poll, int code, char *why, double now)
{
	struct top_state *state = poll->state;

	free(state->problem);
	state->problem = why;
	if (poll->changing)
		top_state_say(state, COLOR_RED,
			      text_format("%s/%s: no answer from poised, look whether it changed",
					  state->change.service, state->change.name));
	else if (state->confirmed)
		top_state_say(state, COLOR_RED, text_format("no connection: nothing was changed"));
	state->confirmed = poll->changing = false;
	poll->code = code;
	poll->introduced = false;
	poll->retry_at = now + RETRY_S;
}

/* How often the figures of this view come. */
static void tell_pace(struct top_poll *poll)
{
	enum question details = poll->state->view == TOP_SERVICES   ? ASK_SERVICES
				: poll->state->view == TOP_BACKENDS ? ASK_BACKENDS
								    : ASK_STATS;
	double took = fmax(poll->took[ASK_STATS], poll->took[details]);
	double every = fmax(poll->interval, took * TIMES_AS_LONG);

	free(poll->state->pace);
	poll->state->pace =
		every > poll->interval
			? text_format("every %.1fs, for answers take %.1fs", every, took)
			: text_format("every %.0fs", every);
}

static bool take_version(struct top_poll *poll, const json_t *result)
{
	struct top_state *state = poll->state;
	const char *version = json_string_value(json_object_get(result, "version"));
	int64_t started_at = json_integer_value(json_object_get(result, "started_at"));
	int64_t uptime_ms = view_uptime_ms(result);

	if (!version)
		return false;
	if (state->problem)
		top_state_say(state, COLOR_GREEN,
			      text_format("connected again%s", started_at != state->started_at
								       ? ": poised was restarted"
								       : ""));
	free(state->problem);
	state->problem = NULL;
	top_text_set(&state->version, version);
	state->started_at = started_at;
	state->up_since_ms = uptime_ms < 0 ? 0 : boottime_ms() - uptime_ms;
	poll->introduced = true;
	poll->code = EXIT_DONE;
	for (int i = 0; i < QUESTIONS; i++)
		poll->due[i] = 0;
	return true;
}

static bool take_change(struct top_poll *poll, json_t *result)
{
	const char *service, *name, *word;
	json_int_t weight;

	if (json_unpack(result, "{s:{s:s, s:s, s:s, s:I}}", "backend", "service", &service, "name",
			&name, "state", &word, "weight", &weight))
		return false;
	top_state_say(poll->state, COLOR_GREEN,
		      text_format("%s/%s: %s, weight %ld", service, name, word, (long)weight));
	poll->due[ASK_BACKENDS] = 0;
	return true;
}

static bool take_result(struct top_poll *poll, const struct top_answer *answer)
{
	struct top_model *model = &poll->state->model;

	switch (poll->asked) {
	case ASK_VERSION:
		return take_version(poll, answer->answer.result);
	case ASK_STATS:
		return top_feed_stats(model, answer->answer.result, answer->began_at);
	case ASK_SERVICES:
		return top_feed_services(model, answer->answer.result);
	case ASK_BACKENDS:
		return top_feed_backends(model, answer->answer.result);
	default:
		return take_change(poll, answer->answer.result);
	}
}

/* What poised refuses, and the connection is good for other questions: a change that this user may
 * not make, a service that is no more. */
static bool is_bearable(const struct top_poll *poll, int code)
{
	return code == EXIT_REFUSED &&
	       (poll->asked == ASK_CHANGE || (poll->asked == ASK_BACKENDS && poll->asked_service));
}

static void take_answer(struct top_poll *poll, struct top_answer *answer)
{
	double now = now_s(), took = now - answer->asked_at;
	char *error = answer->answer.error;

	poll->took[poll->asked] = took;
	poll->changing = poll->changing && answer->code == EXIT_UNREACHABLE;
	poll->due[poll->asked] = answer->asked_at + fmax(poll->interval, took * TIMES_AS_LONG);
	if (is_bearable(poll, answer->code)) {
		poll->code = answer->code;
		top_state_say(poll->state, COLOR_RED, text_format("refused: %s", error));
	} else if (answer->code) {
		lose(poll, answer->code, require_memory(strdup(error)), now);
	} else if (!take_result(poll, answer)) {
		lose(poll, EXIT_UNREACHABLE,
		     text_format("poised's answer is not understood: are poise and poised of the "
				 "same release?"),
		     now);
	} else {
		poll->answers[poll->asked]++;
	}
	client_answer_free(&answer->answer);
	tell_pace(poll);
	top_state_refresh(poll->state);
}

static bool open_link(struct top_poll *poll, double now)
{
	char *why;

	if (now < poll->retry_at)
		return false;
	if (!top_link_open(poll->link, &why))
		lose(poll, EXIT_UNREACHABLE, why, now);
	return true;
}

bool top_poll_work(struct top_poll *poll)
{
	struct top_answer answer;
	double now = now_s();
	bool changed = false;
	enum question next;
	char *why;

	if (!top_link_is_open(poll->link) || (!poll->introduced && !top_link_busy(poll->link)))
		changed = open_link(poll, now);
	switch (top_link_work(poll->link, now, &answer, &why)) {
	case TOP_LINK_ANSWER:
		take_answer(poll, &answer);
		changed = true;
		break;
	case TOP_LINK_LOST:
		lose(poll, EXIT_UNREACHABLE, why, now);
		changed = true;
		break;
	case TOP_LINK_NOTHING:
		break;
	}
	if (!top_link_is_open(poll->link) || top_link_busy(poll->link) || now < poll->retry_at)
		return changed;
	next = next_question(poll, now);
	if (next != QUESTIONS)
		ask(poll, next, now);
	return changed;
}

int top_poll_fd(const struct top_poll *poll)
{
	return top_link_fd(poll->link);
}

short top_poll_events(const struct top_poll *poll)
{
	return top_link_events(poll->link);
}

int top_poll_timeout_ms(const struct top_poll *poll)
{
	double now = now_s(), next = top_link_deadline(poll->link);

	if (top_link_busy(poll->link))
		;
	else if (!poll->introduced)
		next = poll->retry_at;
	else if (poll->state->confirmed)
		next = now;
	else
		for (enum question question = ASK_STATS; question <= ASK_BACKENDS; question++)
			next = fmin(next, due_at(poll, question));
	next = fmax(next - now, 0) * MS_PER_S + 1;
	return next < LONGEST_WAIT_MS ? (int)next : LONGEST_WAIT_MS;
}

bool top_poll_complete(const struct top_poll *poll)
{
	return poll->answers[ASK_STATS] > 1 && poll->answers[ASK_SERVICES] &&
	       (poll->state->view != TOP_BACKENDS || poll->answers[ASK_BACKENDS]);
}

int top_poll_code(const struct top_poll *poll)
{
	return poll->code;
}
