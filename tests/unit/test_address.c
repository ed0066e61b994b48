// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Addresses and prefixes: text to bytes and back. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

static struct address parsed(const char *text)
{
	struct address address;

	if (address_parse(text, &address))
		fail_msg("\"%s\" is refused", text);
	return address;
}

static void addresses_are_written_canonically(void **state)
{
	static const struct {
		const char *text, *canonical;
		uint8_t family;
	} good[] = {
		{ "192.0.2.1", "192.0.2.1", 4 },
		{ "0.0.0.0", "0.0.0.0", 4 },
		{ "255.255.255.255", "255.255.255.255", 4 },
		{ "2001:DB8:0:0:0:0:0:1", "2001:db8::1", 6 },
		{ "2001:db8:0:1:0:0:0:1", "2001:db8:0:1::1", 6 },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", 6 },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", 6 },
		{ "2001:0db8::0001", "2001:db8::1", 6 },
		{ "::", "::", 6 },
		{ "::1", "::1", 6 },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1", 6 },
	};
	char text[ADDRESS_TEXT_BYTES];
	struct address address;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++) {
		address = parsed(good[i].text);
		assert_int_equal(address.family, good[i].family);
		assert_string_equal(address_format(&address, text), good[i].canonical);
	}
}

static void bytes_are_in_network_order(void **state)
{
	static const uint8_t four[16] = { 192, 0, 2, 1 };
	static const uint8_t six[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };
	struct address address;

	(void)state;
	address = parsed("192.0.2.1");
	assert_memory_equal(address.bytes, four, sizeof(four));
	address = parsed("2001:db8::1");
	assert_memory_equal(address.bytes, six, sizeof(six));
}

static void wrong_addresses_are_refused(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"1",
		"1.2.3",
		"1.2.3.4.5",
		"1.2.3.256",
		"01.2.3.4",
		"1.2.3.4 ",
		" 1.2.3.4",
		"0x1.2.3.4",
		"1.2.3.4/32",
		"localhost",
		"[::1]",
		"fe80::1%lo",
		"2001:db8::1::",
		"1:2:3:4:5:6:7",
		":::",
		"12345::",
		"1:2:3:4:5:6:7:8:9",
		"::g",
		"-1.2.3.4",
		"1.2.3.4\n",
	};
	struct address address;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (address_parse(bad[i], &address) != -EINVAL)
			fail_msg("\"%s\" is taken", bad[i]);
}

static void prefixes(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *canonical;
	} cases[] = {
		{ "172.16.0.0/16", 0, "172.16.0.0/16" },
		{ "172.16.0.1", 0, "172.16.0.1" },
		{ "172.16.0.1/32", 0, "172.16.0.1" },
		{ "0.0.0.0/0", 0, "0.0.0.0/0" },
		{ "128.0.0.0/1", 0, "128.0.0.0/1" },
		{ "100::/64", 0, "100::/64" },
		{ "100::1/128", 0, "100::1" },
		{ "8000::/1", 0, "8000::/1" },
		{ "::/0", 0, "::/0" },
		{ "172.16.0.1/16", -ERANGE, NULL },
		{ "172.16.0.1/31", -ERANGE, NULL },
		{ "100::1/127", -ERANGE, NULL },
		{ "128.0.0.0/0", -ERANGE, NULL },
		{ "172.16.0.0/33", -EINVAL, NULL },
		{ "100::/129", -EINVAL, NULL },
		{ "172.16.0.0/", -EINVAL, NULL },
		{ "172.16.0.0/016", -EINVAL, NULL },
		{ "172.16.0.0/+16", -EINVAL, NULL },
		{ "172.16.0.0/-1", -EINVAL, NULL },
		{ "172.16.0.0/16/16", -EINVAL, NULL },
		{ "172.16.0.0/255.255.0.0", -EINVAL, NULL },
		{ "172.16.0.0/4294967312", -EINVAL, NULL },
		{ "172.16/16", -EINVAL, NULL },
		{ "/16", -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ "11111111111111111111111111111111111111111111111111111111111111111111/16",
		  -EINVAL, NULL },
	};
	char text[ADDRESS_TEXT_BYTES];
	struct prefix prefix;
	size_t i;
	int err;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		err = prefix_parse(cases[i].text, &prefix);
		if (err != cases[i].err)
			fail_msg("\"%s\": expected %d, got %d", cases[i].text, cases[i].err, err);
		if (!err)
			assert_string_equal(prefix_format(&prefix, text), cases[i].canonical);
	}
}

