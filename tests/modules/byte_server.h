/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Servers on loopback that say given bytes in turn with a client: the first ones at once or after
 * the client spoke, the next ones after it spoke again. For one test program to include;
 * check_fixture.h comes first.
 */
#ifndef POISE_BYTE_SERVER_H
#define POISE_BYTE_SERVER_H

#include "check_fixture.h"

enum { BYTES_MAX_TURNS = 8, BYTES_FILL = 16384, BYTES_KEPT = 1024 };

struct bytes {
	const char *data;
	size_t length;
};

/* Of a text with NULs in it. */
#define BYTES(text)                                                                                \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

struct conversation {
	bool client_first;
	struct bytes turns[BYTES_MAX_TURNS];
	struct bytes repeat; /* after the last turn, for ever */
	unsigned trickle_ms; /* all of it comes byte by byte in this rhythm */
	enum then then;	     /* after the last turn, once the client spoke again or at once: */
	bool then_at_once;
};

struct byte_server {
	struct evconnlistener *listener;
	uint16_t port;
	const struct conversation *conversation;
	unsigned accepted, open, by_fin;
	struct byte_peer *peers;
	uint8_t heard[BYTES_KEPT]; /* of the last connection */
	size_t heard_length;
};

struct byte_peer {
	struct byte_peer *next;
	struct byte_server *server;
	struct bufferevent *stream;
	struct event *timer;
	size_t turn;
	struct bytes left; /* of the turn, when it trickles */
};

static void byte_peer_free(struct byte_peer *peer)
{
	struct byte_peer **link = &peer->server->peers;

	while (*link != peer)
		link = &(*link)->next;
	*link = peer->next;
	peer->server->open--;
	event_free(peer->timer);
	bufferevent_free(peer->stream);
	free(peer);
}

static void byte_peer_end(struct byte_peer *peer)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };
	enum then then = peer->server->conversation->then;

	if (then == HOLD)
		return;
	if (then == RESET)
		setsockopt(bufferevent_getfd(peer->stream), SOL_SOCKET, SO_LINGER, &now,
			   sizeof(now));
	byte_peer_free(peer);
}

static bool byte_turns_left(const struct byte_peer *peer)
{
	return peer->turn < BYTES_MAX_TURNS && peer->server->conversation->turns[peer->turn].data;
}

static void byte_peer_speak(struct byte_peer *peer)
{
	const struct conversation *conversation = peer->server->conversation;

	if (!byte_turns_left(peer)) {
		if (!conversation->repeat.data)
			byte_peer_end(peer);
		return;
	}
	peer->left = conversation->turns[peer->turn++];
	event_active(peer->timer, EV_TIMEOUT, 0);
}

static void byte_fill(struct byte_peer *peer)
{
	const struct bytes *repeat = &peer->server->conversation->repeat;

	if (byte_turns_left(peer) || peer->left.length || !repeat->data)
		return;
	for (size_t sent = 0; sent < BYTES_FILL; sent += repeat->length)
		bufferevent_write(peer->stream, repeat->data, repeat->length);
}

static void byte_send(evutil_socket_t fd, short what, void *context)
{
	struct byte_peer *peer = context;
	const struct conversation *conversation = peer->server->conversation;
	size_t length = conversation->trickle_ms && peer->left.length ? 1 : peer->left.length;

	(void)fd;
	(void)what;
	bufferevent_write(peer->stream, peer->left.data, length);
	peer->left.data += length;
	peer->left.length -= length;
	if (peer->left.length)
		event_add(peer->timer,
			  &(struct timeval){ .tv_usec = conversation->trickle_ms * 1000 });
	else
		byte_fill(peer);
}

static void byte_written(struct bufferevent *stream, void *context)
{
	struct byte_peer *peer = context;
	const struct conversation *conversation = peer->server->conversation;

	(void)stream;
	if (peer->left.length)
		return;
	if (!byte_turns_left(peer) && conversation->then_at_once && !conversation->repeat.data)
		byte_peer_end(peer);
	else
		byte_fill(peer);
}

static void byte_heard(struct bufferevent *stream, void *context)
{
	struct byte_peer *peer = context;
	struct byte_server *server = peer->server;
	size_t room = BYTES_KEPT - server->heard_length;

	server->heard_length +=
		bufferevent_read(stream, server->heard + server->heard_length, room);
	evbuffer_drain(bufferevent_get_input(stream), SIZE_MAX);
	if (!peer->left.length)
		byte_peer_speak(peer);
}

static void byte_event(struct bufferevent *stream, short what, void *context)
{
	struct byte_peer *peer = context;

	(void)stream;
	if (what & BEV_EVENT_EOF)
		peer->server->by_fin++;
	byte_peer_free(peer);
}

static void byte_accepted(struct evconnlistener *listener, evutil_socket_t fd,
			  struct sockaddr *from, int length, void *context)
{
	struct byte_server *server = context;
	struct byte_peer *peer = calloc(1, sizeof(*peer));

	(void)listener;
	(void)from;
	(void)length;
	peer->server = server;
	peer->next = server->peers;
	server->peers = peer;
	server->accepted++;
	server->open++;
	server->heard_length = 0;
	peer->stream = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	peer->timer = evtimer_new(base, byte_send, peer);
	bufferevent_setcb(peer->stream, byte_heard, byte_written, byte_event, peer);
	bufferevent_enable(peer->stream, EV_READ | EV_WRITE);
	if (!server->conversation->client_first)
		byte_peer_speak(peer);
}

static struct byte_server *byte_server_new(const struct conversation *conversation)
{
	struct byte_server *server = calloc(1, sizeof(*server));
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);

	server->conversation = conversation;
	server->listener = evconnlistener_new_bind(base, byte_accepted, server,
						   LEV_OPT_CLOSE_ON_FREE, SERVER_BACKLOG,
						   (struct sockaddr *)&address, sizeof(address));
	assert_non_null(server->listener);
	getsockname(evconnlistener_get_fd(server->listener), (struct sockaddr *)&address, &length);
	server->port = ntohs(address.sin_port);
	return server;
}

static void byte_server_free(struct byte_server *server)
{
	while (server->peers)
		byte_peer_free(server->peers);
	evconnlistener_free(server->listener);
	free(server);
}

#endif
