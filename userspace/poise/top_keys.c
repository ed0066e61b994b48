/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each key does: moving about, sorting and filtering; changes of backends begin here, and are
 * asked about in top_change.c. */
#include <stdlib.h>
#include <string.h>

#include "top_change.h"
#include "top_state.h"

static void set_cursor(struct top_state *state, size_t row)
{
	struct top_look *look = &state->looks[state->view];

	if (!state->count)
		return;
	look->cursor = row < state->count ? row : state->count - 1;
	free(look->at_service);
	free(look->at_name);
	look->at_service = require_memory(strdup(state->rows[look->cursor]->service));
	look->at_name = require_memory(strdup(state->rows[look->cursor]->name));
}

/* On the first row the cursor stays there, whatever comes to stand in it. */
static void go_home(struct top_state *state)
{
	struct top_look *look = &state->looks[state->view];

	free(look->at_service);
	free(look->at_name);
	look->at_service = look->at_name = NULL;
}

static void move(struct top_state *state, int key)
{
	size_t cursor = state->looks[state->view].cursor;
	size_t rows = key == TOP_KEY_UP || key == TOP_KEY_DOWN ? 1 : state->page;

	switch (key) {
	case TOP_KEY_UP:
	case TOP_KEY_PAGE_UP:
		set_cursor(state, cursor > rows ? cursor - rows : 0);
		break;
	case TOP_KEY_DOWN:
	case TOP_KEY_PAGE_DOWN:
		set_cursor(state, cursor + rows);
		break;
	case TOP_KEY_END:
		set_cursor(state, state->count);
		break;
	case TOP_KEY_HOME:
		go_home(state);
		break;
	}
}

static void show_view(struct top_state *state, enum top_kind view)
{
	if (view == TOP_BACKENDS)
		top_state_enter(state, NULL);
	state->view = view;
}

static void sort_by_next(struct top_state *state, int step)
{
	const struct top_table *table = top_state_table(state);
	struct top_look *look = &state->looks[state->view];
	size_t at = 0;

	for (size_t i = 0; i < table->count; i++)
		if (&table->columns[i] == look->sort)
			at = i;
	look->sort = &table->columns[(at + table->count + step) % table->count];
	look->descending = look->sort->descending;
}

static void open_row(struct top_state *state)
{
	const struct top_item *item = top_state_item(state);

	if (state->view == TOP_SERVICES && item)
		top_state_enter(state, item->name);
}

static void go_back(struct top_state *state)
{
	struct top_look *look = &state->looks[state->view];

	if (look->filter[0])
		look->filter[0] = '\0';
	else if (state->view == TOP_BACKENDS && state->service) {
		top_state_enter(state, NULL);
		state->view = TOP_SERVICES;
	}
}

static void browse(struct top_state *state, int key)
{
	switch (key) {
	case 'q':
		state->quit = true;
		break;
	case '?':
	case 'h':
		state->mode = TOP_HELP;
		break;
	case ' ':
		state->paused = !state->paused;
		break;
	case '1':
	case '2':
	case '3':
		show_view(state, key - '1');
		break;
	case TOP_KEY_TAB:
		show_view(state, (state->view + 1) % TOP_KINDS);
		break;
	case TOP_KEY_ENTER:
		open_row(state);
		break;
	case TOP_KEY_BACK:
		go_back(state);
		break;
	case '<':
	case '>':
	case 's':
		sort_by_next(state, key == '<' ? -1 : 1);
		break;
	case 'r':
		state->looks[state->view].descending = !state->looks[state->view].descending;
		break;
	case '/':
		strcpy(state->input, state->looks[state->view].filter);
		state->mode = TOP_ASK_FILTER;
		break;
	case 'd':
	case 'u':
	case 'w':
		top_change_begin(state, key);
		break;
	default:
		move(state, key);
		break;
	}
}

/* Edits the input; what else a key means there is left to the caller. */
static void edit(struct top_state *state, int key)
{
	size_t length = strlen(state->input);

	if (key == TOP_KEY_RUBOUT && length)
		state->input[length - 1] = '\0';
	else if (key >= ' ' && key <= '~' && length + 1 < sizeof(state->input)) {
		state->input[length] = key;
		state->input[length + 1] = '\0';
	}
}

/* Rows are filtered while the text is typed. */
static void ask_filter(struct top_state *state, int key)
{
	if (key == TOP_KEY_BACK)
		state->input[0] = '\0';
	if (key == TOP_KEY_BACK || key == TOP_KEY_ENTER)
		state->mode = TOP_BROWSE;
	else
		edit(state, key);
	strcpy(state->looks[state->view].filter, state->input);
}

static void ask_weight(struct top_state *state, int key)
{
	if (key == TOP_KEY_BACK)
		top_change_drop(state);
	else if (key == TOP_KEY_ENTER)
		top_change_set_weight(state);
	else
		edit(state, key);
}

void top_state_key(struct top_state *state, int key)
{
	top_state_say(state, COLOR_NONE, NULL);
	switch (state->mode) {
	case TOP_BROWSE:
		browse(state, key);
		break;
	case TOP_HELP:
		state->mode = TOP_BROWSE;
		break;
	case TOP_ASK_FILTER:
		ask_filter(state, key);
		break;
	case TOP_ASK_WEIGHT:
		ask_weight(state, key);
		break;
	case TOP_CONFIRM:
		top_change_confirm(state, key);
		break;
	}
	top_state_refresh(state);
}