static void the_longest_text_fits(void **state)
{
	const char *longest = "1111:2222:3333:4444:5555:6666:7777:8880/125";
	char text[ADDRESS_TEXT_BYTES];
	struct prefix prefix;

	(void)state;
	assert_int_equal(prefix_parse(longest, &prefix), 0);
	assert_string_equal(prefix_format(&prefix, text), longest);
}

static void no_address_has_a_text(void **state)
{
	const struct address none = { 0 };
	char text[ADDRESS_TEXT_BYTES];

	(void)state;
	assert_string_equal(address_format(&none, text), "none");
}

static void equal_means_family_and_bytes(void **state)
{
	struct address a = parsed("1.2.3.4"), b = parsed("1.2.3.4"), c = parsed("1.2.3.5");
	struct address d = parsed("102:304::");

	(void)state;
	assert_true(address_equal(&a, &b));
	assert_false(address_equal(&a, &c));
	assert_memory_equal(a.bytes, d.bytes, sizeof(a.bytes));
	assert_false(address_equal(&a, &d));
}

static void only_hosts_are_hosts(void **state)
{
	static const struct {
		const char *text;
		bool host;
	} cases[] = {
		{ "192.0.2.1", true },
		{ "10.0.0.1", true },
		{ "169.254.1.1", true },
		{ "126.255.255.255", true },
		{ "128.0.0.1", true },
		{ "223.255.255.255", true },
		{ "240.0.0.1", true },
		{ "0.0.0.0", false },
		{ "0.0.0.1", false },
		{ "127.0.0.1", false },
		{ "127.255.255.255", false },
		{ "224.0.0.0", false },
		{ "239.255.255.255", false },
		{ "255.255.255.255", false },
		{ "2001:db8::1", true },
		{ "fd00::1", true },
		{ "::", false },
		{ "::1", false },
		{ "::2", true },
		{ "ff02::1", false },
		{ "fe80::1", false },
		{ "febf::1", false },
		{ "fec0::1", true },
		{ "::ffff:192.0.2.1", false },
	};
	const struct address none = { 0 };
	struct address address;
	size_t i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		address = parsed(cases[i].text);
		if (address_is_host(&address) != cases[i].host)
			fail_msg("%s: expected %d", cases[i].text, cases[i].host);
	}
	assert_false(address_is_host(&none));
}

static void socket_addresses(void **state)
{
	struct address four = parsed("192.0.2.1"), six = parsed("2001:db8::1"), none = { 0 };
	struct sockaddr_storage out;
	const struct sockaddr_in *in4 = (const void *)&out;
	const struct sockaddr_in6 *in6 = (const void *)&out;

	(void)state;
	memset(&out, 0xff, sizeof(out));
	assert_int_equal(address_to_sockaddr(&four, 80, &out), sizeof(*in4));
	assert_int_equal(in4->sin_family, AF_INET);
	assert_int_equal(in4->sin_port, htons(80));
	assert_memory_equal(&in4->sin_addr, four.bytes, 4);
	memset(&out, 0xff, sizeof(out));
	assert_int_equal(address_to_sockaddr(&six, 65535, &out), sizeof(*in6));
	assert_int_equal(in6->sin6_family, AF_INET6);
	assert_int_equal(in6->sin6_port, htons(65535));
	assert_int_equal(in6->sin6_scope_id, 0);
	assert_int_equal(in6->sin6_flowinfo, 0);
	assert_memory_equal(&in6->sin6_addr, six.bytes, 16);
	assert_int_equal(address_to_sockaddr(&none, 80, &out), 0);
	assert_int_equal(out.ss_family, AF_UNSPEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_written_canonically),
		cmocka_unit_test(bytes_are_in_network_order),
		cmocka_unit_test(wrong_addresses_are_refused),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(the_longest_text_fits),
		cmocka_unit_test(no_address_has_a_text),
		cmocka_unit_test(equal_means_family_and_bytes),
		cmocka_unit_test(only_hosts_are_hosts),
		cmocka_unit_test(socket_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
