/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* TLS of checks: which certificates are believed, what is said of the others, and broken
 * handshakes. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "certificates.h"
#include "check_fixture.h"
#include "health.h"

#define WWW "www.example.org"
#define BYTES(text)                                                                                \
	{                                                                                          \
		(uint8_t *)(text), sizeof(text) - 1                                                \
	}

static char directory[] = "/tmp/poise-test-tls-XXXXXX";
static char ca_path[64], other_path[64], chain_path[64];
static struct certificate ca, other_ca;
static char asked_name[64]; /* SNI of the last connection */

static const struct script http_ok = { .answer = "HTTP/1.1 200 OK\r\n\r\n" };

static const struct tls_case {
	const char *name;
	struct certificate_wish wish; /* issuer NULL: ca */
	bool self_signed;
	char *server_name;
	bool insecure;
	const char *ca_file; /* NULL: ca's */
	uint16_t min_days;
	const char *error; /* NULL: it passes; %s: the day on which the certificate ends */
	const char *warning;
	const char *sni; /* NULL: any */
	int max_version;
} cases[] = {
	{ .name = "tls: a known issuer, no name asked for", .wish = { WWW }, .sni = "" },
	{ .name = "tls: the name is right",
	  .wish = { "x", "DNS:" WWW },
	  .server_name = WWW,
	  .sni = WWW },
	{ .name = "tls: one of its names is right",
	  .wish = { "x", "DNS:a.example,DNS:" WWW },
	  .server_name = WWW },
	{ .name = "tls: a wildcard", .wish = { "x", "DNS:*.example.org" }, .server_name = WWW },
	{ .name = "tls: a wildcard is one label",
	  .wish = { "x", "DNS:*.org" },
	  .server_name = WWW,
	  .error = "certificate names *.org, not " WWW },
	{ .name = "tls: an address is right",
	  .wish = { "x", "IP:192.0.2.1" },
	  .server_name = "192.0.2.1",
	  .sni = "" },
	{ .name = "tls: another address",
	  .wish = { "x", "IP:192.0.2.1" },
	  .server_name = "192.0.2.2",
	  .error = "certificate names 192.0.2.1, not 192.0.2.2" },
	{ .name = "tls: another name",
	  .wish = { "x", "DNS:mail.example.org" },
	  .server_name = WWW,
	  .error = "certificate names mail.example.org, not " WWW },
	{ .name = "tls: another common name",
	  .wish = { "mail.example.org" },
	  .server_name = WWW,
	  .error = "certificate names mail.example.org, not " WWW },
	{ .name = "tls: a name that is for no terminal",
	  .wish = { "a\x1b[31mb c" },
	  .server_name = WWW,
	  .error = "certificate names a??31mb?c, not " WWW },
	{ .name = "tls: a name without end",
	  .wish = { "0123456789012345678901234567890123456789012345678901234567890123" },
	  .server_name = WWW,
	  .error = "certificate names "
		   "0123456789012345678901234567890123456789012345678901234567890123, not " WWW },
	{ .name = "tls: expired",
	  .wish = { WWW, .from_days = -30, .to_days = -2 },
	  .error = "certificate has expired (%s)" },
	{ .name = "tls: too early",
	  .wish = { WWW, .from_days = 3, .to_days = 9 },
	  .error = "certificate is not valid before %s" },
	{ .name = "tls: unknown issuer",
	  .wish = { WWW },
	  .ca_file = other_path,
	  .error = "certificate of an unknown issuer" },
	{ .name = "tls: self-signed",
	  .wish = { WWW },
	  .self_signed = true,
	  .error = "certificate of an unknown issuer" },
	{ .name = "tls: the system knows no such issuer",
	  .wish = { WWW },
	  .ca_file = "",
	  .error = "certificate of an unknown issuer" },
	{ .name = "tls: insecure believes all",
	  .wish = { "x", .from_days = -30, .to_days = -2 },
	  .self_signed = true,
	  .server_name = WWW,
	  .insecure = true,
	  .min_days = 1000,
	  .sni = WWW },
	{ .name = "tls: ends soon",
	  .wish = { WWW, .to_days = 13 },
	  .min_days = 14,
	  .warning = "certificate ends in 13 days (%s)" },
	{ .name = "tls: ends soon enough", .wish = { WWW, .to_days = 14 }, .min_days = 14 },
	{ .name = "tls: ends soon, which nobody asked for", .wish = { WWW, .to_days = 1 } },
	{ .name = "tls: an old version",
	  .wish = { WWW },
	  .max_version = TLS1_1_VERSION,
	  .error = "no common TLS version, wanted is 1.2 or newer" },
	{ .name = "tls: version 1.2", .wish = { WWW }, .max_version = TLS1_2_VERSION },
};

