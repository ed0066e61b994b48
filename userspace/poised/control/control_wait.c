/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Requests and answers that wait for control_resume(): a request keeps its ticket until it is
 * handled, so that none overtakes it.
 */
#include <stdlib.h>

#include "control_private.h"

void control_defer(struct control *control)
{
	struct client *client = control->asking;

	client->deferred = true;
	if (!client->ticket)
		client->ticket = ++control->tickets;
}

/* Whose ticket is the lowest but for those below 'from'; NULL: there is none. */
static struct client *next_deferred(const struct control *control, uint64_t from)
{
	struct client *client, *found = NULL;

	for (client = TAILQ_FIRST(&control->clients); client; client = TAILQ_NEXT(client, entry))
		if (client->ticket >= from && client->ticket &&
		    (!found || client->ticket < found->ticket))
			found = client;
	return found;
}

bool control_is_behind(const struct control *control)
{
	const struct client *first = control ? next_deferred(control, 0) : NULL;
	const struct client *asking = control ? control->asking : NULL;

	return first && first != asking &&
	       (!asking || !asking->ticket || first->ticket < asking->ticket);
}

void control_hold_answer(struct control *control, uint64_t number)
{
	struct client *client = control ? control->asking : NULL;

	if (client && !client->pieces && !client->stream_ended)
		client->held_for = number;
}

bool client_waits(const struct client *client)
{
	return client->ticket || client->held_for;
}

void client_keep_answer(struct client *client, char *answer, size_t length)
{
	client->held = answer;
	client->held_length = length;
}

static struct client *next_held(const struct control *control, uint64_t number)
{
	struct client *client = TAILQ_FIRST(&control->clients);

	while (client && !(client->held_for && client->held_for <= number))
		client = TAILQ_NEXT(client, entry);
	return client;
}

static void send_held(struct client *client)
{
	char *answer = client->held;

	client->held = NULL;
	client->held_for = 0;
	client_send(client, answer, client->held_length);
}

void control_resume(struct control *control, uint64_t number)
{
	struct client *client;
	uint64_t from = 0;

	while ((client = next_held(control, number)))
		send_held(client);
	while ((client = next_deferred(control, from))) {
		from = client->ticket + 1;
		client_answer_again(client);
	}
}
