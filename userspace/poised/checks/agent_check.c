/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The questions to agents: a connection each, on which the agent speaks first and alone. */
#include "agent_check.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "check_times.h"

enum { US_PER_MS = 1000, US_PER_SECOND = 1000000, JITTER_PERCENT = 5 };

#define AGENT_TEXT_CONST(name, format) static const char AGENT_TEXT_##name[] = format;
AGENT_TEXTS(AGENT_TEXT_CONST)
#undef AGENT_TEXT_CONST

struct agent_check {
	struct event_base *base;
	struct event *timer; /* of the next question, or of the deadline of this one */
	struct event *event; /* of the socket; NULL: no question is under way */
	int fd;
	bool connected;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	int64_t interval_us;
	uint32_t timeout_ms;
	struct check_times times;
	agent_answered answered;
	void *context;
	char line[AGENT_LINE_BYTES + 1];
	size_t length;
};

/* One for all agents: so their questions are spread, as checks are. */
static struct check_clock agents;

static int64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * (int64_t)US_PER_SECOND + now.tv_nsec / 1000;
}

static int set_timer(struct agent_check *check, int64_t delay_us)
{
	struct timeval delay = { .tv_sec = delay_us / US_PER_SECOND,
				 .tv_usec = delay_us % US_PER_SECOND };

	if (delay_us < 0)
		delay = (struct timeval){ 0 };
	return event_add(check->timer, &delay) == 0 ? 0 : -ENOMEM;
}

static void hang_up(struct agent_check *check)
{
	if (!check->event)
		return;
	event_free(check->event);
	check->event = NULL;
	close(check->fd);
}

/* The end of a question; the check is not touched after it. */
static void answer(struct agent_check *check, const struct agent_answer *answer)
{
	int64_t now = clock_us();

	hang_up(check);
	set_timer(check, check_times_next(&agents, &check->times, check->interval_us,
					  JITTER_PERCENT, now) -
				 now);
	check->answered(check->context, answer);
}

static void __attribute__((format(printf, 2, 3)))
fail(struct agent_check *check, const char *format, ...)
{
	char text[AGENT_ERROR_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	answer(check, &(struct agent_answer){ .error = text });
}

static void take_line(struct agent_check *check, size_t length)
{
	struct agent_line line;

	if (agent_line_parse(check->line, length, &line) == 0)
		answer(check, &(struct agent_answer){ .line = &line, .error = "" });
	else
		fail(check, AGENT_TEXT_UNKNOWN);
}

/* A line ends with LF, CR, or the connection. */
static void take_bytes(struct agent_check *check, size_t received)
{
	size_t end = strcspn(check->line, "\r\n");

	if (end < check->length)
		take_line(check, end);
	else if (received == 0 && check->length > 0)
		take_line(check, check->length);
	else if (received == 0)
		fail(check, AGENT_TEXT_CLOSED);
	else if (check->length == AGENT_LINE_BYTES)
		fail(check, AGENT_TEXT_LONG, AGENT_LINE_BYTES);
}

static void receive(struct agent_check *check)
{
	ssize_t got = recv(check->fd, check->line + check->length, AGENT_LINE_BYTES - check->length,
			   MSG_DONTWAIT);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (got < 0) {
		fail(check, AGENT_TEXT_SYSTEM, strerror(errno));
		return;
	}
	/* the line has no NUL in it, or ends there */
	check->length += got;
	check->line[check->length] = '\0';
	take_bytes(check, got);
}

static void connected(struct agent_check *check)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (getsockopt(check->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	if (error)
		fail(check, AGENT_TEXT_SYSTEM, strerror(error));
	else
		check->connected = true;
}

static void socket_ready(evutil_socket_t fd, short what, void *context)
{
	struct agent_check *check = context;

	(void)what;
	if (check->connected) {
		receive(check);
		return;
	}
	connected(check);
	if (!check->event)
		return;
	event_del(check->event);
	event_assign(check->event, check->base, fd, EV_READ | EV_PERSIST, socket_ready, check);
	if (event_add(check->event, NULL) != 0)
		fail(check, AGENT_TEXT_SYSTEM, strerror(ENOMEM));
}

static void ask(struct agent_check *check)
{
	check->connected = false;
	check->length = 0;
	check->fd = socket(check->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (check->fd < 0) {
		fail(check, AGENT_TEXT_SYSTEM, strerror(errno));
		return;
	}
	check->event = event_new(check->base, check->fd, EV_WRITE, socket_ready, check);
	if (!check->event) {
		close(check->fd);
		fail(check, AGENT_TEXT_SYSTEM, strerror(ENOMEM));
		return;
	}
	if ((connect(check->fd, (struct sockaddr *)&check->peer, check->peer_length) != 0 &&
	     errno != EINPROGRESS) ||
	    event_add(check->event, NULL) != 0 ||
	    set_timer(check, (int64_t)check->timeout_ms * US_PER_MS) != 0)
		fail(check, AGENT_TEXT_SYSTEM, strerror(errno));
}

static void timer_fired(evutil_socket_t fd, short what, void *context)
{
	struct agent_check *check = context;

	(void)fd;
	(void)what;
	if (check->event)
		fail(check, AGENT_TEXT_TIMEOUT, check->timeout_ms);
	else
		ask(check);
}

static void begin_clock(int64_t now)
{
	uint64_t seed = now;

	if (agents.epoch_us)
		return;
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != sizeof(seed))
		seed = (uint64_t)now << 20 ^ getpid();
	check_clock_init(&agents, seed, now);
}

struct agent_check *agent_check_new(struct event_base *base, const struct address *address,
				    const struct config_agent *config, bool urgent,
				    agent_answered answered, void *context)
{
	struct agent_check *check = calloc(1, sizeof(*check));
	int64_t now = clock_us();

	if (!check)
		return NULL;
	begin_clock(now);
	check->base = base;
	check->peer_length = address_to_sockaddr(address, config->port, &check->peer);
	check->interval_us = (int64_t)config->interval_ms * US_PER_MS;
	check->timeout_ms = config->timeout_ms;
	check->answered = answered;
	check->context = context;
	check->timer = evtimer_new(base, timer_fired, check);
	if (check->timer && set_timer(check, check_times_first(&agents, &check->times,
							       check->interval_us, urgent, now) -
						     now) == 0)
		return check;
	agent_check_free(check);
	return NULL;
}

void agent_check_free(struct agent_check *check)
{
	if (!check)
		return;
	hang_up(check);
	if (check->timer)
		event_free(check->timer);
	free(check);
}
