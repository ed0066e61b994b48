/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Connections whose lines go one way, after an answer. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include "control_private.h"

enum { MAX_STREAM_BYTES = 1 << 20 }; /* unread, of a stream */

void client_enter_stream(struct client *client)
{
	client->state = CLIENT_STREAMING;
	event_del(client->timer);
}

/* Whatever a stream's reader sends means nothing. */
void client_stream_step(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);
	bool done = !evbuffer_get_length(bufferevent_get_output(client->stream));

	evbuffer_drain(input, evbuffer_get_length(input));
	if (client->ended || (client->closing && done))
		client_free(client);
}

struct control_stream *control_stream_begin(struct control *control, void (*ended)(void *context),
					    void *context)
{
	struct client *client = control->asking;

	if (!client)
		return NULL;
	client->stream_ended = ended;
	client->stream_context = context;
	return (struct control_stream *)client;
}

bool control_stream_send(struct control_stream *stream, const char *line, size_t length)
{
	struct evbuffer *output = bufferevent_get_output(((struct client *)stream)->stream);

	return evbuffer_get_length(output) + length < MAX_STREAM_BYTES &&
	       evbuffer_add(output, line, length) == 0 && evbuffer_add(output, "\n", 1) == 0;
}

void control_stream_end(struct control_stream *stream, const char *line, size_t length)
{
	struct client *client = (struct client *)stream;
	struct evbuffer *output = bufferevent_get_output(client->stream);

	client->stream_ended = NULL;
	client->closing = true;
	if (length && evbuffer_add(output, line, length) == 0)
		evbuffer_add(output, "\n", 1);
	if (client->state == CLIENT_STREAMING)
		client_stream_step(client);
}
