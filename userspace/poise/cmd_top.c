/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise top: a live view. Waits for keys and for poised, and sees to it that every end is orderly.
 */
#include "commands.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "boottime.h"
#include "poise.h"
#include "text.h"
#include "top_frame.h"
#include "top_poll.h"
#include "top_screen.h"
#include "top_state.h"

enum { USUAL_INTERVAL_S = 1, HOST_BYTES = 256 };

static volatile sig_atomic_t stop; /* the signal that ends it */

static void on_stop(int number)
{
	stop = number;
}

/* From here on signals that end the program come only while it waits; waiting is the mask then. */
static void hold_signals(sigset_t *waiting)
{
	static const int numbers[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction action = { .sa_handler = on_stop };
	sigset_t held;

	sigemptyset(&held);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++) {
		sigaddset(&held, numbers[i]);
		sigaction(numbers[i], &action, NULL);
	}
	sigprocmask(SIG_BLOCK, &held, waiting);
}

/* As one that ends of the signal, for who waits for this process. */
static void end_by_signal(const sigset_t *waiting)
{
	if (!stop)
		return;
	signal(stop, SIG_DFL);
	raise(stop);
	sigprocmask(SIG_SETMASK, waiting, NULL);
}

static void draw(struct top_state *state)
{
	struct top_frame frame = { .lines = NULL };
	size_t width, height;

	top_screen_size(&width, &height);
	state->page = height > TOP_FRAME_MARGINS ? height - TOP_FRAME_MARGINS : 1;
	state->now_ms = boottime_ms();
	top_state_refresh(state);
	top_frame_draw(&frame, state, width, height);
	top_screen_show(&frame);
	top_frame_free(&frame);
}

/* Waits until there is something to do. False: the terminal is gone. */
static bool wait_for_work(const struct top_poll *source, const sigset_t *waiting)
{
	struct pollfd wait[] = {
		{ .fd = STDIN_FILENO, .events = POLLIN },
		{ .fd = top_poll_fd(source), .events = top_poll_events(source) },
	};
	int ms = top_poll_timeout_ms(source);
	struct timespec timeout = { ms / 1000, ms % 1000 * 1000000L };

	if (ppoll(wait, 2, &timeout, waiting) < 0)
		return errno == EINTR;
	return !(wait[0].revents & (POLLHUP | POLLERR | POLLNVAL));
}

static int run_on_screen(struct top_poll *source, struct top_state *state)
{
	sigset_t waiting;
	int key;

	hold_signals(&waiting);
	if (!top_screen_open())
		return EXIT_REFUSED;
	draw(state);
	while (!state->quit && !stop && wait_for_work(source, &waiting)) {
		while ((key = top_screen_key()) >= 0 && !state->quit)
			if (key)
				top_state_key(state, key);
		top_poll_work(source);
		draw(state);
	}
	top_screen_close();
	end_by_signal(&waiting);
	return EXIT_DONE;
}

/* One frame, as soon as the rates are known. */
static int run_once(struct top_poll *source, struct top_state *state)
{
	struct top_frame frame = { .lines = NULL };
	size_t width = text_columns();

	while (!top_poll_complete(source) && !top_poll_code(source)) {
		struct pollfd wait = { .fd = top_poll_fd(source),
				       .events = top_poll_events(source) };

		poll(&wait, 1, top_poll_timeout_ms(source));
		top_poll_work(source);
	}
	if (top_poll_code(source)) {
		complain("%s", state->problem ? state->problem : state->message);
		return top_poll_code(source);
	}
	state->now_ms = boottime_ms();
	top_frame_list(&frame, state, width == (size_t)-1 ? TOP_FRAME_WIDTH : width);
	for (size_t i = 0; i < frame.count; i++)
		say("%s\n", frame.lines[i].text);
	top_frame_free(&frame);
	return EXIT_DONE;
}

static bool suits(const struct invocation *invocation)
{
	if (invocation->json)
		complain("top is for people and has no --json: see \"poise stats --json\"");
	else if (!invocation->once && (!isatty(STDIN_FILENO) || !text_on_terminal()))
		complain("top needs a terminal: elsewhere there are \"poise status\" and \"poise "
			 "top --once\"");
	else
		return true;
	return false;
}

int cmd_top(const struct invocation *invocation)
{
	struct top_state state;
	struct top_poll *source;
	char host[HOST_BYTES] = "";
	int code;

	if (!suits(invocation))
		return EXIT_USAGE;
	gethostname(host, sizeof(host) - 1);
	top_state_init(&state);
	state.host = require_memory(strdup(host));
	if (invocation->operand_count)
		top_state_enter(&state, invocation->operands[0]);
	source = top_poll_new(invocation->socket,
			      invocation->interval ? invocation->interval : USUAL_INTERVAL_S,
			      &state);
	top_poll_work(source);
	code = top_poll_code(source);
	if (code)
		complain("%s", state.problem);
	else
		code = invocation->once ? run_once(source, &state) : run_on_screen(source, &state);
	top_poll_free(source);
	top_state_fini(&state);
	return code;
}
