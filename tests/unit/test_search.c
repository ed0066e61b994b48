/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes found in a stream, however it is cut in pieces. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "search.h"

/* In two pieces, cut at each place. */
static void assert_found(const char *needle, const char *stream, bool expected)
{
	size_t length = strlen(stream);
	struct search search;

	assert_int_equal(search_init(&search, needle, strlen(needle)), 0);
	for (size_t cut = 0; cut <= length; cut++) {
		bool found;

		search_begin(&search);
		found = search_feed(&search, stream, cut);
		found = search_feed(&search, stream + cut, length - cut) || found;
		assert_int_equal(found, expected);
	}
	search_fini(&search);
}

static void it_is_found_wherever_it_stands(void **state)
{
	(void)state;
	assert_found("ok", "ok", true);
	assert_found("ok", "it is ok so", true);
	assert_found("ok", "o k", false);
	assert_found("aab", "aaab", true);
	assert_found("abab", "abaabab", true);
	assert_found("abab", "abaababb", true);
	assert_found("abac", "ababab", false);
}

static void no_needle_is_found_at_once(void **state)
{
	struct search search;

	(void)state;
	assert_int_equal(search_init(&search, NULL, 0), 0);
	search_begin(&search);
	assert_true(search_feed(&search, NULL, 0));
	assert_string_equal((const char *)search.needle, "");
	search_fini(&search);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_found_wherever_it_stands),
		cmocka_unit_test(no_needle_is_found_at_once),
	};

	return cmocka_run_group_tests_name("search", tests, NULL, NULL);
}
