/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The least limit of a process's control groups, as the files of both versions tell it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory_limit.h"

enum { MAX_FILES = 8 };

static const struct file {
	const char *path, *text;
} * host;

static char *read_file(const char *path)
{
	for (const struct file *file = host; file->path; file++)
		if (!strcmp(file->path, path))
			return strdup(file->text);
	return NULL;
}

static void assert_limit(const struct file files[MAX_FILES], int64_t bytes, int64_t used,
			 const char *file)
{
	struct memory_limit limit;

	host = files;
	assert_true(memory_limit_find("/proc/1/cgroup", read_file, &limit));
	assert_int_equal(limit.bytes, bytes);
	assert_int_equal(limit.used, used);
	assert_string_equal(limit.file, file);
}

/* Only the kernel's own words of the cache count, and never more than is used. */
static void the_cache_of_files_is_told(void **state)
{
	struct file files[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/a\n" },
		{ "/sys/fs/cgroup/a/memory.max", "1000\n" },
		{ "/sys/fs/cgroup/a/memory.current", "500\n" },
		{ "/sys/fs/cgroup/a/memory.stat",
		  "anon 7\nfile 300\ninactive_file 100\nactive_file 50\nslab 5\n" },
	};
	static const struct {
		const char *text;
		int64_t cache;
	} cases[] = {
		{ "anon 7\nfile 300\ninactive_file 100\nactive_file 50\nslab 5\n", 150 },
		{ "active_file 50", 50 },
		{ "inactive_file 400\nactive_file 400\n", 500 },
		{ "inactive_file -5\nactive_file x\n", 0 },
		{ "total_inactive_file 9\ninactive_files 9\ninactive_file\n", 0 },
		{ "", 0 },
	};
	struct memory_limit limit;

	(void)state;
	host = files;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		files[3].text = cases[i].text;
		assert_true(memory_limit_find("/proc/1/cgroup", read_file, &limit));
		assert_int_equal(limit.cache, cases[i].cache);
	}
}

static void assert_none(const struct file files[MAX_FILES])
{
	struct memory_limit limit;

	host = files;
	assert_false(memory_limit_find("/proc/1/cgroup", read_file, &limit));
}

static void the_least_of_version_2_counts(void **state)
{
	const struct file unit[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/system.slice/poised.service\n" },
		{ "/sys/fs/cgroup/system.slice/poised.service/memory.max", "1000000\n" },
		{ "/sys/fs/cgroup/system.slice/poised.service/memory.current", "4096\n" },
		{ "/sys/fs/cgroup/system.slice/memory.max", "max\n" },
	};
	const struct file slice[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/system.slice/poised.service\n" },
		{ "/sys/fs/cgroup/system.slice/poised.service/memory.max", "1000000\n" },
		{ "/sys/fs/cgroup/system.slice/poised.service/memory.current", "4096\n" },
		{ "/sys/fs/cgroup/system.slice/memory.max", "999999\n" },
		{ "/sys/fs/cgroup/system.slice/memory.current", "8192\n" },
	};

	(void)state;
	assert_limit(unit, 1000000, 4096, "/sys/fs/cgroup/system.slice/poised.service/memory.max");
	assert_limit(slice, 999999, 8192, "/sys/fs/cgroup/system.slice/memory.max");
}

/* A container sees its own group as the root, whatever /proc says. */
static void a_container_has_its_limit_at_the_root(void **state)
{
	const struct file second[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/\n" },
		{ "/sys/fs/cgroup/memory.max", "5000\n" },
	};
	const struct file first[MAX_FILES] = {
		{ "/proc/1/cgroup", "4:memory:/docker/0123\n0::/docker/0123" },
		{ "/sys/fs/cgroup/memory/memory.limit_in_bytes", "6000\n" },
		{ "/sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n" },
	};

	(void)state;
	assert_limit(second, 5000, -1, "/sys/fs/cgroup/memory.max");
	assert_limit(first, 6000, 1, "/sys/fs/cgroup/memory/memory.limit_in_bytes");
}

static void version_1_goes_before_where_both_are(void **state)
{
	const struct file files[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/a\n12:cpu,memory:/b:c\n3:cpuset:/d\n" },
		{ "/sys/fs/cgroup/memory/b:c/memory.limit_in_bytes", "7000\n" },
		{ "/sys/fs/cgroup/a/memory.max", "5000\n" },
		{ "/sys/fs/cgroup/memory/d/memory.limit_in_bytes", "4000\n" },
	};

	(void)state;
	assert_limit(files, 7000, -1, "/sys/fs/cgroup/memory/b:c/memory.limit_in_bytes");
}

static void without_a_limit_there_is_none(void **state)
{
	const struct file no_file[MAX_FILES] = { { NULL, NULL } };
	const struct file most[MAX_FILES] = {
		{ "/proc/1/cgroup", "0::/a\n" },
		{ "/sys/fs/cgroup/a/memory.max", "max\n" },
	};
	const struct file version_1[MAX_FILES] = {
		{ "/proc/1/cgroup", "4:memory:/\n" },
		{ "/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n" },
	};
	const struct file other[MAX_FILES] = {
		{ "/proc/1/cgroup", "4:memory_of_another:/a\n1:name=systemd:/a\n" },
		{ "/sys/fs/cgroup/a/memory.max", "5\n" },
		{ "/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5\n" },
	};

	(void)state;
	assert_none(no_file);
	assert_none(most);
	assert_none(version_1);
	assert_none(other);
}

static void what_makes_no_sense_is_no_limit(void **state)
{
	static char line[2 * PATH_MAX] = "0::/",
			     *texts[] = { "", "0", "0:", "0::", "::", "\n\n:", line };
	struct file files[MAX_FILES] = {
		{ "/proc/1/cgroup", NULL },
		{ "/sys/fs/cgroup/a/memory.max", "12 apples\n" },
		{ "/sys/fs/cgroup/memory.max", "-5\n" },
	};

	(void)state;
	memset(line + strlen(line), 'a', sizeof(line) - strlen(line) - 1);
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		files[0].text = texts[i];
		assert_none(files);
	}
	files[0].text = "0::/a\n";
	assert_none(files);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_of_version_2_counts),
		cmocka_unit_test(the_cache_of_files_is_told),
		cmocka_unit_test(a_container_has_its_limit_at_the_root),
		cmocka_unit_test(version_1_goes_before_where_both_are),
		cmocka_unit_test(without_a_limit_there_is_none),
		cmocka_unit_test(what_makes_no_sense_is_no_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