static int on_name(SSL *ssl, int *alert, void *context)
{
	const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);

	(void)alert;
	(void)context;
	snprintf(asked_name, sizeof(asked_name), "%s", name ? name : "");
	return SSL_TLSEXT_ERR_OK;
}

static SSL_CTX *serve(const struct certificate *certificate, int max_version)
{
	SSL_CTX *context = certificate_server(certificate);

	SSL_CTX_set_tlsext_servername_callback(context, on_name);
	if (max_version) {
		SSL_CTX_set_max_proto_version(context, max_version);
		SSL_CTX_set_security_level(context, 0);
	}
	return context;
}

static void format_day(char *out, size_t size, const char *format, int64_t seconds)
{
	time_t day = time(NULL) + seconds;
	char date[16];
	struct tm tm;

	gmtime_r(&day, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d", &tm);
	snprintf(out, size, format, date);
}

static void expect_case(const struct tls_case *c, enum check_type type,
			const struct certificate *certificate)
{
	struct server *server = server_new("127.0.0.1", 0, &http_ok);
	struct config_check check = check_of(type, server->port);
	char expected[2 * HEALTH_ERROR_BYTES], warning[HEALTH_ERROR_BYTES];
	struct watch watch = { 0 };
	const struct health_status *status;
	bool early = c->wish.from_days > 0;

	server->tls = serve(certificate, c->max_version);
	check.timeout_ms = 4000;
	asked_name[0] = '\0';
	check.path = "/";
	check.tls = (struct config_check_tls){ .on = true,
					       .insecure = c->insecure,
					       .server_name = c->server_name,
					       .min_days = c->min_days,
					       .ca_file = (char *)c->ca_file };
	if (!c->ca_file && !c->insecure)
		check.tls.ca_file = ca_path;
	if (c->ca_file && !*c->ca_file)
		check.tls.ca_file = NULL;
	format_day(expected, sizeof(expected), c->error ? c->error : "",
		   early ? certificate_begins_in(&c->wish) : certificate_ends_in(&c->wish));
	format_day(warning, sizeof(warning), c->warning ? c->warning : "",
		   certificate_ends_in(&c->wish));
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	status = health_get(watch.health);
	assert_string_equal(status->error, expected);
	assert_string_equal(status->warning, warning);
	assert_int_equal(status->state, c->error ? HEALTH_DOWN : HEALTH_UP);
	if (c->sni)
		assert_string_equal(asked_name, c->sni);
	health_free(watch.health);
	SSL_CTX_free(server->tls);
	server_free(server);
}

static void test_case(void **state)
{
	const struct tls_case *c = *state;
	struct certificate_wish wish = c->wish;
	struct certificate certificate;

	wish.issuer = c->self_signed ? NULL : &ca;
	certificate = certificate_new(&wish);
	expect_case(c, CHECK_TLS, &certificate);
	expect_case(c, CHECK_HTTPS, &certificate);
	certificate_free(&certificate);
}

/* Handshakes that come to nothing. */

static const struct broken_case {
	const char *name;
	struct script script;
	const char *error;
} broken_cases[] = {
	{ "tls: a plain answer",
	  { .answer = "SSH-2.0-OpenSSH_9.2\r\n", .until = "" },
	  "answer is not TLS" },
	{ "tls: HTTP",
	  { .answer = "HTTP/1.1 400 Bad Request\r\n\r\n", .until = "" },
	  "answer is not TLS" },
	{ "tls: an endless answer",
	  { .answer = "abcdefgh", .until = "", .repeat = "abcd" },
	  "answer is not TLS" },
	{ "tls: closed", { .answer = "", .until = "" }, "connection closed in the TLS handshake" },
	{ "tls: closed in a record",
	  { .answer = "\x16\x03\x03\x01", .until = "" },
	  "connection closed in the TLS handshake" },
	{ "tls: reset", { .answer = "", .until = "", .then = RESET }, "connection reset" },
	{ "tls: reset in a record",
	  { .answer = "\x16\x03\x03", .until = "", .then = RESET },
	  "connection reset" },
	{ "tls: silence", { .then = HOLD }, "timed out after 90 ms in the TLS handshake" },
	{ "tls: byte by byte",
	  { .answer = "\x16\x03\x03\x10\x10\x02\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10\x10",
	    .until = "",
	    .trickle_ms = 10 },
	  "timed out after 90 ms in the TLS handshake" },
	{ "tls: an alert",
	  { .answer = "\x15\x03\x03\0\2\2\x28", .length = 7, .until = "" },
	  "TLS refused by the server: handshake failure" },
	{ "tls: an alert of the version",
	  { .answer = "\x15\x03\x03\0\2\2\x46", .length = 7, .until = "" },
	  "no common TLS version, wanted is 1.2 or newer" },
};

static void expect_broken(const struct broken_case *c, enum check_type type)
{
	struct server *server = server_new("127.0.0.1", 0, &c->script);
	struct config_check check = check_of(type, server->port);
	struct watch watch = { 0 };

	check.path = "/";
	check.tls = (struct config_check_tls){ .on = true, .ca_file = ca_path };
	check.timeout_ms = c->script.then == HOLD || c->script.trickle_ms ? 90 : 4000;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, c->error);
	health_free(watch.health);
	server_free(server);
}

