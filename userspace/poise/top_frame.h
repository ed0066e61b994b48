/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poise top's screen says, as lines: clean text, cut to the width. Only rows in sight are
 * made. Knows no terminal.
 */
#ifndef POISE_TOP_FRAME_H
#define POISE_TOP_FRAME_H

#include <stdbool.h>
#include <stddef.h>

#include "text.h"

struct top_state;

struct top_line {
	char *text;
	enum color color;
	bool reverse; /* titles, and the row with the cursor */
};

struct top_frame {
	struct top_line *lines;
	size_t count, room;
};

enum {
	TOP_FRAME_MARGINS = 5, /* lines around the rows */
	TOP_FRAME_WIDTH = 80,  /* that everything but REASON fits */
};

/* A screen of so many lines; state->page must fit them. */
void top_frame_draw(struct top_frame *frame, const struct top_state *state, size_t width,
		    size_t height);
/* Every row, for who has no screen. */
void top_frame_list(struct top_frame *frame, const struct top_state *state, size_t width);
void top_frame_free(struct top_frame *frame);

#endif
