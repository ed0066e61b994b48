/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Servers on loopback that behave as a script says, on the event loop of what they test. For one
 * test program to include; cmocka.h comes first.
 */
#ifndef POISE_SCRIPTED_SERVER_H
#define POISE_SCRIPTED_SERVER_H

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "address.h"

enum {
	SERVER_FILL_BYTES = 16384, /* of an answer that repeats, at a time */
	SERVER_MAX_ACCEPTS = 1024, /* whose times are kept */
	SERVER_BACKLOG = 512,
};

static struct event_base *base;

static int64_t clock_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * INT64_C(1000) + now.tv_nsec / 1000000;
}

enum then { CLOSE, RESET, HOLD, CUT /* TLS closed without its goodbye */ };

struct script {
	const char *answer;  /* sent when a whole request has come */
	size_t length;	     /* of the answer; 0: up to its NUL */
	const char *until;   /* what a request ends with; NULL: an empty line; "": sent at once */
	const char *repeat;  /* sent after it again and again: */
	unsigned repeats;    /* so many times; 0: for ever */
	unsigned trickle_ms; /* the answer comes byte by byte in this rhythm */
	unsigned delay_ms;   /* before the answer */
	enum then then;
};

struct server {
	const char *address;
	struct evconnlistener *listener;
	uint16_t port;
	const struct script *script;
	const char *results; /* instead of a script: 'p' passes, 'f' fails, one a connection */
	SSL_CTX *tls;	     /* NULL: without; the test's */
	struct connection *connections;
	unsigned open, most_open, accepted, closed_by_fin;
	int64_t accepted_ms[SERVER_MAX_ACCEPTS];
	char request[1024];
};

struct connection {
	struct connection *next;
	struct server *server;
	const struct script *script;
	struct bufferevent *stream;
	struct event *timer;
	const char *answer; /* what is left of it: */
	size_t left;
	unsigned repeated;
	bool answering;
};

static const struct script pass = { .answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };
static const struct script fail = { .answer = "HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n" };
static const struct script hold = { .then = HOLD };

static void connection_close(struct connection *connection)
{
	struct connection **link = &connection->server->connections;

	while (*link != connection)
		link = &(*link)->next;
	*link = connection->next;
	connection->server->open--;
	event_free(connection->timer);
	bufferevent_free(connection->stream);
	free(connection);
}

static void connection_end(struct connection *connection)
{
	struct linger now = { .l_onoff = 1, .l_linger = 0 };

	if (connection->script->then == HOLD)
		return;
	if (connection->script->then == CUT)
		SSL_set_quiet_shutdown(bufferevent_openssl_get_ssl(connection->stream), 1);
	if (connection->script->then == RESET)
		setsockopt(bufferevent_getfd(connection->stream), SOL_SOCKET, SO_LINGER, &now,
			   sizeof(now));
	connection_close(connection);
}

static void send_more(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;
	const struct script *script = connection->script;
	size_t sent = 0;

	if (!connection->answering || connection->left)
		return;
	while (script->repeat && sent < SERVER_FILL_BYTES &&
	       (script->repeats == 0 || connection->repeated < script->repeats)) {
		bufferevent_write(stream, script->repeat, strlen(script->repeat));
		sent += strlen(script->repeat);
		connection->repeated++;
	}
	if (sent == 0)
		connection_end(connection);
}

static void send_answer(evutil_socket_t fd, short what, void *context)
{
	struct connection *connection = context;
	unsigned rhythm = connection->script->trickle_ms;
	size_t length = rhythm && connection->left ? 1 : connection->left;
	const char *data = connection->answer;

	(void)fd;
	(void)what;
	connection->answering = true;
	connection->answer += length;
	connection->left -= length;
	if (connection->left)
		event_add(connection->timer, &(struct timeval){ .tv_usec = rhythm * 1000 });
	bufferevent_write(connection->stream, data, length);
	if (length == 0)
		send_more(connection->stream, connection);
}

static void request_arrived(struct bufferevent *stream, void *context)
{
	struct connection *connection = context;
	struct server *server = connection->server;
	struct evbuffer *input = bufferevent_get_input(stream);
	size_t length = evbuffer_get_length(input);
	const char *until = connection->script->until;

	if (length >= sizeof(server->request) || !connection->script->answer)
		return;
	evbuffer_copyout(input, server->request, length);
	server->request[length] = '\0';
	if (!until)
		until = "\r\n\r\n";
	if (!memmem(server->request, length, until, strlen(until)))
		return;
	evbuffer_drain(input, length);
	event_add(connection->timer,
		  &(struct timeval){ .tv_usec = connection->script->delay_ms * 1000 });
}

static void connection_event(struct bufferevent *stream, short what, void *context)
{
	struct connection *connection = context;

	(void)stream;
	if (what == BEV_EVENT_CONNECTED) /* TLS */
		return;
	if (what & BEV_EVENT_EOF)
		connection->server->closed_by_fin++;
	connection_close(connection);
}

static void accepted(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *peer,
		     int length, void *context)
{
	struct server *server = context;
	struct connection *connection = calloc(1, sizeof(*connection));

	(void)listener;
	(void)peer;
	(void)length;
	connection->server = server;
	connection->script = server->script;
	if (server->results)
		connection->script = *server->results++ == 'p' ? &pass : &fail;
	connection->answer = connection->script->answer;
	connection->left = connection->script->length	? connection->script->length
			   : connection->script->answer ? strlen(connection->script->answer)
							: 0;
	connection->next = server->connections;
	server->connections = connection;
	if (++server->open > server->most_open)
		server->most_open = server->open;
	if (server->accepted < SERVER_MAX_ACCEPTS)
		server->accepted_ms[server->accepted] = clock_ms();
	server->accepted++;
	connection->stream = server->tls ? bufferevent_openssl_socket_new(
						   base, fd, SSL_new(server->tls),
						   BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE)
					 : bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	connection->timer = evtimer_new(base, send_answer, connection);
	bufferevent_setcb(connection->stream, request_arrived, send_more, connection_event,
			  connection);
	bufferevent_enable(connection->stream, EV_READ | EV_WRITE);
	if (connection->script->until && !*connection->script->until)
		event_add(connection->timer, &(struct timeval){ 0 });
}

/* Binds address and port (0: any); sets server->port. The socket, or -1 with errno. */
static int server_bind(struct server *server, const char *address, uint16_t port)
{
	struct sockaddr_storage local;
	struct address parsed;
	socklen_t length;
	int fd;

	server->address = address;
	assert_int_equal(address_parse(address, &parsed), 0);
	length = address_to_sockaddr(&parsed, port, &local);
	fd = socket(local.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	if (bind(fd, (struct sockaddr *)&local, length) != 0) {
		close(fd);
		return -1;
	}
	getsockname(fd, (struct sockaddr *)&local, &length);
	server->port = ntohs(((struct sockaddr_in *)&local)->sin_port); /* as sin6_port */
	return fd;
}

static __attribute__((unused)) struct server *server_new(const char *address, uint16_t port,
							 const struct script *script)
{
	struct server *server = calloc(1, sizeof(*server));
	int fd = server_bind(server, address, port);

	if (fd < 0) {
		free(server);
		return NULL;
	}
	server->script = script;
	server->listener = evconnlistener_new(base, accepted, server, LEV_OPT_CLOSE_ON_FREE,
					      SERVER_BACKLOG, fd);
	assert_non_null(server->listener);
	return server;
}

static void __attribute__((unused)) server_free(struct server *server)
{
	if (!server)
		return;
	while (server->connections)
		connection_close(server->connections);
	evconnlistener_free(server->listener);
	free(server);
}

#endif
