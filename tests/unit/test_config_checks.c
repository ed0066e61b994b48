// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The types of checks: what each of them takes and has, and what is said of everything else. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "config_bytes.h"
#include "expect_config.h"

#define CHECK SERVICE "    check: { "
#define AT(c) "poise.yaml:4:" #c ": services[0].check."
#define HERE  "poise.yaml:4:12: services[0].check: "
#define BYTES                                                                                      \
	"allowed is text with the escapes \\r \\n \\t \\\\ \\xHH, or hex: and two digits a byte: " \
	"1 to 1024 bytes\n"
#define NAME	    "allowed is a domain name of labels of 1 to 63 letters, digits, '-' and '_', "
#define SERVER_NAME "allowed is a host name or IP address, 1 to 253 bytes\n"

static const struct bad {
	const char *name, *text, *errors;
} bad[] = {
	{ "keys of others in exec", CHECK "type: exec, command: [/a], role: any, tls: true } }\n",
	  AT(47) "role: found in a check of type exec, allowed is mysql only\n" AT(
		  57) "tls: found in a check of type exec, allowed is tcp, tls, https, redis, "
		      "postgres, mysql or grpc only\n" },
	{ "exec without a command", CHECK "type: exec } }\n",
	  HERE "key 'command' is missing, required in a check of type exec\n" },
	{ "a command in words", CHECK "type: exec, command: /bin/true } }\n",
	  AT(35) "command: found '/bin/true', allowed is a list of 1 to 64 arguments\n" },
	{ "a command without a program", CHECK "type: exec, command: [] } }\n",
	  AT(35) "command: found a list of 0, allowed is a list of 1 to 64 arguments\n" },
	{ "a program by a relative path", CHECK "type: exec, command: [true, a] } }\n",
	  AT(36) "command[0]: found 'true', allowed is an absolute path, 1 to 4095 bytes\n" },
	{ "no program", CHECK "type: exec, command: ['', a] } }\n",
	  AT(36) "command[0]: found '', allowed is an absolute path, 1 to 4095 bytes\n" },
	{ "an argument of two lines", CHECK "type: exec, command: [/a, \"b\\nc\"] } }\n",
	  AT(40) "command[1]: found 'b\\x0ac', allowed is text without control characters, 1 to "
		 "4095 bytes\n" },
	{ "exec as root", CHECK "type: exec, command: [/a], user: root } }\n",
	  AT(47) "user: found 'root', allowed is any user but root\n" },
	{ "a password without a user", CHECK "type: mysql, password_file: /p } }\n",
	  HERE "key 'user' is missing, required with 'password_file'\n" },
	{ "TLS without a user", CHECK "type: mysql, tls: true } }\n",
	  HERE "key 'user' is missing, required with 'tls'\n" },
	{ "a role without a user", CHECK "type: mysql, role: replica } }\n",
	  HERE "key 'user' is missing, required with 'role'\n" },
	{ "an unknown role", CHECK "type: mysql, user: u, role: master } }\n",
	  AT(42) "role: found 'master', allowed is any, primary or replica\n" },
	{ "a lag of a primary", CHECK "type: mysql, user: u, role: primary, max_lag: 10s } }\n",
	  AT(60) "max_lag: found without 'role: replica', allowed is with that only\n" },
	{ "a lag too short", CHECK "type: mysql, user: u, role: replica, max_lag: 999ms } }\n",
	  AT(60) "max_lag: found 999ms, allowed is a duration from 1s to 24h, its unit one of ms, "
		 "s, m, h\n" },
	{ "an empty gRPC service", CHECK "type: grpc, service: '' } }\n",
	  AT(35) "service: found '', allowed is text without control characters, 1 to 255 "
		 "bytes\n" },
	{ "keys of others in tcp",
	  CHECK "type: tcp, path: /, host: a, body: a, rcode: NOERROR, query: a } }\n",
	  AT(31) "path: found in a check of type tcp, allowed is http or https only\n" AT(
		  40) "host: found in a check of type tcp, allowed is http, https or grpc "
		      "only\n" AT(49) "body: found in a check of type tcp, allowed is http "
				      "or https only\n" AT(59) "rcode: found in a check of "
							       "type tcp, allowed is dns "
							       "only\n" AT(75) "query: "
									       "found in a "
									       "check of "
									       "type tcp, "
									       "allowed is "
									       "dns "
									       "only\n" },
	{ "keys of others in http", CHECK "send: a, type: http, password_file: /p, tls: true } }\n",
	  AT(20) "send: found in a check of type http, allowed is tcp, tls or udp "
		 "only\n" AT(50) "password_file: found in a check of type http, allowed is "
				 "redis or mysql only\n" AT(
					 59) "tls: found in a check of type http, allowed "
					     "is tcp, tls, https, redis, "
					     "postgres, mysql or grpc only\n" },
	{ "keys of none", CHECK "type: none, rise: 2 } }\n",
	  AT(32) "rise: found in a check of type none, which takes no key but 'type'\n" },
	{ "status of tcp", CHECK "type: tcp, expect: '' } }\n", AT(33) "expect: found '', " BYTES },
	{ "bytes of http", CHECK "type: https, expect: PONG } }\n",
	  AT(35) "expect: found 'PONG', allowed are 1 to 8 codes or ranges from 100 to "
		 "599, such "
		 "as \"200,204,300-399\"\n" },
	{ "send alone", CHECK "type: tcp, send: PING } }\n",
	  HERE "key 'expect' is missing, required with 'send'\n" },
	{ "udp needs both", CHECK "type: udp, port: 53 } }\n",
	  HERE "key 'send' is missing, required in a check of type udp\n" HERE
	       "key 'expect' is missing, required in a check of type udp\n" },
	{ "udp's port of a TCP service", CHECK "type: udp, send: a, expect: b } }\n",
	  HERE "key 'port' is missing, required in a check of a service of protocol tcp: a UDP "
	       "port that the backends listen on\n" },
	{ "half a byte", CHECK "type: tcp, expect: 'hex:0a0' } }\n",
	  AT(33) "expect: found 'hex:0a0', " BYTES },
	{ "no digit", CHECK "type: tcp, expect: '\\xg0' } }\n",
	  AT(33) "expect: found '\\xg0', " BYTES },
	{ "unknown escape", CHECK "type: tcp, expect: 'a\\e' } }\n",
	  AT(33) "expect: found 'a\\e', " BYTES },
	{ "escape without end", CHECK "type: tcp, expect: 'a\\' } }\n",
	  AT(33) "expect: found 'a\\', " BYTES },
	{ "a list of bytes", CHECK "type: tcp, expect: [a] } }\n",
	  AT(33) "expect: found a list of 1, " BYTES },
	{ "tls as a word", CHECK "type: tcp, tls: yes } }\n",
	  AT(30) "tls: found 'yes', allowed is true, false or a mapping of server_name, "
		 "ca_file, "
		 "insecure, min_days\n" },
	{ "tls without tls", CHECK "type: tls, tls: false } }\n",
	  AT(30) "tls: found 'false', allowed is true or a mapping in a check of type "
		 "tls\n" },
	{ "tls wrong",
	  CHECK "type: tls, tls: { server_name: a..b, ca_file: ca.pem, min_days: 3651,\n"
		"insecure: 1, verify: no } } }\n",
	  AT(45) "tls.server_name: found 'a..b', " SERVER_NAME AT(
		  60) "tls.ca_file: found 'ca.pem', allowed is an absolute path, 1 to 4095 "
		      "bytes\n" AT(78) "tls.min_days: found 3651, allowed is an integer "
				       "from 0 to 3650\n"
				       "poise.yaml:5:11: services[0].check.tls.insecure: "
				       "found 1, allowed is true or false\n"
				       "poise.yaml:5:14: services[0].check.tls.verify: "
				       "unknown key, allowed are server_name, "
				       "ca_file, insecure, min_days\n" },
	{ "tls that contradicts itself",
	  CHECK "type: tls, tls: { insecure: true, ca_file: /ca.pem } } }\n",
	  AT(57) "tls.ca_file: found with 'insecure: true', which looks at no "
		 "certificate\n" },
	{ "user without a password", CHECK "type: redis, user: poise } }\n",
	  HERE "key 'password_file' is missing, required with 'user'\n" },
	{ "password's path", CHECK "type: redis, password_file: secret } }\n",
	  AT(42) "password_file: found 'secret', allowed is an absolute path, 1 to 4095 "
		 "bytes\n" },
	{ "dns", CHECK "type: dns, query: a..b, query_type: SPF, rcode: 3 } }\n",
	  AT(32) "query: found 'a..b', " NAME "1 to 254 bytes\n" AT(
		  50) "query_type: found 'SPF', allowed is A, NS, CNAME, SOA, PTR, MX, "
		      "TXT, AAAA, SRV "
		      "or ANY\n" AT(62) "rcode: found 3, allowed is NOERROR, FORMERR, "
					"SERVFAIL, NXDOMAIN, NOTIMP or "
					"REFUSED\n" },
	{ "a label of 64", CHECK "type: dns, query: " X64 " } }\n",
	  AT(32) "query: found '" X8 X8 X8 X8 X8 "...', " NAME "1 to 254 bytes\n" },
};

