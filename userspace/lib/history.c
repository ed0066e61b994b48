/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "history.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 4 };

/* Only while its events lie in order from the first place on. */
static void grow(struct history *history)
{
	size_t room = history->room ? history->room * 2 : FIRST_ROOM;
	struct history_event *events;

	if (history->room == HISTORY_EVENTS || history->oldest)
		return;
	events = realloc(history->events, room * sizeof(*events));
	if (!events)
		return;
	history->events = events;
	history->room = (uint8_t)room;
}

static char *copy_text(const char *text)
{
	size_t length = strnlen(text, HISTORY_TEXT_BYTES);

	if (text[length])
		while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
			length--;
	return strndup(text, length);
}

/* Where the next event goes; the oldest one leaves it when there is no other place. */
static struct history_event *take_place(struct history *history)
{
	struct history_event *place;

	if (history->count == history->room)
		grow(history);
	if (!history->room)
		return NULL;
	if (history->count < history->room)
		return &history->events[history->count++];
	place = &history->events[history->oldest];
	history->oldest = (uint8_t)((history->oldest + 1) % history->room);
	free(place->text);
	return place;
}

void history_add(struct history *history, enum history_kind kind, int64_t at, const char *text)
{
	char *copy = copy_text(text);
	struct history_event *place = copy ? take_place(history) : NULL;

	if (place)
		*place = (struct history_event){ .at = at, .text = copy, .kind = kind };
	else
		free(copy);
}

const struct history_event *history_get(const struct history *history, size_t i)
{
	return &history->events[(history->oldest + i) % history->room];
}

const char *history_kind_text(enum history_kind kind)
{
	static const char *const words[] = {
#define HISTORY_KIND_WORD(name, word) [HISTORY_##name] = word,
		HISTORY_KINDS(HISTORY_KIND_WORD)
#undef HISTORY_KIND_WORD
	};

	return words[kind];
}

void history_free(struct history *history)
{
	for (size_t i = 0; i < history->count; i++)
		free(history->events[i].text);
	free(history->events);
	*history = (struct history){ 0 };
}
