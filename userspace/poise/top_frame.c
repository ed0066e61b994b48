/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_frame.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "top_change.h"
#include "top_state.h"

enum { HEAD_LINES = 3, FOOT_LINES = 2, BITS = 8, HOST_WIDTH = 14 };
_Static_assert(HEAD_LINES + FOOT_LINES == TOP_FRAME_MARGINS, "the lines around the rows");

static const char *const view_names[TOP_KINDS] = { "services", "backends", "drops and events" };

/* Takes clean text. */
static void add_clean(struct top_frame *frame, size_t width, enum color color, bool reverse,
		      char *clean)
{
	if (frame->count == frame->room) {
		frame->room = frame->room ? frame->room * 2 : 32;
		frame->lines =
			require_memory(realloc(frame->lines, frame->room * sizeof(*frame->lines)));
	}
	frame->lines[frame->count++] =
		(struct top_line){ text_shorten(clean, width), color, reverse };
	free(clean);
}

/* Takes text, which may hold anything. */
static void add_line(struct top_frame *frame, size_t width, enum color color, char *text)
{
	add_clean(frame, width, color, false, text_clean(text));
	free(text);
}

void top_frame_free(struct top_frame *frame)
{
	for (size_t i = 0; i < frame->count; i++)
		free(frame->lines[i].text);
	free(frame->lines);
	*frame = (struct top_frame){ .lines = NULL };
}

/* Columns of the terminal for each column of the table: those that fit get their least, in their
 * order, and share what is left; 0: it is left out. */
static void share_width(const struct top_table *table, size_t width, size_t widths[TOP_MAX_COLUMNS])
{
	size_t used = 0;
	bool grown = true;

	for (size_t i = 0; i < table->count; i++) {
		size_t needed = table->columns[i].least + (used ? 1 : 0);

		widths[i] = used + needed <= width ? table->columns[i].least : 0;
		used += widths[i] ? needed : 0;
	}
	while (grown && used < width) {
		grown = false;
		for (size_t i = 0; i < table->count && used < width; i++) {
			if (!widths[i] || widths[i] >= table->columns[i].most)
				continue;
			widths[i]++;
			used++;
			grown = true;
		}
	}
}

/* Adds a cell to a row; both are clean, and the row is to be free()d. */
static char *add_cell(char *row, const struct top_column *column, size_t width, const char *raw)
{
	char *clean = text_clean(raw), *shown = text_shorten(clean, width);
	size_t pad = width - text_width(shown);
	char *out = text_format("%s%s%*s%s%*s", row, *row ? " " : "", column->right ? (int)pad : 0,
				"", shown, column->right ? 0 : (int)pad, "");

	free(clean);
	free(shown);
	free(row);
	return out;
}

/* A row of the table, or for NULL its titles. */
static char *make_row(const struct top_table *table, const size_t widths[TOP_MAX_COLUMNS],
		      const struct top_item *item)
{
	char *row = require_memory(strdup("")), text[FORMAT_BYTES];

	for (size_t i = 0; i < table->count; i++) {
		const struct top_column *column = &table->columns[i];

		if (widths[i])
			row = add_cell(row, column, widths[i],
				       item ? column->cell(item, text) : column->title);
	}
	return row;
}

static char *uptime_text(const struct top_state *state)
{
	char age[FORMAT_BYTES];

	if (!state->up_since_ms)
		return require_memory(strdup(""));
	return text_format(" up %s", format_age((state->now_ms - state->up_since_ms) / 1000, age));
}

static void add_head(struct top_frame *frame, const struct top_state *state, size_t width)
{
	char packets[FORMAT_BYTES], bits[FORMAT_BYTES], drops[FORMAT_BYTES];
	const struct top_list *services = &state->model.lists[TOP_SERVICES];
	char *host = text_clean(state->host), *name = text_shorten(host, HOST_WIDTH);
	char *uptime = uptime_text(state);

	if (state->problem)
		add_line(frame, width, COLOR_RED,
			 text_format("%s  NO CONNECTION, trying again: %s", name, state->problem));
	else
		add_line(frame, width, COLOR_BOLD,
			 text_format(
				 "%s  poised %s%s  %s pkt/s  %s bit/s  %s drop/s", name,
				 state->version ? state->version : "?", uptime,
				 top_rate_format(top_list_rate(services, TOP_PACKETS), packets),
				 top_rate_format(top_list_rate(services, TOP_BYTES) * BITS, bits),
				 top_rate_format(top_drop_rate(&state->model), drops)));
	free(uptime);
	free(name);
	free(host);
}

/* Which view this is, how much of it, and in which order. */
static void add_view(struct top_frame *frame, const struct top_state *state, size_t width)
{
	const struct top_look *look = &state->looks[state->view];
	char *whose = state->service && state->view == TOP_BACKENDS
			      ? text_format(" of %s", state->service)
			      : require_memory(strdup(""));
	char *filter = look->filter[0] ? text_format(", with \"%s\"", look->filter)
				       : require_memory(strdup(""));
	char *text =
		text_format("%s%s%s: %zu%s, by %s %s  %s", state->paused ? "PAUSED  " : "",
			    view_names[state->view], whose, state->count, filter, look->sort->title,
			    look->descending ? "down" : "up", state->pace ? state->pace : "");

	add_line(frame, width, state->paused ? COLOR_YELLOW : COLOR_NONE, text);
	free(filter);
	free(whose);
}

