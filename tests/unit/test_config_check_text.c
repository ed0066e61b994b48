/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Checks compared and copied: every member counts, for a check that changed must begin anew. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "config.h"

static char word[] = "word";
static char *command[] = { "/bin/true", "-x", NULL };

static struct config_check full(void)
{
	return (struct config_check){ .type = CHECK_HTTP,
				      .port = 80,
				      .interval_ms = 1000,
				      .expect = { { 200, 399 } },
				      .expect_count = 1,
				      .path = "/",
				      .send = { (uint8_t *)word, 4 },
				      .command = command };
}

#define DIFFER(member, value)                                                                      \
	do {                                                                                       \
		struct config_check a_ = full(), b_ = full();                                      \
		b_.member = value;                                                                 \
		assert_true(config_check_equal(&a_, &a_));                                         \
		if (config_check_equal(&a_, &b_) || config_check_equal(&b_, &a_))                  \
			fail_msg("a change of %s goes unnoticed", #member);                        \
	} while (0)

static void every_member_counts(void **state)
{
	static char *other[] = { "/bin/true", "-y", NULL }, *less[] = { "/bin/true", NULL };

	(void)state;
	DIFFER(type, CHECK_HTTPS);
	DIFFER(port, 81);
	DIFFER(interval_ms, 1001);
	DIFFER(fast_interval_ms, 1);
	DIFFER(timeout_ms, 1);
	DIFFER(rise, 1);
	DIFFER(fall, 1);
	DIFFER(jitter, 1);
	DIFFER(via, CHECK_TUNNEL);
	DIFFER(probe_mtu, true);
	DIFFER(tls.on, true);
	DIFFER(tls.insecure, true);
	DIFFER(tls.server_name, word);
	DIFFER(tls.ca_file, word);
	DIFFER(tls.min_days, 1);
	DIFFER(path, "/a");
	DIFFER(host, word);
	DIFFER(body, word);
	DIFFER(expect_count, 0);
	DIFFER(expect[0].first, 201);
	DIFFER(send.length, 3);
	DIFFER(answer, ((struct config_bytes){ (uint8_t *)word, 1 }));
	DIFFER(user, word);
	DIFFER(password_file, word);
	DIFFER(role, MYSQL_PRIMARY);
	DIFFER(max_lag_ms, 1);
	DIFFER(query, word);
	DIFFER(query_type, 1);
	DIFFER(rcode, 1);
	DIFFER(grpc_service, word);
	DIFFER(command, other);
	DIFFER(command, less);
	DIFFER(command, NULL);
}

static void a_copy_is_equal_and_its_own(void **state)
{
	struct config_check check = full(), copy;

	(void)state;
	assert_int_equal(config_check_copy(&check, &copy), 0);
	assert_true(config_check_equal(&check, &copy));
	assert_ptr_not_equal(copy.path, check.path);
	assert_ptr_not_equal(copy.send.bytes, check.send.bytes);
	assert_ptr_not_equal(copy.command[0], check.command[0]);
	config_check_free(&copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_member_counts),
		cmocka_unit_test(a_copy_is_equal_and_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
