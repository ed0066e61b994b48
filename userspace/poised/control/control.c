/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A connection is in one of three states: idle, receiving (a line has begun), or answering (one
 * answer is on its way out). The next request is looked at only when the last answer has left, so
 * that a connection holds at most one line of input and one answer, and each takes its turn. A
 * handler may have the rest of its answer made in pieces, as the client reads it, or make the
 * connection a stream: then lines follow the answer until one side ends it.
 */
#include "control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "access.h"
#include "control_message.h"
#include "control_private.h"
#include "log.h"

enum {
	ACCEPTS_A_TURN = 16,
	ACCEPT_PAUSE_MS = 1000, /* when the process is out of descriptors or memory */
	FLUSH_MS = 1000,
	MAX_UNREAD_BYTES = 64 << 20, /* of answers, of all clients together */
};

static struct timeval interval(unsigned ms)
{
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void client_keep(struct client *client, void *kept, void (*release_kept)(void *kept))
{
	if (client->kept)
		client->release_kept(client->kept);
	client->kept = kept;
	client->release_kept = release_kept;
}

void client_free(struct client *client)
{
	void (*ended)(void *context) = client->stream_ended;
	void *context = client->stream_context;

	client_keep(client, NULL, NULL);
	TAILQ_REMOVE(&client->control->clients, client, entry);
	client->control->client_count--;
	if (client->control->long_line == client)
		client->control->long_line = NULL;
	client_end_pieces(client);
	free(client->held);
	if (client->timer)
		event_free(client->timer);
	if (client->stream)
		bufferevent_free(client->stream);
	peer_clear(&client->peer);
	free(client);
	if (ended)
		ended(context);
}

/* A line's time runs from its first byte, so the timer is set by changes of the state alone. */
static void client_enter(struct client *client, enum client_state state)
{
	const struct control_limits *limits = &client->control->limits;
	struct timeval after =
		interval(state == CLIENT_RECEIVING ? limits->line_ms : limits->idle_ms);

	if (client->state == state)
		return;
	client->state = state;
	event_add(client->timer, &after);
	TAILQ_REMOVE(&client->control->clients, client, entry);
	TAILQ_INSERT_TAIL(&client->control->clients, client, entry);
}

static void release(const void *data, size_t length, void *extra)
{
	(void)length;
	(void)extra;
	free((void *)data);
}

bool client_send(struct client *client, char *answer, size_t length)
{
	if (!answer || evbuffer_add_reference(bufferevent_get_output(client->stream), answer,
					      length, release, NULL)) {
		free(answer);
		client_free(client);
		return false;
	}
	client_enter(client, CLIENT_ANSWERING);
	return true;
}

static bool client_refuse(struct client *client, const char *text)
{
	size_t length = 0;
	char *answer = control_message_refuse(text, &length);

	return client_send(client, answer, length);
}

static size_t unread_bytes(const struct control *control)
{
	const struct client *client;
	size_t bytes = 0;

	for (client = TAILQ_FIRST(&control->clients); client; client = TAILQ_NEXT(client, entry))
		bytes += evbuffer_get_length(bufferevent_get_output(client->stream));
	return bytes;
}

static char *ask(struct client *client, const char *line, size_t length, size_t *answer_length)
{
	struct control *control = client->control;
	struct control_dispatch dispatch = { control->handler, control->context, &client->peer };
	char *answer;

	control->asking = client;
	answer = control_message_answer(line, length, &dispatch, answer_length);
	control->asking = NULL;
	if (!client->deferred)
		return answer;
	free(answer);
	return NULL;
}

static void end_long_line(struct client *client)
{
	if (client->control->long_line != client)
		return;
	client->control->long_line = NULL;
	bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_MAX_LINE_BYTES + 1);
}

static void client_answer(struct client *client, size_t length)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	struct control *control = client->control;
	const char *line = (const char *)evbuffer_pullup(input, length + 1);
	char *answer = NULL;
	size_t answer_length = 0;

	client->deferred = false;
	if (line && unread_bytes(control) > MAX_UNREAD_BYTES)
		answer =
			control_message_refuse("too many answers wait to be read by other clients: "
					       "try again later",
					       &answer_length);
	else if (line)
		answer = ask(client, line, length, &answer_length);
	if (client->deferred) {
		client_enter(client, CLIENT_ANSWERING);
		return;
	}
	client->ticket = 0;
	evbuffer_drain(input, length + 1);
	client->scanned = 0;
	end_long_line(client);
	if (client->held_for && answer) {
		client_keep_answer(client, answer, answer_length);
		client_enter(client, CLIENT_ANSWERING);
		return;
	}
	if (client->pieces && answer)
		answer_length = client_begin_pieces(client, answer, answer_length);
	if (!client_send(client, answer, answer_length))
		return;
	if (client->stream_ended)
		client_enter_stream(client);
	else if (client->pieces)
		client_make_pieces(client);
}

