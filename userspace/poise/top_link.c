/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_link.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "text.h"

enum { FIRST_BYTES = 65536, KEPT_BYTES = 1 << 20, MS_PER_S = 1000 };

struct top_link {
	const char *socket_path;
	int fd;
	bool busy;
	char *request; /* what is not sent so far is behind sent */
	size_t sent;
	char *bytes; /* of the answer */
	size_t held, room;
	double asked_at, began_at;
};

struct top_link *top_link_new(const char *socket_path)
{
	struct top_link *link = require_memory(calloc(1, sizeof(*link)));

	link->socket_path = socket_path;
	link->fd = -1;
	return link;
}

static void close_link(struct top_link *link)
{
	if (link->fd >= 0)
		close(link->fd);
	link->fd = -1;
	link->busy = false;
	free(link->request);
	link->request = NULL;
}

void top_link_free(struct top_link *link)
{
	if (!link)
		return;
	close_link(link);
	free(link->bytes);
	free(link);
}

bool top_link_open(struct top_link *link, char **why)
{
	close_link(link);
	link->fd = client_connect(link->socket_path, 0);
	if (link->fd >= 0)
		return true;
	*why = client_describe(link->socket_path, link->fd, CLIENT_TIMEOUT_MS);
	link->fd = -1;
	return false;
}

bool top_link_is_open(const struct top_link *link)
{
	return link->fd >= 0;
}

bool top_link_busy(const struct top_link *link)
{
	return link->busy;
}

void top_link_ask(struct top_link *link, const char *command, json_t *arguments, double now)
{
	free(link->request);
	link->request = client_request(command, arguments);
	link->sent = link->held = 0;
	link->busy = true;
	link->asked_at = now;
}

int top_link_fd(const struct top_link *link)
{
	return link->fd;
}

short top_link_events(const struct top_link *link)
{
	return POLLIN | (link->busy && link->request[link->sent] ? POLLOUT : 0);
}

double top_link_deadline(const struct top_link *link)
{
	return link->busy ? link->asked_at + (double)CLIENT_TIMEOUT_MS / MS_PER_S : INFINITY;
}

/* 0 or a negative errno. A poised that turns a client away answers and closes without reading: its
 * answer says why. */
static int send_rest(struct top_link *link)
{
	while (link->busy && link->request[link->sent]) {
		const char *rest = link->request + link->sent;
		ssize_t sent = send(link->fd, rest, strlen(rest), MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0 && errno == EAGAIN)
			return 0;
		if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
			return -errno;
		link->sent += sent < 0 ? (ssize_t)strlen(rest) : sent;
	}
	return 0;
}

static int make_room(struct top_link *link)
{
	if (link->held < link->room)
		return 0;
	if (link->room >= CLIENT_MAX_ANSWER_BYTES)
		return -EMSGSIZE;
	link->room = link->room ? link->room * 2 : FIRST_BYTES;
	link->bytes = require_memory(realloc(link->bytes, link->room));
	return 0;
}

/* Reads what is there. 0, with *end at a line's newline if there is one, or a negative errno. */
static int receive(struct top_link *link, double now, char **end)
{
	for (;;) {
		ssize_t got;
		int err = make_room(link);

		if (err)
			return err;
		got = recv(link->fd, link->bytes + link->held, link->room - link->held, 0);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return errno == EAGAIN ? 0 : -errno;
		if (got == 0)
			return -ENODATA;
		if (!link->held)
			link->began_at = now;
		*end = memchr(link->bytes + link->held, '\n', got);
		link->held += got;
		if (*end)
			return 0;
	}
}

static void take_answer(struct top_link *link, const char *end, struct top_answer *out)
{
	out->code =
		client_understand(link->socket_path, link->bytes, end - link->bytes, &out->answer);
	out->asked_at = link->asked_at;
	out->began_at = link->began_at;
	link->busy = false;
	link->held = 0;
	if (link->room > KEPT_BYTES) {
		free(link->bytes);
		link->bytes = NULL;
		link->room = 0;
	}
}

enum top_link_news top_link_work(struct top_link *link, double now, struct top_answer *out,
				 char **why)
{
	char *end = NULL;
	int err;

	if (link->fd < 0)
		return TOP_LINK_NOTHING;
	err = send_rest(link);
	if (!err)
		err = receive(link, now, &end);
	if (end && link->busy) {
		take_answer(link, end, out);
		return TOP_LINK_ANSWER;
	}
	if (!err && now > top_link_deadline(link))
		err = -ETIMEDOUT;
	if (!err && !end)
		return TOP_LINK_NOTHING;
	*why = client_describe(link->socket_path, err ? err : -EPROTO, CLIENT_TIMEOUT_MS);
	close_link(link);
	return TOP_LINK_LOST;
}
