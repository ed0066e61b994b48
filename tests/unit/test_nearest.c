/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "nearest.h"

static const char *nearest_of(const char *text, const char *const *names)
{
	struct nearest nearest;

	nearest_begin(&nearest, text, strlen(text));
	for (; *names; names++)
		nearest_offer(&nearest, *names);
	return nearest.name;
}

static void test_slips(void **state)
{
	static const char *const names[] = { "app-01", "app-02", "web", "mail", NULL };
	static const struct {
		const char *text, *name;
	} slips[] = {
		{ "app-01", "app-01" }, { "ap-01", "app-01" }, { "app-02x", "app-02" },
		{ "pap-02", "app-02" }, { "wbe", "web" },      { "mali", "mail" },
		{ "m", NULL },		{ "database", NULL },  { "", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(slips) / sizeof(slips[0]); i++) {
		const char *name = nearest_of(slips[i].text, names);

		if (!slips[i].name != !name || (name && strcmp(name, slips[i].name) != 0))
			fail_msg("'%s': expected '%s', got '%s'", slips[i].text,
				 slips[i].name ? slips[i].name : "none", name ? name : "none");
	}
}

/* Words of any length are allowed, and cost no more than those of 32 bytes. */
static void test_long_words_are_like_none(void **state)
{
	static char text[5000];
	static const char *const names[] = { text, "web", NULL };

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_null(nearest_of(text, names));
	assert_null(nearest_of("aaaa", (const char *const[]){ text, NULL }));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slips),
		cmocka_unit_test(test_long_words_are_like_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
