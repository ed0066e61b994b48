// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* DNS: a query's bytes, and which answers are answers to it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "dns_message.h"

#define HEADER	 "\x12\x34\1\0\0\1\0\0\0\0\0\0"
#define QUESTION "\3www\7example\3org\0\0\x1c\0\1"

static void a_query_is_as_rfc_1035_says(void **state)
{
	static const struct {
		const char *name;
		uint16_t type;
		const char *question;
		size_t length;
	} cases[] = {
		{ ".", 2, "\0\0\2\0\1", 5 },
		{ "org", 6, "\3org\0\0\6\0\1", 9 },
		{ "www.example.org", 28, QUESTION, 21 },
		{ "www.example.org.", 28, QUESTION, 21 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t query[DNS_QUERY_BYTES];
		size_t length = dns_query_write(cases[i].name, cases[i].type, query);

		dns_query_set_id(query, 0x1234);
		assert_int_equal(length, 12 + cases[i].length);
		assert_memory_equal(query, HEADER, 12);
		assert_memory_equal(query + 12, cases[i].question, cases[i].length);
	}
}

static void the_longest_name_fits(void **state)
{
	uint8_t query[DNS_QUERY_BYTES];
	char name[256];

	(void)state;
	memset(name, 'x', sizeof(name));
	name[63] = name[127] = name[191] = '.';
	name[253] = '\0';
	assert_int_equal(dns_query_write(name, 1, query), DNS_QUERY_BYTES);
	assert_int_equal(query[12 + 254], 0);
}

#define ANSWER(text) text, sizeof(text) - 1

static void only_its_own_answer_counts(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t length;
		int rcode;
	} cases[] = {
		{ "as it should be", ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0" QUESTION), 0 },
		{ "records follow", ANSWER("\x12\x34\x81\x80\0\1\0\1\0\0\0\0" QUESTION "\xc0\x0c"),
		  0 },
		{ "cut", ANSWER("\x12\x34\x83\x80\0\1\0\0\0\0\0\0" QUESTION), 0 },
		{ "no such name", ANSWER("\x12\x34\x81\x83\0\1\0\0\0\0\0\0" QUESTION), 3 },
		{ "code 15", ANSWER("\x12\x34\x81\xff\0\1\0\0\0\0\0\0" QUESTION), 15 },
		{ "another case",
		  ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\3WWW\7eXample\3org\0\0\x1c\0\1"), 0 },
		{ "refused, without the question", ANSWER("\x12\x34\x81\5\0\0\0\0\0\0\0\0"), 5 },
		{ "no error, without the question", ANSWER("\x12\x34\x81\0\0\0\0\0\0\0\0\0"),
		  DNS_FOREIGN },
		{ "another id", ANSWER("\x12\x35\x81\x80\0\1\0\0\0\0\0\0" QUESTION), DNS_FOREIGN },
		{ "a query", ANSWER("\x12\x34\1\0\0\1\0\0\0\0\0\0" QUESTION), DNS_FOREIGN },
		{ "another opcode", ANSWER("\x12\x34\xa1\x80\0\1\0\0\0\0\0\0" QUESTION),
		  DNS_FOREIGN },
		{ "another name",
		  ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\3www\7exbmple\3org\0\0\x1c\0\1"),
		  DNS_FOREIGN },
		{ "another type",
		  ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\3www\7example\3org\0\0\1\0\1"),
		  DNS_FOREIGN },
		{ "a pointer for a name",
		  ANSWER("\x12\x34\x81\x80\0\1\0\0\0\0\0\0\xc0\x0c\0\x1c\0\1"), DNS_FOREIGN },
		{ "two questions", ANSWER("\x12\x34\x81\x80\0\2\0\0\0\0\0\0" QUESTION QUESTION),
		  DNS_FOREIGN },
		{ "65536 / 256 questions", ANSWER("\x12\x34\x81\x80\1\1\0\0\0\0\0\0" QUESTION),
		  DNS_FOREIGN },
		{ "nothing", "", 0, DNS_FOREIGN },
	};
	uint8_t query[DNS_QUERY_BYTES];
	size_t length = dns_query_write("www.example.org", 28, query);

	(void)state;
	dns_query_set_id(query, 0x1234);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* an allocation of its own, for the sanitizer */
		uint8_t *answer = malloc(cases[i].length + 1);
		int rcode;

		memcpy(answer + 1, cases[i].bytes, cases[i].length);
		rcode = dns_answer_rcode(query, length, answer + 1, cases[i].length);
		free(answer);
		if (rcode != cases[i].rcode)
			fail_msg("%s: got %d, expected %d", cases[i].what, rcode, cases[i].rcode);
	}
}

static void an_answer_that_is_cut_is_none(void **state)
{
	static const char whole[] = "\x12\x34\x81\x80\0\1\0\0\0\0\0\0" QUESTION;
	uint8_t query[DNS_QUERY_BYTES];
	size_t length = dns_query_write("www.example.org", 28, query);

	(void)state;
	dns_query_set_id(query, 0x1234);
	for (size_t cut = 0; cut < sizeof(whole) - 1; cut++) {
		uint8_t *answer = malloc(cut ? cut : 1);

		memcpy(answer, whole, cut);
		assert_int_equal(dns_answer_rcode(query, length, answer, cut), DNS_FOREIGN);
		free(answer);
	}
}

static void codes_have_names(void **state)
{
	char text[DNS_RCODE_BYTES];

	(void)state;
	assert_string_equal(dns_rcode_text(0, text), "NOERROR");
	assert_string_equal(dns_rcode_text(3, text), "NXDOMAIN");
	assert_string_equal(dns_rcode_text(5, text), "REFUSED");
	assert_string_equal(dns_rcode_text(11, text), "rcode 11");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_is_as_rfc_1035_says),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(only_its_own_answer_counts),
		cmocka_unit_test(an_answer_that_is_cut_is_none),
		cmocka_unit_test(codes_have_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
