// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Answers agent checks: see responder.h. */
#include "responder.h"

#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* More peers at a time than that are turned away; none of them stays longer. */
enum { MAX_PEERS = 64, PEER_SECONDS = 2, BACKLOG = 128, DISCARDED_BYTES = 512 };

struct peer {
	struct responder *responder;
	struct event *event; /* NULL: the place is free */
	int fd;
};

struct responder {
	struct event_base *base;
	struct evconnlistener *listener;
	responder_line *line;
	void *context;
	struct peer peers[MAX_PEERS];
};

static void hang_up(struct peer *peer)
{
	if (!peer->event)
		return;
	event_free(peer->event);
	peer->event = NULL;
	close(peer->fd);
}

/* It has closed, has said something, or its time is over. Bytes that nobody read would make the
 * close a reset, which may overtake the line. */
static void on_peer(evutil_socket_t fd, short what, void *context)
{
	char discarded[DISCARDED_BYTES];

	(void)what;
	(void)!recv(fd, discarded, sizeof(discarded), MSG_DONTWAIT);
	hang_up(context);
}

static struct peer *free_place(struct responder *responder)
{
	for (size_t i = 0; i < MAX_PEERS; i++)
		if (!responder->peers[i].event)
			return &responder->peers[i];
	return NULL;
}

/* An empty socket's buffer has room for a line. */
static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address,
		      int length, void *context)
{
	static const struct timeval limit = { .tv_sec = PEER_SECONDS };
	struct responder *responder = context;
	struct peer *peer = free_place(responder);
	const char *line;

	(void)listener;
	(void)address;
	(void)length;
	if (peer)
		peer->event = event_new(responder->base, fd, EV_READ, on_peer, peer);
	if (!peer || !peer->event) {
		close(fd);
		return;
	}
	peer->fd = fd;
	line = responder->line(responder->context);
	if (send(fd, line, strlen(line), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
	    shutdown(fd, SHUT_WR) || event_add(peer->event, &limit))
		hang_up(peer);
}

static int listen_on(const struct address *address, uint16_t port)
{
	struct sockaddr_storage place;
	socklen_t length = address_to_sockaddr(address, port, &place);
	int fd = socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
	int off = 0, err = 0;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (place.ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, (struct sockaddr *)&place, length) || listen(fd, BACKLOG))
		err = -errno;
	if (!err)
		return fd;
	close(fd);
	return err;
}

/* Of every address: the wildcard of IPv6, which IPv4 peers reach as well, where there is IPv6. */
static int listen_somewhere(const struct listen_address *address)
{
	static const struct address all4 = { .family = 4 }, all6 = { .family = 6 };
	int fd;

	if (address->address.family)
		return listen_on(&address->address, address->port);
	fd = listen_on(&all6, address->port);
	return fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL ? listen_on(&all4, address->port) : fd;
}

int responder_new(struct event_base *base, const struct listen_address *address,
		  responder_line *line, void *context, struct responder **out)
{
	struct responder *responder = calloc(1, sizeof(*responder));
	int fd = listen_somewhere(address);

	if (fd < 0 || !responder) {
		free(responder);
		if (fd >= 0)
			close(fd);
		return fd < 0 ? fd : -ENOMEM;
	}
	*responder = (struct responder){ .base = base, .line = line, .context = context };
	responder->listener = evconnlistener_new(
		base, on_accept, responder, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	if (!responder->listener) {
		close(fd);
		free(responder);
		return -ENOMEM;
	}
	*out = responder;
	return 0;
}

void responder_free(struct responder *responder)
{
	if (!responder)
		return;
	evconnlistener_free(responder->listener);
	for (size_t i = 0; i < MAX_PEERS; i++)
		hang_up(&responder->peers[i]);
	free(responder);
}