/* Returns the length of the first line in the input without its newline, or -1. */
static ssize_t client_find_line(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	struct evbuffer_ptr from, found;

	if (evbuffer_get_length(input) == client->scanned ||
	    evbuffer_ptr_set(input, &from, client->scanned, EVBUFFER_PTR_SET))
		return -1;
	found = evbuffer_search(input, "\n", 1, &from);
	if (found.pos < 0)
		client->scanned = evbuffer_get_length(input);
	return found.pos;
}

/* A long line (a whole configuration) is memory: one client at a time may send such. */
static bool client_may_go_on(struct client *client)
{
	struct control *control = client->control;

	if (control->long_line == client)
		return client->scanned <= CONTROL_LONG_LINE_BYTES;
	if (control->long_line || access_right(control->access, &client->peer) < ACCESS_WRITE)
		return false;
	control->long_line = client;
	bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_LONG_LINE_BYTES + 1);
	return true;
}

void client_answer_again(struct client *client)
{
	ssize_t length = client_find_line(client);

	if (length >= 0)
		client_answer(client, length);
}

static void client_step(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	ssize_t length;

	if (client_waits(client))
		return;
	if (client->state == CLIENT_STREAMING) {
		client_stream_step(client);
		return;
	}
	if (evbuffer_get_length(bufferevent_get_output(client->stream)))
		return;
	if (client->pieces) {
		client_make_pieces(client);
		return;
	}
	if (client->closing) {
		client_free(client);
		return;
	}
	length = client_find_line(client);
	if (length >= 0) {
		client_answer(client, length);
	} else if (client->scanned > CONTROL_MAX_LINE_BYTES && !client_may_go_on(client)) {
		client->closing = true;
		if (client_refuse(client, "the request is longer than 1 MiB (20 MiB for one client "
					  "at a time, if it may write)"))
			bufferevent_disable(client->stream, EV_READ);
	} else if (client->ended) {
		client_free(client);
	} else {
		client_enter(client, evbuffer_get_length(input) ? CLIENT_RECEIVING : CLIENT_IDLE);
	}
}

static void client_on_data(struct bufferevent *stream, void *context)
{
	(void)stream;
	client_step(context);
}

static void client_on_event(struct bufferevent *stream, short what, void *context)
{
	struct client *client = context;

	(void)stream;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) {
		client_free(client);
	} else if (what & BEV_EVENT_EOF) {
		client->ended = true;
		client_step(client);
	}
}

static void client_on_timer(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	client_free(context);
}

