/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The columns of poise top's views: how wide, ordered by what, and what stands in their cells. */
#ifndef POISE_TOP_COLUMNS_H
#define POISE_TOP_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "format.h"
#include "text.h"
#include "top_model.h"

enum { TOP_MAX_COLUMNS = 12 };

struct top_column {
	const char *title;
	size_t least, most; /* columns of the terminal: where there is no room, where there is */
	bool right;	    /* aligned so, as numbers are */
	bool descending;    /* the usual direction */
	struct top_key (*key)(const struct top_item *item);
	/* The cell's text, or one written into text; not cleaned. */
	const char *(*cell)(const struct top_item *item, char text[FORMAT_BYTES]);
};

struct top_table {
	const struct top_column *columns;
	size_t count;
	size_t usual; /* the column that orders the rows at first */
};

/* one_service: of one service's backends, without the service's column. */
const struct top_table *top_table(enum top_kind kind, bool one_service);

/* Whether one of the item's texts holds the filter. */
bool top_item_holds_service(const struct top_item *item, const char *filter);
bool top_item_holds_backend(const struct top_item *item, const char *filter);
bool top_item_holds_event(const struct top_item *item, const char *filter);

/* A help for the eye: what is wrong stands in the texts as well. */
enum color top_item_color(enum top_kind kind, const struct top_item *item);

/* A rate: "-" if it is not known, 0.3, 12, 12.3k */
const char *top_rate_format(double rate, char text[FORMAT_BYTES]);

#endif