static void test_broken(void **state)
{
	expect_broken(*state, CHECK_TLS);
	expect_broken(*state, CHECK_HTTPS);
}

/* What is said within TLS. */

static void expect_talk(enum check_type type, const struct script *script, const char *error)
{
	struct certificate_wish wish = { WWW, .issuer = &ca };
	struct certificate certificate = certificate_new(&wish);
	struct server *server = server_new("127.0.0.1", 0, script);
	struct config_check check = check_of(type, server->port);
	struct watch watch = { 0 };

	server->tls = serve(&certificate, 0);
	check.tls = (struct config_check_tls){ .on = true, .ca_file = ca_path };
	if (type == CHECK_TCP || type == CHECK_TLS) {
		check.send = (struct config_bytes)BYTES("question");
		check.answer = (struct config_bytes)BYTES("answer");
	}
	check.timeout_ms = script->answer ? 4000 : 200;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, error);
	health_free(watch.health);
	SSL_CTX_free(server->tls);
	server_free(server);
	certificate_free(&certificate);
}

static void test_talk(void **state)
{
	static const struct script right = { .answer = "the answer", .until = "question" },
				   slow = { .answer = "an answer",
					    .until = "question",
					    .trickle_ms = 2 },
				   wrong = { .answer = "no", .until = "question" },
				   cut = { .answer = "no", .until = "question", .then = CUT },
				   endless = { .answer = "no",
					       .until = "question",
					       .repeat = "abcd" },
				   reset = { .answer = "no", .until = "question", .then = RESET },
				   pong = { .answer = "+PONG\r\n", .until = "PING" };

	(void)state;
	expect_talk(CHECK_TCP, &right, "");
	expect_talk(CHECK_TLS, &right, "");
	expect_talk(CHECK_TLS, &slow, "");
	expect_talk(CHECK_TLS, &wrong, "connection closed, the answer is not what is expected");
	expect_talk(CHECK_TLS, &cut, "connection closed, the answer is not what is expected");
	expect_talk(CHECK_TLS, &endless,
		    "answer larger than 64 KiB, its beginning is not what is expected");
	expect_talk(CHECK_TLS, &reset, "connection reset");
	expect_talk(CHECK_TLS, &hold, "timed out after 200 ms waiting for the answer");
	expect_talk(CHECK_REDIS, &pong, "");
}

/* HTTP within TLS. */

