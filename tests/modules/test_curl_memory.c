/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* libcurl's memory, as libcurl uses it: its functions that return text, which grows as they write.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <curl/curl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "curl_memory.h"

enum {
	LARGEST = 20000, /* more than any size that is kept */
	LIVING = 300,	 /* blocks at a time */
	BLOCKS = 60000,
	THREADS = 4,
	MANY = 5000,
	MANY_BYTES = 4000,
};

static int setup(void **state)
{
	(void)state;
	return curl_memory_init();
}

static int teardown(void **state)
{
	(void)state;
	curl_global_cleanup();
	return 0;
}

static char letter_of(unsigned number)
{
	return (char)('a' + number % 26);
}

static char *make_text(unsigned number, size_t length)
{
	char *plain = malloc(length), *text;

	assert_non_null(plain);
	memset(plain, letter_of(number), length);
	text = curl_easy_escape(NULL, plain, (int)length);
	free(plain);
	return text;
}

static bool is_text(const char *text, unsigned number, size_t length)
{
	const char letter[] = { letter_of(number), '\0' };

	return (uintptr_t)text % _Alignof(max_align_t) == 0 && strlen(text) == length &&
	       strspn(text, letter) == length;
}

struct text {
	char *text;
	unsigned number;
	size_t length;
};

/* Of lengths about each power of two, given back in any order. NULL: each held what was written. */
static void *use_memory(void *seed)
{
	struct text living[LIVING] = { 0 };
	unsigned random = (unsigned)(uintptr_t)seed;
	void *broken = NULL;

	for (unsigned i = 0; i < BLOCKS + LIVING; i++) {
		unsigned place = (unsigned)rand_r(&random) % LIVING;
		struct text *t = &living[i < BLOCKS ? place : i - BLOCKS];
		size_t length = ((size_t)1 << rand_r(&random) % 14) + rand_r(&random) % 5;

		if (t->text && !is_text(t->text, t->number, t->length))
			broken = t->text;
		curl_free(t->text);
		t->text = NULL;
		if (i < BLOCKS)
			*t = (struct text){ make_text(i, length), i, length };
	}
	return broken;
}

static void blocks_hold_what_was_written(void **state)
{
	(void)state;
	assert_null(use_memory((void *)1));
}

static void threads_do_not_share_what_they_keep(void **state)
{
	pthread_t threads[THREADS];

	(void)state;
	for (uintptr_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, use_memory, (void *)(i + 2)), 0);
	for (int i = 0; i < THREADS; i++) {
		void *broken;

		assert_int_equal(pthread_join(threads[i], &broken), 0);
		assert_null(broken);
	}
}

static void large_blocks_are_as_others(void **state)
{
	(void)state;
	for (unsigned length = 1; length < LARGEST; length += 397) {
		char *text = make_text(length, length);

		assert_true(is_text(text, length, length));
		curl_free(text);
	}
}

static void what_is_kept_is_bounded(void **state)
{
	static char *texts[MANY];
	size_t before = mallinfo2().uordblks;

	(void)state;
	for (unsigned i = 0; i < MANY; i++)
		texts[i] = make_text(i, MANY_BYTES);
	assert_true(mallinfo2().uordblks > before + MANY * MANY_BYTES);
	for (unsigned i = 0; i < MANY; i++)
		curl_free(texts[i]);
	assert_true(mallinfo2().uordblks <
		    before + 2 * CURL_MEMORY_SIZES * (size_t)CURL_MEMORY_KEPT_BYTES);
}

/* A block that was given back is the next one of its size. */
static void what_is_kept_is_used_again(void **state)
{
	char *text = make_text(1, 100), *again;
	uintptr_t place = (uintptr_t)text;

	(void)state;
	curl_free(text);
	again = make_text(2, 100);
	assert_int_equal((uintptr_t)again, place);
	curl_free(again);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_hold_what_was_written),
		cmocka_unit_test(threads_do_not_share_what_they_keep),
		cmocka_unit_test(large_blocks_are_as_others),
		cmocka_unit_test(what_is_kept_is_bounded),
		cmocka_unit_test(what_is_kept_is_used_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