static void add_rows(struct top_frame *frame, const struct top_state *state, size_t width,
		     size_t first, size_t end, bool with_cursor)
{
	const struct top_table *table = top_state_table(state);
	size_t widths[TOP_MAX_COLUMNS];

	share_width(table, width, widths);
	add_clean(frame, width, COLOR_NONE, true, make_row(table, widths, NULL));
	for (size_t i = first; i < end && i < state->count; i++)
		add_clean(frame, width, top_item_color(state->view, state->rows[i]),
			  with_cursor && i == state->looks[state->view].cursor,
			  make_row(table, widths, state->rows[i]));
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static char *describe_backend(const struct top_item *item)
{
	const struct top_backend *backend = &item->as_backend;
	char *file, *out;

	if (!backend->known)
		return text_format("%s/%s", item->service, item->name);
	file = backend->declared_weight < 0 ? text_format(" (not in the file)")
	       : backend->declared_weight != backend->weight
		       ? text_format(" (%ld in the file)", (long)backend->declared_weight)
		       : require_memory(strdup(""));
	out = text_format("%s/%s %s: %s, weight %ld%s%s%s", item->service, item->name,
			  text_or(backend->address, ""), text_or(backend->state, ""),
			  (long)backend->weight, file,
			  backend->reason && *backend->reason ? ": " : "",
			  text_or(backend->reason, ""));
	free(file);
	return out;
}

/* More about the row with the cursor. */
static char *describe_item(const struct top_state *state)
{
	const struct top_item *item = top_state_item(state);

	if (!item)
		return require_memory(strdup(""));
	if (state->view == TOP_BACKENDS)
		return describe_backend(item);
	if (state->view == TOP_EVENTS)
		return text_format("%s: %s", item->name, text_or(item->as_event.meaning, ""));
	return text_format("%s %s %s: %ld of %ld backends up%s", item->name,
			   text_or(item->as_service.endpoint, ""),
			   text_or(item->as_service.protocol, ""), (long)item->as_service.up,
			   (long)item->as_service.total,
			   item->as_service.panic ? ": too few, so that all are used (panic)" : "");
}

static void add_message(struct top_frame *frame, const struct top_state *state, size_t width)
{
	if (state->mode == TOP_CONFIRM)
		add_line(frame, width, COLOR_YELLOW, top_change_effect(state));
	else if (state->message)
		add_line(frame, width, state->message_color, text_format("%s", state->message));
	else
		add_line(frame, width, COLOR_NONE, describe_item(state));
}

static void add_prompt(struct top_frame *frame, const struct top_state *state, size_t width)
{
	static const char keys[] = "?:help q:quit Tab:view Enter:open s:sort r:reverse /:filter "
				   "d:drain u:undrain";

	switch (state->mode) {
	case TOP_CONFIRM:
		add_line(frame, width, COLOR_BOLD, top_change_question(state));
		break;
	case TOP_ASK_FILTER:
		add_line(frame, width, COLOR_BOLD, text_format("filter: %s_", state->input));
		break;
	case TOP_ASK_WEIGHT:
		add_line(frame, width, COLOR_BOLD,
			 text_format("weight of %s/%s, 0 to 1000: %s_", state->change.service,
				     state->change.name, state->input));
		break;
	default:
		add_line(frame, width, COLOR_DIM, text_format("%s", keys));
		break;
	}
}

static void add_help(struct top_frame *frame, size_t width, size_t height)
{
	static const char *const lines[] = {
		"poise top: services, backends, drops and events, with their rates",
		"",
		"  Up Down PgUp PgDn Home End   move",
		"  Tab, 1 2 3                   services, backends of all, drops and events",
		"  Enter                        the backends of the service with the cursor",
		"  Esc                          no filter; back to the services",
		"  < > s                        order by the column before, behind",
		"  r                            the other way round",
		"  /                            only rows that hold a text",
		"  d u w                        drain, undrain, weight of a backend; asks first",
		"  Space                        pause, and go on",
		"  q                            quit",
		"",
		"  PKT/S BIT/S CONN/S  a second, of clients: packets, bits, new connections",
		"  MOVING   slots whose former backend may still have connections",
		"  WEIGHT   what counts now / its own, where they differ",
		"  ACTIVE   recorded flows that have not ended, where the service records them",
		"  CHECK    how long the last health check took",
		"  -        not known so far: a rate takes two answers",
		"",
		"  any key: back",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines) && i < height; i++)
		add_line(frame, width, COLOR_NONE, text_format("%s", lines[i]));
}

void top_frame_draw(struct top_frame *frame, const struct top_state *state, size_t width,
		    size_t height)
{
	size_t first = state->looks[state->view].first;

	if (state->mode == TOP_HELP) {
		add_help(frame, width, height);
		return;
	}
	if (height <= TOP_FRAME_MARGINS) {
		add_line(frame, width, COLOR_NONE, text_format("%s", "too few lines here"));
		return;
	}
	add_head(frame, state, width);
	add_view(frame, state, width);
	add_rows(frame, state, width, first, first + state->page, true);
	while (frame->count < height - FOOT_LINES)
		add_line(frame, width, COLOR_NONE, text_format("%s", ""));
	add_message(frame, state, width);
	add_prompt(frame, state, width);
}

void top_frame_list(struct top_frame *frame, const struct top_state *state, size_t width)
{
	add_head(frame, state, width);
	add_view(frame, state, width);
	add_rows(frame, state, width, 0, SIZE_MAX, false);
}
