/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The manual names every reason and event that is counted. Run from the top of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "poise_abi.h"

static char manual[1 << 16];

static int read_manual(void **state)
{
	FILE *file = fopen("docs/poised.8", "r");

	(void)state;
	if (!file)
		return -1;
	manual[fread(manual, 1, sizeof(manual) - 1, file)] = 0;
	return fclose(file);
}

/* FRAGMENT must stand as an item of its own, in lower case. */
static void assert_item(const char *name)
{
	char item[80];
	int length = snprintf(item, sizeof(item), ".It Cm %s\n", name);

	for (char *c = item + strlen(".It Cm "); c < item + length; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	if (!strstr(manual, item))
		fail_msg("docs/poised.8 lacks the item '%.*s'", length - 1, item);
}

static void test_reasons(void **state)
{
	(void)state;
#define ITEM(name, verdict, text)                                                                  \
	if (POISE_REASON_##name != POISE_REASON_SENT)                                              \
		assert_item(#name);
	POISE_REASONS(ITEM)
#undef ITEM
}

static void test_events(void **state)
{
	(void)state;
#define ITEM(name, text) assert_item(#name);
	POISE_EVENTS(ITEM)
#undef ITEM
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_events),
	};

	return cmocka_run_group_tests(tests, read_manual, NULL);
}