/* Takes fd and what peer holds. */
static int client_new(struct control *control, int fd, struct peer *peer)
{
	struct client *client = calloc(1, sizeof(*client));
	struct timeval stall = interval(control->limits.stall_ms);

	if (!client) {
		peer_clear(peer);
		close(fd);
		return -ENOMEM;
	}
	client->control = control;
	client->peer = *peer;
	TAILQ_INSERT_TAIL(&control->clients, client, entry);
	control->client_count++;
	client->stream = bufferevent_socket_new(control->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (!client->stream)
		close(fd);
	client->timer = evtimer_new(control->base, client_on_timer, client);
	if (!client->stream || !client->timer) {
		client_free(client);
		return -ENOMEM;
	}
	bufferevent_setcb(client->stream, client_on_data, client_on_data, client_on_event, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, CONTROL_MAX_LINE_BYTES + 1);
	bufferevent_set_timeouts(client->stream, NULL, &stall);
	client_enter(client, CLIENT_IDLE);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	return 0;
}

/* Closes the client that has been idle longest; false if none is idle. */
static bool make_room(struct control *control)
{
	struct client *client;

	for (client = TAILQ_FIRST(&control->clients); client; client = TAILQ_NEXT(client, entry)) {
		if (client->state == CLIENT_IDLE) {
			client_free(client);
			return true;
		}
	}
	return false;
}

/* Takes fd. */
static void turn_away(int fd, const char *why)
{
	size_t length = 0;
	char *answer = control_message_refuse(why, &length);

	if (answer && send(fd, answer, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("turning a control client away: %s", strerror(errno));
	free(answer);
	close(fd);
}

/* Some places are kept for those who may write, so that readers cannot lock them out. */
static bool has_room(struct control *control, const struct peer *peer)
{
	unsigned places = CONTROL_MAX_CLIENTS;

	if (access_right(control->access, peer) != ACCESS_WRITE)
		places -= CONTROL_RESERVED_CLIENTS;
	return control->client_count < places || make_room(control);
}

/* Takes fd. */
static void admit(struct control *control, int fd)
{
	char why[ACCESS_ERROR_BYTES];
	struct peer peer;
	int err = peer_read(fd, &peer);

	if (err) {
		log_warning("a control client's credentials: %s", strerror(-err));
		turn_away(fd, "poised cannot tell whose connection this is");
	} else if (!access_check(control->access, &peer, ACCESS_READ, NULL, why)) {
		peer_clear(&peer);
		turn_away(fd, why);
	} else if (!has_room(control, &peer)) {
		peer_clear(&peer);
		turn_away(fd, "too many clients: try again later");
	} else if (client_new(control, fd, &peer)) {
		log_warning("a control client: %s", strerror(ENOMEM));
	}
}

static void on_accept_failure(struct control *control)
{
	struct timeval pause = interval(ACCEPT_PAUSE_MS);

	if (errno == EAGAIN || errno == EINTR || errno == ECONNABORTED)
		return;
	log_warning("accepting a client on \"%s\": %s", control->socket.address.sun_path,
		    strerror(errno));
	event_del(control->acceptor);
	event_add(control->pause, &pause);
}

static void on_connection(evutil_socket_t listener, short what, void *context)
{
	struct control *control = context;

	(void)what;
	for (int i = 0; i < ACCEPTS_A_TURN; i++) {
		int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0) {
			on_accept_failure(control);
			return;
		}
		admit(control, fd);
	}
}

static void on_pause_end(evutil_socket_t fd, short what, void *context)
{
	struct control *control = context;

	(void)fd;
	(void)what;
	event_add(control->acceptor, NULL);
}

static mode_t socket_mode(const struct access *access)
{
	return access_is_restricted(access) ? 0666 : 0660;
}

int control_new(struct event_base *base, const char *path, struct access *access,
		control_handler handler, void *context, struct control **out)
{
	struct control *control;
	int result;

	control = calloc(1, sizeof(*control));
	if (!control)
		return -ENOMEM;
	*control = (struct control){
		.base = base, .access = access, .handler = handler, .context = context
	};
	control->limits = (struct control_limits){ 10 * 1000, 300 * 1000, 30 * 1000 };
	TAILQ_INIT(&control->clients);
	signal(SIGPIPE, SIG_IGN);
	result = control_socket_open(path, socket_mode(access), &control->socket);
	if (result)
		goto err;
	result = -ENOMEM;
	control->acceptor =
		event_new(base, control->socket.fd, EV_READ | EV_PERSIST, on_connection, control);
	control->pause = evtimer_new(base, on_pause_end, control);
	if (!control->acceptor || !control->pause || event_add(control->acceptor, NULL))
		goto err;
	*out = control;
	return 0;
err:
	control_free(control);
	return result;
}

void control_set_limits(struct control *control, const struct control_limits *limits)
{
	control->limits = *limits;
}

int control_keep(struct control *control, void *kept, void (*release_kept)(void *kept))
{
	if (!control->asking)
		return -EINVAL;
	client_keep(control->asking, kept, release_kept);
	return 0;
}

void *control_kept(const struct control *control)
{
	return control->asking ? control->asking->kept : NULL;
}

int control_access_changed(struct control *control)
{
	return control_socket_set_mode(&control->socket, socket_mode(control->access));
}

int control_give(struct control *control, uid_t uid, gid_t gid)
{
	return control_socket_give(&control->socket, uid, gid);
}

unsigned control_client_count(const struct control *control)
{
	return control->client_count;
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* The stream is closed by the event loop only, which may have ended: the peer is told here. */
static void client_hang_up(struct client *client)
{
	shutdown(bufferevent_getfd(client->stream), SHUT_RDWR);
	client_free(client);
}

static void client_flush(struct client *client, int64_t deadline)
{
	struct evbuffer *output = bufferevent_get_output(client->stream);
	struct pollfd wait = { .fd = bufferevent_getfd(client->stream), .events = POLLOUT };

	bufferevent_disable(client->stream, EV_READ | EV_WRITE);
	evbuffer_unfreeze(output, 1); /* a bufferevent lets nobody else take from its output */
	while (evbuffer_get_length(output)) {
		int64_t left = deadline - now_ms();

		if (evbuffer_write(output, wait.fd) < 0 && errno != EAGAIN && errno != EINTR)
			return;
		if (evbuffer_get_length(output) && (left <= 0 || poll(&wait, 1, left) == 0))
			return;
	}
}

void control_free(struct control *control)
{
	int64_t deadline = now_ms() + FLUSH_MS;
	struct client *client;

	if (!control)
		return;
	if (control->acceptor)
		event_free(control->acceptor);
	if (control->pause)
		event_free(control->pause);
	while ((client = TAILQ_LAST(&control->clients, clients))) {
		client_flush(client, deadline);
		client_hang_up(client);
	}
	control_socket_close(&control->socket);
	free(control);
}
