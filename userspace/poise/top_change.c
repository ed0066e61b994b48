/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_change.h"

#include <stdlib.h>
#include <string.h>

#include "poise_abi.h"
#include "top_state.h"

static void name_it(struct top_change *change, const struct top_item *item, int key)
{
	free(change->service);
	free(change->name);
	change->service = require_memory(strdup(item->service));
	change->name = require_memory(strdup(item->name));
	change->command = key == 'd'   ? "backend-drain"
			  : key == 'u' ? "backend-undrain"
				       : "backend-weight";
}

void top_change_begin(struct top_state *state, int key)
{
	const struct top_item *item = top_state_item(state);

	if (state->view != TOP_BACKENDS || !item) {
		top_state_say(
			state, COLOR_YELLOW,
			text_format("%s", state->view == TOP_SERVICES
						  ? "d, u and w change a backend: Enter shows "
						    "those of this service"
						  : "d, u and w change a backend: there is "
						    "none here"));
		return;
	}
	name_it(&state->change, item, key);
	state->input[0] = '\0';
	state->mode = key == 'w' ? TOP_ASK_WEIGHT : TOP_CONFIRM;
}

void top_change_set_weight(struct top_state *state)
{
	if (parse_number(state->input, 0, POISE_MAX_WEIGHT, &state->change.weight)) {
		state->mode = TOP_CONFIRM;
		return;
	}
	top_state_say(state, COLOR_RED,
		      text_format("weight \"%s\": allowed is a whole number from 0 to %d",
				  state->input, POISE_MAX_WEIGHT));
}

void top_change_drop(struct top_state *state)
{
	state->mode = TOP_BROWSE;
	top_state_say(state, COLOR_NONE, text_format("nothing was changed"));
}

void top_change_confirm(struct top_state *state, int key)
{
	if (key != 'y' && key != 'Y') {
		top_change_drop(state);
		return;
	}
	state->mode = TOP_BROWSE;
	state->confirmed = true;
}

static bool is_command(const struct top_state *state, const char *command)
{
	return !strcmp(state->change.command, command);
}

static bool is_up(const struct top_item *backend)
{
	return backend && backend->as_backend.state && !strcmp(backend->as_backend.state, "up");
}

/* Whether no other backend would be left for new connections. */
static bool is_last_one(const struct top_state *state)
{
	const struct top_list *lists = state->model.lists;
	const struct top_change *change = &state->change;
	const struct top_item *service = top_list_find(&lists[TOP_SERVICES], "", change->service);

	return service && service->as_service.up <= 1 &&
	       is_up(top_list_find(&lists[TOP_BACKENDS], change->service, change->name));
}

char *top_change_effect(const struct top_state *state)
{
	const struct top_change *change = &state->change;
	const struct top_item *service =
		top_list_find(&state->model.lists[TOP_SERVICES], "", change->service);
	bool stateless = service && service->as_service.stateless;
	bool ends = is_command(state, "backend-drain") ||
		    (is_command(state, "backend-weight") && !change->weight);

	if (ends && is_last_one(state))
		return text_format("It is the only one of %s that is up: new connections would "
				   "find no backend.",
				   change->service);
	if (stateless)
		return text_format("%s",
				   "Stateless UDP: its flows go where the ring says from then on.");
	if (ends)
		return text_format("%s", "It gets no new connection, and keeps those that it has.");
	if (is_command(state, "backend-undrain"))
		return text_format("%s", "It gets new connections again; existing ones stay where "
					 "they are.");
	return text_format("%s", "Its share of new connections changes; its connections stay with "
				 "it.");
}

char *top_change_question(const struct top_state *state)
{
	const struct top_change *change = &state->change;

	if (is_command(state, "backend-weight"))
		return text_format("Set the weight of %s/%s to %u? [y/N]", change->service,
				   change->name, change->weight);
	return text_format("%s %s/%s? [y/N]",
			   is_command(state, "backend-drain") ? "Drain" : "Undrain",
			   change->service, change->name);
}
