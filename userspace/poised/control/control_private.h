/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A connection, for the files that bring it on: control.c, control_stream.c, control_pieces.c and
 * control_wait.c. */
#ifndef POISE_CONTROL_PRIVATE_H
#define POISE_CONTROL_PRIVATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control.h"
#include "control_socket.h"
#include "peer.h"

struct bufferevent;
struct event;

enum client_state { CLIENT_NEW, CLIENT_IDLE, CLIENT_RECEIVING, CLIENT_ANSWERING, CLIENT_STREAMING };

struct client {
	TAILQ_ENTRY(client) entry;
	struct control *control;
	struct bufferevent *stream;
	struct event *timer;
	struct peer peer;
	enum client_state state;
	size_t scanned;			     /* bytes of input known to hold no newline */
	bool ended;			     /* it sends nothing more */
	bool closing;			     /* to be closed when its answer has left */
	void (*stream_ended)(void *context); /* of a stream; NULL: nobody asks */
	void *stream_context;
	const struct control_pieces *pieces; /* that follow of its answer; NULL: none */
	void *pieces_context;
	void *kept; /* of a handler's, until the connection ends; NULL: nothing */
	void (*release_kept)(void *kept);
	bool deferred;	   /* the request that was handled last is to be handled again */
	uint64_t ticket;   /* of a request that waits for that; 0: none does */
	uint64_t held_for; /* what an answer waits for; 0: none does */
	char *held;	   /* that answer */
	size_t held_length;
};

struct control {
	struct event_base *base;
	struct client *long_line; /* whose line may be long; NULL: nobody's */
	struct access *access;
	control_handler handler;
	void *context;
	struct control_limits limits;
	struct control_socket socket;
	struct event *acceptor, *pause;
	TAILQ_HEAD(clients, client) clients; /* the least recently active first */
	unsigned client_count;
	struct client *asking; /* whose request is being handled */
	uint64_t tickets;      /* given out */
};

/* control.c: ends the connection, and with it its stream or the rest of its answer. */
void client_free(struct client *client);
/* Takes the answer; without one (no memory) the connection ends. Returns whether it still lives. */
bool client_send(struct client *client, char *answer, size_t length);
/* Has the handler look at the request once more. May free the client. */
void client_answer_again(struct client *client);

/* control_wait.c */
bool client_waits(const struct client *client);
/* Takes the answer, which waits. */
void client_keep_answer(struct client *client, char *answer, size_t length);

/* control_stream.c */
/* After its answer: it may last; only a reader that stalls, or either side, ends it. */
void client_enter_stream(struct client *client);
/* Something came from a stream's reader, or left for it. May free the client. */
void client_stream_step(struct client *client);

/* control_pieces.c */
/* Opens the answer (length bytes) whose result pieces follow; without a result they are given up.
 * Returns the bytes to send. */
size_t client_begin_pieces(struct client *client, char *answer, size_t length);
/* Makes some more of an answer. False: the client is freed. */
bool client_make_pieces(struct client *client);
void client_end_pieces(struct client *client);

#endif
