/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is no descriptor of that program stays open; those of programs: tests/netns/test_capture.sh.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "leaked_program.h"

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void the_next_descriptor_is_told(void **state)
{
	int next = leaked_program_watch(), fd;

	(void)state;
	assert_true(next >= 0);
	assert_false(is_open(next));
	fd = open("/dev/null", O_RDONLY);
	assert_int_equal(fd, next);
	close(fd);
}

static void others_stay_open(void **state)
{
	int fd = open("/dev/null", O_RDONLY), ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	for (uint32_t id = 0; id < 3; id++) {
		leaked_program_close(fd, id);
		leaked_program_close(ends[0], id);
		leaked_program_close(-1, id);
		leaked_program_close(1 << 20, id);
	}
	assert_true(is_open(fd) && is_open(ends[0]));
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_next_descriptor_is_told),
		cmocka_unit_test(others_stay_open),
	};

	return cmocka_run_group_tests_name("leaked program", tests, NULL, NULL);
}
