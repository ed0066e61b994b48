/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A backend's history: the last 32 changes, in order, each cut to a bound. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "history.h"

static void the_last_ones_are_kept_in_order(void **state)
{
	struct history history = { 0 };
	char text[32];

	(void)state;
	for (int n = 1; n <= 100; n++) {
		int kept = n < HISTORY_EVENTS ? n : HISTORY_EVENTS;

		snprintf(text, sizeof(text), "event %d", n);
		history_add(&history, n % 2 ? HISTORY_HEALTH : HISTORY_PANIC, n, text);
		assert_int_equal(history.count, kept);
		for (int i = 0; i < kept; i++) {
			const struct history_event *event = history_get(&history, i);
			int number = n - kept + 1 + i;

			snprintf(text, sizeof(text), "event %d", number);
			assert_int_equal(event->at, number);
			assert_int_equal(event->kind, number % 2 ? HISTORY_HEALTH : HISTORY_PANIC);
			assert_string_equal(event->text, text);
		}
	}
	history_free(&history);
	assert_int_equal(history.count, 0);
	history_add(&history, HISTORY_LIFE, 1, "again");
	assert_string_equal(history_get(&history, 0)->text, "again");
	history_free(&history);
}

static void texts_are_cut_at_the_end_of_a_character(void **state)
{
	char text[HISTORY_TEXT_BYTES * 2] = "";
	struct history history = { 0 };

	(void)state;
	memset(text, 'x', HISTORY_TEXT_BYTES - 1);
	strcat(text, "\xc3\xbc and more");
	history_add(&history, HISTORY_HEALTH, 1, text);
	assert_int_equal(strlen(history_get(&history, 0)->text), HISTORY_TEXT_BYTES - 1);
	text[HISTORY_TEXT_BYTES - 2] = '\0';
	strcat(text, "\xc3\xbc");
	history_add(&history, HISTORY_HEALTH, 1, text);
	assert_string_equal(history_get(&history, 1)->text, text);
	history_free(&history);
}

/* Most backends see little: 16,384 of them must not pay for 32 events each. */
static void memory_comes_with_the_events(void **state)
{
	struct history history = { 0 };

	(void)state;
	assert_int_equal(history.room, 0);
	history_add(&history, HISTORY_LIFE, 1, "");
	assert_in_range(history.room, 1, 4);
	history_free(&history);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_ones_are_kept_in_order),
		cmocka_unit_test(texts_are_cut_at_the_end_of_a_character),
		cmocka_unit_test(memory_comes_with_the_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
