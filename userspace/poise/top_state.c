/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_state.h"

#include <stdlib.h>
#include <string.h>

static void sort_as_usual(struct top_look *look, const struct top_table *table)
{
	look->sort = &table->columns[table->usual];
	look->descending = look->sort->descending;
}

void top_state_init(struct top_state *state)
{
	*state = (struct top_state){ .page = 1 };
	top_model_init(&state->model);
	for (int kind = 0; kind < TOP_KINDS; kind++)
		sort_as_usual(&state->looks[kind], top_table(kind, false));
}

static void look_fini(struct top_look *look)
{
	free(look->at_service);
	free(look->at_name);
}

void top_state_fini(struct top_state *state)
{
	top_model_fini(&state->model);
	for (int kind = 0; kind < TOP_KINDS; kind++)
		look_fini(&state->looks[kind]);
	free(state->service);
	free(state->rows);
	free(state->change.service);
	free(state->change.name);
	free(state->message);
	free(state->host);
	free(state->version);
	free(state->problem);
	free(state->pace);
}

const struct top_table *top_state_table(const struct top_state *state)
{
	return top_table(state->view, state->service != NULL);
}

const struct top_item *top_state_item(const struct top_state *state)
{
	return state->count ? state->rows[state->looks[state->view].cursor] : NULL;
}

/* The cursor stays on its item; where that is gone, at its place. */
static void follow(struct top_state *state, struct top_look *look)
{
	if (!look->at_name)
		look->cursor = 0;
	for (size_t i = 0; look->at_name && i < state->count; i++) {
		if (strcmp(state->rows[i]->name, look->at_name) ||
		    strcmp(state->rows[i]->service, look->at_service))
			continue;
		look->cursor = i;
		break;
	}
	if (look->cursor >= state->count)
		look->cursor = state->count ? state->count - 1 : 0;
}

static void scroll(struct top_state *state, struct top_look *look)
{
	size_t last = state->count > state->page ? state->count - state->page : 0;

	if (look->first > look->cursor)
		look->first = look->cursor;
	if (look->first + state->page <= look->cursor)
		look->first = look->cursor + 1 - state->page;
	if (look->first > last)
		look->first = last;
}

void top_state_refresh(struct top_state *state)
{
	static bool (*const holds[TOP_KINDS])(const struct top_item *, const char *) = {
		top_item_holds_service, top_item_holds_backend, top_item_holds_event
	};
	const struct top_list *list = &state->model.lists[state->view];
	struct top_look *look = &state->looks[state->view];
	struct top_selection selection = {
		.service = state->view == TOP_BACKENDS ? state->service : NULL,
		.filter = look->filter,
		.key = look->sort->key,
		.holds = holds[state->view],
		.descending = look->descending,
	};

	if (state->room < list->count || !state->rows) {
		state->room = list->room;
		state->rows = require_memory(
			realloc(state->rows, (state->room + 1) * sizeof(*state->rows)));
	}
	state->count = top_list_select(list, &selection, state->rows);
	follow(state, look);
	scroll(state, look);
}

void top_state_enter(struct top_state *state, const char *service)
{
	char *copy = service ? require_memory(strdup(service)) : NULL;
	struct top_look *look = &state->looks[TOP_BACKENDS];

	if (service) { /* the cursor of another list means nothing here */
		look_fini(look);
		look->at_service = look->at_name = NULL;
		look->filter[0] = '\0';
	}
	free(state->service);
	state->service = copy;
	state->view = TOP_BACKENDS;
}

void top_state_say(struct top_state *state, enum color color, char *message)
{
	free(state->message);
	state->message = message;
	state->message_color = color;
}