static void bad_checks_are_refused_with_every_error(void **state)
{
	size_t wrong = 0, i;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (!has_errors(bad[i].name, bad[i].text, strlen(bad[i].text), bad[i].errors))
			wrong++;
	assert_int_equal(wrong, 0);
}

static void assert_bytes(const struct config_bytes *bytes, const char *expected, size_t length)
{
	assert_int_equal(bytes->length, length);
	assert_memory_equal(bytes->bytes, expected, length);
}

static void bytes_are_text_or_hexadecimal(void **state)
{
	static const struct {
		const char *text, *bytes;
		size_t length;
	} cases[] = {
		{ "PING", "PING", 4 },
		{ "a\\r\\n\\t\\\\b", "a\r\n\t\\b", 6 },
		{ "\\x00\\xfF0",
		  "\0\xff"
		  "0",
		  3 },
		{ "hex:0001ff", "\0\1\xff", 3 },
		{ "hex: 0A 0b ", "\n\v", 2 },
		{ "\\x68ex:0a", "hex:0a", 6 },
		{ "a\nb", "a\nb", 3 },
		{ "", NULL, 0 },
		{ "hex:", NULL, 0 },
		{ "hex:0 a", NULL, 0 },
		{ "hex:0g", NULL, 0 },
		{ "\\x1", NULL, 0 },
		{ "123456789", NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_bytes out = { 0 };
		int err = config_parse_bytes(cases[i].text, strlen(cases[i].text), 8, &out);

		assert_int_equal(err, cases[i].bytes ? 0 : -EINVAL);
		if (cases[i].bytes)
			assert_bytes(&out, cases[i].bytes, cases[i].length);
		free(out.bytes);
	}
}

static const struct config_check *load_check(const char *text, struct config **config)
{
	char whole[1024];

	snprintf(whole, sizeof(whole), CHECK "%s } }\n", text);
	*config = load(whole);
	return &(*config)->services[0].check;
}

static void a_check_has_its_types_defaults(void **state)
{
	struct config *config;
	const struct config_check *check = load_check("type: dns", &config);

	(void)state;
	assert_string_equal(check->query, ".");
	assert_int_equal(check->query_type, 2);
	assert_int_equal(check->rcode, 0);
	assert_int_equal(check->port, 80);
	assert_false(check->tls.on);
	assert_int_equal(check->tls.min_days, 0);
	config_free(config);

	check = load_check("type: https", &config);
	assert_true(check->tls.on);
	assert_false(check->tls.insecure);
	assert_null(check->tls.server_name);
	assert_int_equal(check->tls.min_days, 14);
	assert_string_equal(check->path, "/");
	assert_int_equal(check->expect_count, 1);
	config_free(config);

	check = load_check("type: none", &config);
	assert_int_equal(check->type, CHECK_NONE);
	config_free(config);
}

static void https_asks_for_its_hosts_certificate(void **state)
{
	static const struct {
		const char *text, *server_name;
	} cases[] = {
		{ "type: https, host: 'www.example.org:8443'", "www.example.org" },
		{ "type: https, host: '[fd00::1]:8443'", "fd00::1" },
		{ "type: https, host: www.example.org, tls: { server_name: a.example }",
		  "a.example" },
		{ "type: https, tls: { server_name: 192.0.2.1 }", "192.0.2.1" },
		{ "type: http, host: www.example.org", NULL },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config *config;
		const struct config_check *check = load_check(cases[i].text, &config);

		if (cases[i].server_name)
			assert_string_equal(check->tls.server_name, cases[i].server_name);
		else
			assert_null(check->tls.server_name);
		config_free(config);
	}
}

static void every_key_is_read(void **state)
{
	struct config *config;
	const struct config_check *check =
		load_check("expect: 'hex:2b', send: \"PING\\r\\n\", tls: { server_name: r.example, "
			   "ca_file: /ca.pem, min_days: 0 }, type: tcp, port: 6379",
			   &config);

	(void)state;
	assert_bytes(&check->send, "PING\r\n", 6);
	assert_bytes(&check->answer, "+", 1);
	assert_true(check->tls.on);
	assert_string_equal(check->tls.server_name, "r.example");
	assert_string_equal(check->tls.ca_file, "/ca.pem");
	assert_int_equal(check->tls.min_days, 0);
	config_free(config);

	check = load_check("type: redis, user: poise, password_file: /etc/poise/redis, tls: true",
			   &config);
	assert_string_equal(check->user, "poise");
	assert_string_equal(check->password_file, "/etc/poise/redis");
	assert_true(check->tls.on);
	assert_int_equal(check->tls.min_days, 14);
	config_free(config);

	check = load_check("type: dns, query: _sip._udp.example.org., query_type: AAAA, rcode: "
			   "NXDOMAIN",
			   &config);
	assert_string_equal(check->query, "_sip._udp.example.org.");
	assert_int_equal(check->query_type, 28);
	assert_int_equal(check->rcode, 3);
	config_free(config);
}

static void programs_logins_and_calls_are_read(void **state)
{
	struct config *config;
	const struct config_check *check = load_check(
		"type: exec, command: [/bin/sh, -c, '', \"a b\"], user: checker", &config);

	(void)state;
	assert_string_equal(check->command[0], "/bin/sh");
	assert_string_equal(check->command[1], "-c");
	assert_string_equal(check->command[2], "");
	assert_string_equal(check->command[3], "a b");
	assert_null(check->command[4]);
	assert_string_equal(check->user, "checker");
	assert_int_equal(check->port, 80);
	config_free(config);

	check = load_check(
		"type: mysql, user: poise, password_file: /p, role: replica, max_lag: 10s",
		&config);
	assert_string_equal(check->password_file, "/p");
	assert_int_equal(check->role, MYSQL_REPLICA);
	assert_int_equal(check->max_lag_ms, 10000);
	config_free(config);

	check = load_check("type: grpc, service: shop.Cart, tls: true, host: cart.example",
			   &config);
	assert_string_equal(check->grpc_service, "shop.Cart");
	assert_string_equal(check->host, "cart.example");
	assert_string_equal(check->tls.server_name, "cart.example");
	config_free(config);
}

/* 255 bytes in a message: a length byte before each label, and the root's. */
static void a_query_has_at_most_255_bytes(void **state)
{
	char text[512], name[300] = "";
	struct config_errors errors = { 0 };
	struct config *config;

	(void)state;
	for (int i = 0; i < 3; i++)
		strcat(name, X8 X8 X8 X8 X8 X8 X8 "xxxxxxx.");
	strcat(name, X8 X8 X8 X8 X8 X8 X8 "xxxxx"); /* 61 */
	assert_int_equal(strlen(name), 253);
	snprintf(text, sizeof(text), "type: dns, query: %s.", name);
	load_check(text, &config);
	config_free(config);
	snprintf(text, sizeof(text), CHECK "type: dns, query: %sx } }\n", name);
	assert_int_equal(config_load_text("a", text, strlen(text), &config, &errors), -EINVAL);
	config_errors_free(&errors);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_checks_are_refused_with_every_error),
		cmocka_unit_test(bytes_are_text_or_hexadecimal),
		cmocka_unit_test(a_check_has_its_types_defaults),
		cmocka_unit_test(https_asks_for_its_hosts_certificate),
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(programs_logins_and_calls_are_read),
		cmocka_unit_test(a_query_has_at_most_255_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