static void expect_https(const struct script *script, char *server_name, char *host,
			 const char *expected_host, const char *error)
{
	struct certificate_wish wish = { "x", "DNS:" WWW ",IP:fd00::1", .issuer = &ca };
	struct certificate certificate = certificate_new(&wish);
	struct server *server = server_new("127.0.0.1", 0, script);
	struct config_check check = check_of(CHECK_HTTPS, server->port);
	char expected[128], *found;
	struct watch watch = { 0 };

	server->tls = serve(&certificate, 0);
	check.tls = (struct config_check_tls){ .on = true,
					       .ca_file = ca_path,
					       .server_name = server_name };
	check.path = "/";
	check.host = host;
	check.body = "ok";
	check.timeout_ms = script->then == HOLD ? 200 : 4000;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_string_equal(health_get(watch.health)->error, error);
	snprintf(expected, sizeof(expected), "Host: %s", expected_host);
	if (!host)
		snprintf(expected + strlen(expected), sizeof(expected) - strlen(expected), ":%u",
			 server->port);
	found = strstr(server->request, "Host: ");
	if (expected_host) {
		assert_non_null(found);
		found[strcspn(found, "\r")] = '\0';
		assert_string_equal(found, expected);
	}
	health_free(watch.health);
	SSL_CTX_free(server->tls);
	server_free(server);
	certificate_free(&certificate);
}

static void test_https(void **state)
{
	static const struct script right = { .answer = "HTTP/1.1 200 OK\r\n\r\nit is ok" },
				   wrong = { .answer = "HTTP/1.1 200 OK\r\n\r\nno" },
				   cut = { .answer = "HTTP/1.1 200 OK\r\n\r\nno", .then = CUT },
				   status = { .answer = "HTTP/1.1 503 No\r\n\r\n" },
				   foreign = { .answer = "+PONG\r\n\r\n" },
				   endless = { .answer = "HTTP/1.1 200 OK\r\n\r\n",
					       .repeat = "abcd" },
				   empty = { .answer = "" },
				   reset = { .answer = "HTTP/1.1 200", .then = RESET };

	(void)state;
	expect_https(&right, WWW, NULL, WWW, "");
	expect_https(&right, WWW, "www.example.net", "www.example.net", "");
	expect_https(&right, "fd00::1", NULL, "[fd00::1]", "");
	expect_https(&right, NULL, NULL, "127.0.0.1", "");
	expect_https(&wrong, WWW, NULL, WWW, "body does not hold 'ok'");
	expect_https(&cut, WWW, NULL, WWW, "body does not hold 'ok'");
	expect_https(&status, WWW, NULL, WWW, "status 503, expected 200-399");
	expect_https(&foreign, WWW, NULL, WWW, "answer is not HTTP/1");
	expect_https(&endless, WWW, NULL, WWW,
		     "answer larger than 64 KiB, its beginning does not hold 'ok'");
	expect_https(&empty, WWW, NULL, WWW, "connection closed without an answer");
	expect_https(&reset, WWW, NULL, WWW, "connection reset");
	expect_https(&hold, WWW, NULL, NULL, "timed out after 200 ms waiting for the answer");
}

/* The CA file: missing, wrong, and changed while checks run. */

static void test_ca_file(void **state)
{
	struct certificate_wish wish = { WWW, .issuer = &ca };
	struct certificate certificate = certificate_new(&wish);
	struct server *server = server_new("127.0.0.1", 0, &http_ok);
	struct config_check check = check_of(CHECK_TLS, server->port);
	const struct health_status *status;
	char expected[HEALTH_ERROR_BYTES];
	struct watch watch = { 0 };

	(void)state;
	server->tls = serve(&certificate, 0);
	check.tls = (struct config_check_tls){ .on = true, .ca_file = chain_path };
	check.interval_ms = check.timeout_ms = 50;
	check.rise = check.fall = 1;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_DOWN);
	status = health_get(watch.health);
	snprintf(expected, sizeof(expected), "not checked: CA file %s: No such file or directory",
		 chain_path);
	run_while(strcmp(status->error, expected), LIMIT_MS);
	assert_string_equal(status->error, expected);

	certificate_write(&ca, chain_path);
	run_while(watch.changes == 0, LIMIT_MS);
	assert_int_equal(status->state, HEALTH_UP);

	certificate_write(&other_ca, chain_path);
	run_while(watch.changes == 1, LIMIT_MS);
	assert_string_equal(status->error, "certificate of an unknown issuer");

	assert_int_equal(truncate(chain_path, 0), 0);
	snprintf(expected, sizeof(expected), "not checked: CA file %s: no certificate in it",
		 chain_path);
	run_while(strcmp(status->error, expected), LIMIT_MS);
	assert_string_equal(status->error, expected);
	assert_int_equal(watch.changes, 2);
	health_free(watch.health);
	unlink(chain_path);
	SSL_CTX_free(server->tls);
	server_free(server);
	certificate_free(&certificate);
}

