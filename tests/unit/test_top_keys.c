/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise top's keys and lines, without a terminal: what is shown after which keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "top_frame.h"
#include "top_state.h"

enum { ROWS = 10, HEIGHT = ROWS + TOP_FRAME_MARGINS };

/* One answer of poised: services s0 .. s2, each with 8 backends of rising rates; in the second
 * round of feeding the rates are known. */
static void feed(struct top_state *state, int at, int backends)
{
	struct top_list *lists = state->model.lists;
	char service[16], name[16];

	for (int kind = 0; kind < TOP_KINDS; kind++)
		top_list_begin(&lists[kind]);
	for (int i = 0; i < 3; i++) {
		struct top_item *item;

		snprintf(service, sizeof(service), "s%d", i);
		item = top_list_put(&lists[TOP_SERVICES], "", service);
		item->as_service.up = item->as_service.total = backends;
		top_counter_feed(&item->counters[TOP_PACKETS], at * i, at);
		for (int j = 0; j < backends; j++) {
			snprintf(name, sizeof(name), "b%d", j);
			item = top_list_put(&lists[TOP_BACKENDS], service, name);
			top_counter_feed(&item->counters[TOP_PACKETS], at * (10 * i + j), at);
			top_text_set(&item->as_backend.state, "up");
		}
	}
	for (int kind = 0; kind < TOP_KINDS; kind++)
		top_list_end(&lists[kind]);
	top_state_refresh(state);
}

static int setup(void **out)
{
	struct top_state *state = calloc(1, sizeof(*state));

	top_state_init(state);
	state->host = strdup("lb");
	state->page = ROWS;
	feed(state, 1, 8);
	feed(state, 2, 8);
	*out = state;
	return 0;
}

static int teardown(void **out)
{
	top_state_fini(*out);
	free(*out);
	return 0;
}

static void type(struct top_state *state, const char *keys)
{
	for (; *keys; keys++)
		top_state_key(state, *keys);
}

static const char *at_cursor(struct top_state *state)
{
	static char text[64];
	const struct top_item *item = top_state_item(state);

	snprintf(text, sizeof(text), "%s/%s", item ? item->service : "", item ? item->name : "");
	return text;
}

/* All lines of the screen. */
static const char *screen(struct top_state *state, size_t width, size_t height)
{
	static char text[1 << 16];
	struct top_frame frame = { .lines = NULL };

	text[0] = '\0';
	top_frame_draw(&frame, state, width, height);
	for (size_t i = 0; i < frame.count; i++) {
		assert_true(text_width(frame.lines[i].text) <= width);
		strcat(text, frame.lines[i].text);
		strcat(text, "\n");
	}
	assert_true(frame.count <= height);
	top_frame_free(&frame);
	return text;
}

static void assert_shown(struct top_state *state, const char *part)
{
	const char *text = screen(state, TOP_FRAME_WIDTH, HEIGHT);

	if (!strstr(text, part))
		fail_msg("'%s' is not on the screen:\n%s", part, text);
}

static void the_cursor_stays_on_its_row(void **out)
{
	struct top_state *state = *out;

	type(state, "2");
	assert_string_equal("s2/b7", at_cursor(state));
	top_state_key(state, TOP_KEY_DOWN);
	top_state_key(state, TOP_KEY_DOWN);
	assert_string_equal("s2/b5", at_cursor(state));
	type(state, "r"); /* now the slowest come first */
	assert_string_equal("s2/b5", at_cursor(state));
	assert_int_equal(state->looks[TOP_BACKENDS].cursor, 21);
	assert_in_range(state->looks[TOP_BACKENDS].first, 12, 14);
	feed(state, 3, 5); /* it is gone: the cursor stays in reach */
	assert_string_equal("s2/b4", at_cursor(state));
}

static void the_cursor_stays_on_the_first_row(void **out)
{
	struct top_state *state = *out;

	type(state, "2r");
	assert_string_equal("s0/b0", at_cursor(state));
	top_state_key(state, TOP_KEY_END);
	assert_string_equal("s2/b7", at_cursor(state));
	top_state_key(state, TOP_KEY_HOME);
	type(state, "r");
	assert_string_equal("s2/b7", at_cursor(state));
}

