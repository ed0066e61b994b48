// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The configuration's scalar values: their texts, and what is none. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "config_values.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define X8		  "xxxxxxxx"
#define X64		  X8 X8 X8 X8 X8 X8 X8 X8

static void names(void **state)
{
	static const char *const good[] = { "a",      "9", "a.b",
					    "a_b-c.", "A", X8 X8 X8 X8 X8 X8 X8 "xxxxxxx" };
	static const char *const wrong[] = { "",    ".a",  "-a",       "_a", "a b",
					     "a/b", "a\n", "\xc3\xa4", X64 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		assert_int_equal(config_check_name(good[i]), 0);
	for (i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(config_check_name(wrong[i]), -EINVAL);
}

static void primes(void **state)
{
	static const uint32_t prime[] = { 2, 3, 5, 7, 251, 65537, 655373, 4294967291 };
	static const uint32_t composite[] = { 0,   1,	  4,	 9,	 25,	     249,
					      253, 65535, 65536, 655371, 4294836225, 4294967295 };
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(prime); i++)
		assert_true(is_prime(prime[i]));
	for (i = 0; i < ARRAY_SIZE(composite); i++)
		assert_false(is_prime(composite[i]));
}

static void percentages(void **state)
{
	static const char *const wrong[] = { "",   "%",	  "50",	  "101%", "256%", "05%",
					     "-1", "1%%", "0x1%", "1 %",  "1.5%" };
	uint8_t value = 7;

	(void)state;
	assert_int_equal(config_parse_percent("0%", &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(config_parse_percent("100%", &value), 0);
	assert_int_equal(value, 100);
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		assert_int_equal(config_parse_percent(wrong[i], &value), -EINVAL);
}

static void integers(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t value;
	} cases[] = {
		{ "0", 0, 0 },
		{ "65537", 0, 65537 },
		{ "0x5eed", 0, 0x5eed },
		{ "0x0", 0, 0 },
		{ "0x00ff", 0, 255 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "99999999999999999999999", -ERANGE, 0 },
		{ "0x10000000000000000", -ERANGE, 0 },
		{ "", -EINVAL, 0 },
		{ "00", -EINVAL, 0 },
		{ "010", -EINVAL, 0 },
		{ "+1", -EINVAL, 0 },
		{ "-1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 },
		{ "1 ", -EINVAL, 0 },
		{ "1.0", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 },
		{ "ff", -EINVAL, 0 },
		{ "0x", -EINVAL, 0 },
		{ "0X1", -EINVAL, 0 },
		{ "0x0x1", -EINVAL, 0 },
		{ "0xfg", -EINVAL, 0 },
	};
	uint64_t value;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_integer(cases[i].text, &value);
		if (err != cases[i].err || (!err && value != cases[i].value))
			fail_msg("\"%s\": got %d, %" PRIu64, cases[i].text, err, value);
	}
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int err;
		uint64_t ms;
		const char *shortest;
	} cases[] = {
		{ "500ms", 0, 500, "500ms" },
		{ "1500ms", 0, 1500, "1500ms" },
		{ "1000ms", 0, 1000, "1s" },
		{ "90s", 0, 90000, "90s" },
		{ "15m", 0, 900000, "15m" },
		{ "120m", 0, 7200000, "2h" },
		{ "2h", 0, 7200000, "2h" },
		{ "18446744073709551615ms", 0, UINT64_MAX, "18446744073709551615ms" },
		{ "18446744073709551615s", -ERANGE, 0, NULL },
		{ "18446744073709551616ms", -ERANGE, 0, NULL },
		{ "", -EINVAL, 0, NULL },
		{ "5", -EINVAL, 0, NULL },
		{ "s", -EINVAL, 0, NULL },
		{ "1 s", -EINVAL, 0, NULL },
		{ "1S", -EINVAL, 0, NULL },
		{ "1d", -EINVAL, 0, NULL },
		{ "1.5s", -EINVAL, 0, NULL },
		{ "1m30s", -EINVAL, 0, NULL },
		{ "-1s", -EINVAL, 0, NULL },
		{ "01s", -EINVAL, 0, NULL },
		{ "0x1s", -EINVAL, 0, NULL },
		{ "1sec", -EINVAL, 0, NULL },
	};
	char text[CONFIG_DURATION_BYTES];
	uint64_t ms;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_duration(cases[i].text, &ms);
		if (err != cases[i].err || (!err && ms != cases[i].ms))
			fail_msg("\"%s\": got %d, %" PRIu64, cases[i].text, err, ms);
		if (!err)
			assert_string_equal(config_format_duration(ms, text), cases[i].shortest);
	}
}

static void status_ranges(void **state)
{
	static const struct {
		const char *text;
		int err;
		size_t count;
		uint16_t first, last; /* of the last range */
	} cases[] = {
		{ "200", 0, 1, 200, 200 },
		{ "100-599", 0, 1, 100, 599 },
		{ "200,204,300-399", 0, 3, 300, 399 },
		{ "200, 204,  301", 0, 3, 301, 301 },
		{ "200,201,202,203,204,205,206,207", 0, 8, 207, 207 },
		{ "200,201,202,203,204,205,206,207,208", -E2BIG, 0, 0, 0 },
		{ "", -EINVAL, 0, 0, 0 },
		{ "99", -EINVAL, 0, 0, 0 },
		{ "600", -EINVAL, 0, 0, 0 },
		{ "200-", -EINVAL, 0, 0, 0 },
		{ "-200", -EINVAL, 0, 0, 0 },
		{ "300-200", -EINVAL, 0, 0, 0 },
		{ "200-300-400", -EINVAL, 0, 0, 0 },
		{ "200,", -EINVAL, 0, 0, 0 },
		{ ",200", -EINVAL, 0, 0, 0 },
		{ "200 204", -EINVAL, 0, 0, 0 },
		{ "2xx", -EINVAL, 0, 0, 0 },
		{ "65736", -EINVAL, 0, 0, 0 },
	};
	struct status_range ranges[CONFIG_MAX_EXPECT];
	size_t count, i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = config_parse_expect(cases[i].text, ranges, &count);
		if (err != cases[i].err)
			fail_msg("\"%s\": got %d", cases[i].text, err);
		if (err)
			continue;
		assert_int_equal(count, cases[i].count);
		assert_int_equal(ranges[count - 1].first, cases[i].first);
		assert_int_equal(ranges[count - 1].last, cases[i].last);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),       cmocka_unit_test(primes),
		cmocka_unit_test(percentages), cmocka_unit_test(integers),
		cmocka_unit_test(durations),   cmocka_unit_test(status_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
