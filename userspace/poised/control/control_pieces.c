/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Answers that are made as the client reads them: each turn of the event loop makes some of one,
 * when all of it that was made before has left. So neither its length nor a slow reader costs
 * memory, and no other event waits for it longer than TURN_MS.
 */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <string.h>

#include "control_message.h"
#include "control_private.h"
#include "timer.h"

enum { TURN_MS = 5, TURN_BYTES = 128 << 10 };

int control_answer_in_pieces(struct control *control, const struct control_pieces *pieces,
			     void *context)
{
	struct client *client = control ? control->asking : NULL;

	if (!client || client->pieces)
		return -EINVAL;
	client->pieces = pieces;
	client->pieces_context = context;
	return 0;
}

void client_end_pieces(struct client *client)
{
	if (client->pieces)
		client->pieces->free(client->pieces_context);
	client->pieces = NULL;
}

size_t client_begin_pieces(struct client *client, char *answer, size_t length)
{
	size_t open = control_message_open(answer, length);

	if (!open)
		client_end_pieces(client);
	return open ? open : length;
}

/* Returns 1 while there is more, or a negative errno. */
static int make(struct client *client, struct evbuffer *out)
{
	int64_t until = timer_now_ms() + TURN_MS;
	int more;

	do
		more = client->pieces->next(client->pieces_context, out);
	while (more > 0 && evbuffer_get_length(out) < TURN_BYTES &&
	       (timer_now_ms() < until || !evbuffer_get_length(out)));
	if (!more && evbuffer_add(out, CONTROL_MESSAGE_END, strlen(CONTROL_MESSAGE_END)))
		return -ENOMEM;
	return more;
}

bool client_make_pieces(struct client *client)
{
	int more = make(client, bufferevent_get_output(client->stream));

	if (more < 0) {
		client_free(client);
		return false;
	}
	if (!more)
		client_end_pieces(client);
	return true;
}