static void pages_end_at_the_ends(void **out)
{
	struct top_state *state = *out;

	type(state, "2");
	for (int i = 0; i < 5; i++)
		top_state_key(state, TOP_KEY_PAGE_DOWN);
	assert_int_equal(state->looks[TOP_BACKENDS].cursor, 23);
	assert_int_equal(state->looks[TOP_BACKENDS].first, 24 - ROWS);
	for (int i = 0; i < 5; i++)
		top_state_key(state, TOP_KEY_PAGE_UP);
	assert_int_equal(state->looks[TOP_BACKENDS].cursor, 0);
	assert_int_equal(state->looks[TOP_BACKENDS].first, 0);
}

static void enter_and_back(void **out)
{
	struct top_state *state = *out;

	top_state_key(state, TOP_KEY_DOWN);
	assert_string_equal("/s1", at_cursor(state));
	top_state_key(state, TOP_KEY_ENTER);
	assert_int_equal(state->view, TOP_BACKENDS);
	assert_int_equal(state->count, 8);
	assert_string_equal("s1/b7", at_cursor(state));
	assert_shown(state, "backends of s1: 8");
	top_state_key(state, TOP_KEY_BACK);
	assert_string_equal("/s1", at_cursor(state));
	top_state_key(state, TOP_KEY_TAB);
	assert_int_equal(state->count, 24);
}

static void a_filter_is_typed(void **out)
{
	struct top_state *state = *out;

	type(state, "2/S1");
	assert_int_equal(state->count, 8); /* while it is typed */
	assert_shown(state, "filter: S1_");
	top_state_key(state, TOP_KEY_RUBOUT);
	assert_int_equal(state->count, 24);
	type(state, "0dq"); /* letters, no keys */
	assert_int_equal(state->count, 0);
	assert_false(state->quit);
	assert_int_equal(state->mode, TOP_ASK_FILTER);
	top_state_key(state, TOP_KEY_ENTER);
	assert_shown(state, "backends: 0, with \"S0dq\"");
	type(state, "dw");
	assert_int_equal(state->mode, TOP_BROWSE);
	top_state_key(state, TOP_KEY_BACK);
	assert_int_equal(state->count, 24);
}

/* Longer than what is kept of it. */
static void a_filter_is_bounded(void **out)
{
	struct top_state *state = *out;

	type(state, "/");
	for (int i = 0; i < 1000; i++)
		type(state, "x");
	assert_int_equal(strlen(state->looks[TOP_SERVICES].filter), TOP_INPUT_BYTES - 1);
}

static void a_drain_is_asked_about(void **out)
{
	struct top_state *state = *out;

	type(state, "d");
	assert_int_equal(state->mode, TOP_BROWSE);
	assert_shown(state, "Enter shows those of this service");
	type(state, "2d");
	assert_shown(state, "Drain s2/b7? [y/N]");
	assert_shown(state, "It gets no new connection, and keeps those that it has.");
	type(state, "n");
	assert_false(state->confirmed);
	assert_shown(state, "nothing was changed");
	type(state, "d");
	type(state, "r"); /* no key but y */
	assert_false(state->confirmed);
	assert_true(state->looks[TOP_BACKENDS].descending);
	type(state, "d");
	feed(state, 3, 4); /* the row under the cursor is another one now */
	assert_shown(state, "Drain s2/b7? [y/N]");
	type(state, "y");
	assert_true(state->confirmed);
	assert_string_equal("backend-drain", state->change.command);
	assert_string_equal("s2", state->change.service);
	assert_string_equal("b7", state->change.name);
}

static void the_last_one_is_told(void **out)
{
	struct top_state *state = *out;

	feed(state, 3, 1);
	type(state, "2d");
	assert_shown(state, "the only one of s2 that is up");
}

