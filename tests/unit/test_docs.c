/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The manual names every reason and event that is counted, and every error of a check. Run from the
 * top of the tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "check.h"
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

/* A format as the manual has it: N is a number, X a text, "..." what may be there. */
static void assert_check_text(const char *format)
{
	char item[256] = ".It \"";
	size_t used = strlen(item);

	for (const char *c = format; *c && used < sizeof(item) - 8; c++) {
		bool maybe = !strncmp(c, "%s%s", 4), number = *c == '%' && c[1] != 's';

		if (*c != '%') {
			item[used++] = *c;
			continue;
		}
		used += (size_t)sprintf(item + used, "%s", maybe ? "..." : number ? "N" : "X");
		c += maybe ? 3 : strcspn(c, "sud");
	}
	strcpy(item + used, "\"\n");
	if (!strstr(manual, item))
		fail_msg("docs/poised.8 lacks the item %s", item);
}

static void test_check_texts(void **state)
{
	(void)state;
#define ITEM(name, format) assert_check_text(CHECK_TEXT_##name);
	CHECK_TEXTS(ITEM)
#undef ITEM
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_check_texts),
	};

	return cmocka_run_group_tests(tests, read_manual, NULL);
}