static unsigned warnings;

static void count_warning(void *context, const struct health_status *status, bool ran)
{
	(void)context;
	assert_true(ran);
	assert_string_not_equal(status->warning, "");
	warnings++;
}

/* Told once a day, and taken back when a longer one is there. */
static void test_warning(void **state)
{
	struct certificate_wish soon = { WWW, .to_days = 3, .issuer = &ca };
	struct certificate_wish later = { WWW, .issuer = &ca };
	struct certificate old = certificate_new(&soon), renewed = certificate_new(&later);
	struct server *server = server_new("127.0.0.1", 0, &http_ok);
	struct config_check check = check_of(CHECK_TLS, server->port);
	const struct health_status *status;
	struct watch watch = { 0 };
	SSL_CTX *first = serve(&old, 0), *second = serve(&renewed, 0);

	(void)state;
	server->tls = first;
	check.tls = (struct config_check_tls){ .on = true, .ca_file = ca_path, .min_days = 14 };
	check.interval_ms = check.timeout_ms = 50;
	watch_start(&watch, "127.0.0.1", &check, HEALTH_UNKNOWN);
	health_set_warned(watch.health, count_warning);
	status = health_get(watch.health);
	run_while(status->checks < 4, LIMIT_MS);
	assert_int_equal(warnings, 1);
	assert_string_not_equal(status->warning, "");
	server->tls = second;
	run_while(status->warning[0], LIMIT_MS);
	assert_string_equal(status->warning, "");
	assert_int_equal(status->state, HEALTH_UP);
	health_free(watch.health);
	SSL_CTX_free(first);
	SSL_CTX_free(second);
	server_free(server);
	certificate_free(&old);
	certificate_free(&renewed);
}

static const struct CMUnitTest single_tests[] = {
	cmocka_unit_test(test_talk),
	cmocka_unit_test(test_https),
	cmocka_unit_test(test_ca_file),
	cmocka_unit_test(test_warning),
};

static int make_authorities(void **state)
{
	struct certificate_wish wish = { .common_name = "Poise test CA" };
	struct certificate_wish other = { .common_name = "Another CA" };

	assert_non_null(mkdtemp(directory));
	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", directory);
	snprintf(other_path, sizeof(other_path), "%s/other.pem", directory);
	snprintf(chain_path, sizeof(chain_path), "%s/changing.pem", directory);
	ca = certificate_new(&wish);
	other_ca = certificate_new(&other);
	certificate_write(&ca, ca_path);
	certificate_write(&other_ca, other_path);
	return setup(state);
}

static int remove_authorities(void **state)
{
	certificate_free(&ca);
	certificate_free(&other_ca);
	unlink(ca_path);
	unlink(other_path);
	rmdir(directory);
	return teardown(state);
}

enum {
	CASES = sizeof(cases) / sizeof(*cases),
	BROKEN = sizeof(broken_cases) / sizeof(*broken_cases),
	SINGLE_TESTS = sizeof(single_tests) / sizeof(*single_tests),
};

int main(void)
{
	struct CMUnitTest tests[CASES + BROKEN + SINGLE_TESTS] = { 0 };

	signal(SIGPIPE, SIG_IGN); /* as poised does; OpenSSL writes without MSG_NOSIGNAL */
	for (size_t i = 0; i < CASES; i++)
		tests[i] = (struct CMUnitTest){ .name = cases[i].name,
						.test_func = test_case,
						.initial_state = (void *)&cases[i] };
	for (size_t i = 0; i < BROKEN; i++)
		tests[CASES + i] = (struct CMUnitTest){ .name = broken_cases[i].name,
							.test_func = test_broken,
							.initial_state = (void *)&broken_cases[i] };
	memcpy(tests + CASES + BROKEN, single_tests, sizeof(single_tests));
	return cmocka_run_group_tests(tests, make_authorities, remove_authorities);
}