static void a_weight_is_checked(void **out)
{
	struct top_state *state = *out;

	type(state, "2w");
	assert_shown(state, "weight of s2/b7, 0 to 1000: _");
	type(state, "1001");
	top_state_key(state, TOP_KEY_ENTER);
	assert_shown(state, "weight \"1001\": allowed is a whole number from 0 to 1000");
	for (int i = 0; i < 4; i++)
		top_state_key(state, TOP_KEY_RUBOUT);
	type(state, "50");
	top_state_key(state, TOP_KEY_ENTER);
	assert_shown(state, "Set the weight of s2/b7 to 50? [y/N]");
	assert_shown(state, "its connections stay with it");
	type(state, "Y");
	assert_true(state->confirmed);
	assert_string_equal("backend-weight", state->change.command);
	assert_int_equal(state->change.weight, 50);
	state->confirmed = false;
	type(state, "w");
	top_state_key(state, TOP_KEY_BACK);
	assert_false(state->confirmed);
	assert_int_equal(state->mode, TOP_BROWSE);
}

static void columns_are_walked_through(void **out)
{
	struct top_state *state = *out;
	size_t columns = top_state_table(state)->count;

	assert_shown(state, "by PKT/S down");
	type(state, "s");
	assert_shown(state, "by BIT/S down");
	type(state, "<<");
	assert_shown(state, "by UP up");
	for (size_t i = 0; i < columns; i++)
		type(state, ">");
	assert_shown(state, "by UP up");
	/* a column that a service's own view has not */
	type(state, "2<<<<<");
	assert_shown(state, "by SERVICE up");
	type(state, "1");
	top_state_key(state, TOP_KEY_ENTER);
	assert_int_equal(state->count, 8);
	type(state, "s");
	assert_shown(state, "by STATE up");
}

static void any_size_will_do(void **out)
{
	struct top_state *state = *out;

	type(state, "2");
	for (size_t width = 1; width < 200; width += 3)
		for (size_t height = 1; height < 40; height += 4) {
			state->page = height > TOP_FRAME_MARGINS ? height - TOP_FRAME_MARGINS : 1;
			top_state_refresh(state);
			screen(state, width, height);
		}
	type(state, "?");
	screen(state, 1, 1);
}

static void assert_printable(const char *text)
{
	static const char ellipsis[] = "\u2026"; /* the screen's own */

	for (; *text; text++) {
		if (!strncmp(text, ellipsis, strlen(ellipsis)))
			text += strlen(ellipsis) - 1;
		else if (*text != '\n' && (*text < ' ' || *text > '~'))
			fail_msg("byte %02x is on the screen", (unsigned char)*text);
	}
}

/* Whatever poised sends as a name, a terminal gets no control character. */
static void texts_are_cleaned(void **out)
{
	struct top_state *state = *out;
	struct top_list *list = &state->model.lists[TOP_BACKENDS];
	const char *evil = "\033[31m\r\n\t\x9b\x7f\xe2\x80\xae";
	struct top_item *item;

	top_list_begin(list);
	item = top_list_put(list, evil, evil);
	item->as_backend = (struct top_backend){ .known = true, .declared_weight = 1 };
	top_text_set(&item->as_backend.state, evil);
	top_text_set(&item->as_backend.reason, evil);
	top_text_set(&item->as_backend.address, evil);
	top_text_set(&item->as_backend.check, evil);
	top_list_end(list);
	top_text_set(&state->problem, evil);
	top_text_set(&state->host, evil);
	top_text_set(&state->pace, evil);
	type(state, "2");
	for (const char *key = "dw"; *key; key++) {
		assert_printable(screen(state, 200, HEIGHT));
		top_state_key(state, *key);
		assert_printable(screen(state, 200, HEIGHT));
		top_state_key(state, TOP_KEY_BACK);
	}
	top_state_enter(state, evil);
	top_state_say(state, COLOR_RED, strdup(evil));
	top_state_refresh(state);
	assert_printable(screen(state, 200, HEIGHT));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(the_cursor_stays_on_its_row),
		TEST(the_cursor_stays_on_the_first_row),
		TEST(pages_end_at_the_ends),
		TEST(enter_and_back),
		TEST(a_filter_is_typed),
		TEST(a_filter_is_bounded),
		TEST(a_drain_is_asked_about),
		TEST(the_last_one_is_told),
		TEST(a_weight_is_checked),
		TEST(columns_are_walked_through),
		TEST(any_size_will_do),
		TEST(texts_are_cleaned),
	};

	setenv("LC_ALL", "C.UTF-8", 1);
	text_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
