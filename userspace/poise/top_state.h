/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poise top shows of its model, and what keys make of that. Draws nothing and asks nobody: a
 * change of a backend that was confirmed is left in here for who can make it.
 */
#ifndef POISE_TOP_STATE_H
#define POISE_TOP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "text.h"
#include "top_columns.h"
#include "top_model.h"

enum { TOP_INPUT_BYTES = 64 };

/* Keys beside the printable ones, which are themselves. */
enum top_key_code {
	TOP_KEY_UP = 0x200,
	TOP_KEY_DOWN,
	TOP_KEY_PAGE_UP,
	TOP_KEY_PAGE_DOWN,
	TOP_KEY_HOME,
	TOP_KEY_END,
	TOP_KEY_ENTER,
	TOP_KEY_BACK,
	TOP_KEY_TAB,
	TOP_KEY_RUBOUT,
};

enum top_mode { TOP_BROWSE, TOP_HELP, TOP_ASK_FILTER, TOP_ASK_WEIGHT, TOP_CONFIRM };

/* How a view is looked at. */
struct top_look {
	const struct top_column *sort;
	bool descending;
	char filter[TOP_INPUT_BYTES];
	size_t cursor, first;	    /* rows: that of the cursor, and the first one in sight */
	char *at_service, *at_name; /* what the cursor stays on; NULL: on the first row */
};

struct top_change {
	const char *command; /* of the control protocol */
	char *service, *name;
	unsigned weight; /* of backend-weight */
};

struct top_state {
	struct top_model model;
	enum top_kind view;
	char *service; /* whose backends are shown; NULL: everyone's */
	struct top_look looks[TOP_KINDS];
	const struct top_item **rows; /* those of the view, as top_state_refresh() left them */
	size_t count, room;
	size_t page; /* rows that fit the terminal */
	enum top_mode mode;
	char input[TOP_INPUT_BYTES];
	struct top_change change; /* what is asked about, or to be made */
	bool confirmed;		  /* it is to be made */
	bool paused, quit;
	char *message; /* about the last key or change; NULL: none */
	enum color message_color;
	/* told by others, for the head of the screen */
	char *host, *version, *problem; /* problem: why there is no connection, or NULL */
	int64_t started_at;		/* which tells one start of poised from another */
	int64_t up_since_ms, now_ms;	/* of boottime_ms(); up_since_ms 0: not known */
	char *pace;			/* how often figures come */
};

void top_state_init(struct top_state *state);
void top_state_fini(struct top_state *state);

/* Chooses the rows anew: after each change of the model, of the page, or by a key. */
void top_state_refresh(struct top_state *state);

/* A key, as above or a printable character. Refreshes. */
void top_state_key(struct top_state *state, int key);

/* What the view's rows are drawn by. */
const struct top_table *top_state_table(const struct top_state *state);
/* The row with the cursor; NULL: there is none. */
const struct top_item *top_state_item(const struct top_state *state);

/* Shows the backends of a service, or (NULL) all. */
void top_state_enter(struct top_state *state, const char *service);

/* Takes message, which may be NULL. */
void top_state_say(struct top_state *state, enum color color, char *message);

#endif
