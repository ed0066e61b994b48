// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Configurations that are large, or no text: what is refused, and that the rest is read in time. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>
#include <time.h>

#include "expect_config.h"

/* Text with NULs, which the table cannot hold. */
static void binary_files_are_refused(void **state)
{
	static const char binary[] = IFACES "\0";

	(void)state;
	expect_errors("NUL", binary, sizeof(binary) - 1,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
	expect_errors("ELF", "\177ELF\2\1\1\0\0", 9,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
	expect_errors("UTF-16", "\xff\xfe#\0", 4,
		      "poise.yaml: found a binary file, allowed is YAML text in UTF-8\n");
}

static void too_large_text_is_refused(void **state)
{
	char *text = malloc(CONFIG_MAX_BYTES + 1);
	struct config *config = NULL;
	struct config_errors errors = { 0 };
	const size_t used = strlen(IFACES);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', CONFIG_MAX_BYTES + 1);
	memcpy(text, IFACES, used);
	expect_errors("too large", text, CONFIG_MAX_BYTES + 1,
		      "poise.yaml: found more than 16777216 bytes, allowed are at most as many\n");
	assert_int_equal(config_load_text("x", text, CONFIG_MAX_BYTES, &config, &errors), 0);
	config_free(config);
	free(text);
}

/* Appends to a text that grows. */
struct text {
	char *data;
	size_t length;
	FILE *stream;
};

static FILE *text_begin(struct text *text)
{
	text->stream = open_memstream(&text->data, &text->length);
	assert_non_null(text->stream);
	return text->stream;
}

static void text_free(struct text *text)
{
	free(text->data);
}

static void errors_beyond_the_limit_are_counted(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	fprintf(out, IFACES "services:\n  - name: web\n    address: 203.0.113.10\n"
			    "    port: 80\n    backends:\n");
	for (i = 0; i < CONFIG_MAX_ERRORS + 5; i++)
		fprintf(out, "      - { name: b%d, address: 10.0.0.%d, weight: x }\n", i, i + 1);
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), -EINVAL);
	assert_null(config);
	assert_int_equal(errors.count, CONFIG_MAX_ERRORS + 1);
	assert_string_equal(
		errors.lines[0],
		"f:7:48: services[0].backends[0].weight: found 'x', allowed is an integer "
		"from 0 to 1000");
	assert_string_equal(errors.lines[CONFIG_MAX_ERRORS], "f: and 5 more");
	config_errors_free(&errors);
	assert_null(errors.lines);
	assert_int_equal(errors.count, 0);
	text_free(&text);
}

/* One error each for a list that is too long; what it holds is not even read. */
static void long_lists_are_refused(void **state)
{
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	fprintf(out, "interfaces:\n");
	for (i = 0; i <= CONFIG_MAX_INTERFACES; i++)
		fprintf(out, "- { name: eth%d }\n", i);
	fprintf(out, "services:\n");
	for (i = 0; i <= POISE_MAX_SERVICES; i++)
		fprintf(out, "- {}\n");
	fclose(out);
	expect_errors(
		"long lists", text.data, text.length,
		"poise.yaml:2:1: interfaces: found a list of 65, allowed is a list of 1 to 64 "
		"interfaces\n"
		"poise.yaml:68:1: services: found a list of 4097, allowed is a list of 0 to 4096 "
		"services\n");
	text_free(&text);
}

/* count backends in each of two services, from line 3 on. */
static void write_two_services(FILE *out, int first, int second)
{
	const int counts[] = { first, second };
	int i, j;

	fprintf(out, IFACES "services:\n");
	for (i = 0; i < 2; i++) {
		fprintf(out, "- { name: s%d, address: 203.0.113.%d, port: 80, backends: [\n", i,
			i + 1);
		for (j = 0; j < counts[i]; j++)
			fprintf(out, "{ name: b%d, address: 10.%d.%d.%d },\n", j, i, j >> 8,
				j & 255);
		fprintf(out, "]}\n");
	}
}

static void too_many_backends_are_refused(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out;

	(void)state;
	out = text_begin(&text);
	write_two_services(out, 30000, POISE_MAX_BACKENDS - 1 - 30000);
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	assert_int_equal(config->services[0].backend_count, 30000);
	config_free(config);
	text_free(&text);

	out = text_begin(&text);
	write_two_services(out, 30000, POISE_MAX_BACKENDS - 30000);
	fclose(out);
	expect_errors("too many in all", text.data, text.length,
		      "poise.yaml:30005:57: services[1].backends: found 32768 backends in the "
		      "services up "
		      "to this one, allowed are 32767 in all\n");
	text_free(&text);

	out = text_begin(&text);
	write_two_services(out, POISE_MAX_BACKENDS, 0);
	fclose(out);
	expect_errors("too many in one", text.data, text.length,
		      "poise.yaml:3:57: services[0].backends: found a list of 32768, allowed is a "
		      "list of "
		      "0 to 32767 backends\n");
	text_free(&text);
}

/* count ranges of two ports each within one range; each costs two pieces. From line 3 on. */
static void write_ranges(FILE *out, const char *address, const char *name, int count)
{
	int i;

	for (i = 0; i < count; i++)
		fprintf(out, "- { name: %s%d, address: %s, port: %d-%d }\n", name, i, address,
			1000 + 10 * i, 1001 + 10 * i);
}

static void too_many_ranges_of_an_address_are_refused(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out;

	(void)state;
	out = text_begin(&text);
	fprintf(out, IFACES "services:\n- { name: any, address: 203.0.113.1, port: any }\n");
	write_ranges(out, "203.0.113.1", "r", 127);
	fprintf(out, "- { name: single, address: 203.0.113.1, port: 5000 }\n");
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	config_free(config);
	text_free(&text);

	out = text_begin(&text);
	fprintf(out, IFACES "services:\n- { name: any, address: 203.0.113.1, port: any }\n");
	write_ranges(out, "203.0.113.1", "r", 128);
	write_ranges(out, "203.0.113.2", "s", 128);
	fclose(out);
	expect_errors("one address", text.data, text.length,
		      "poise.yaml:131:45: services[128].port: found 2270-2271, allowed are at most "
		      "255 ranges of one address and protocol, cut up where they overlap\n");
	text_free(&text);
}

/* Ranges of a wider prefix count where a more specific service does not hide them. */
static void ranges_of_wider_prefixes_count(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct text text;
	FILE *out = text_begin(&text);

	(void)state;
	fprintf(out, IFACES "services:\n");
	write_ranges(out, "203.0.113.0/24", "r", 255);
	fprintf(out, "- { name: any, address: 203.0.113.1, port: any }\n");
	fprintf(out, "- { name: udp, address: 203.0.113.3, port: 5-6, protocol: udp }\n");
	fclose(out);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	config_free(config);
	text_free(&text);

	out = text_begin(&text);
	fprintf(out, IFACES "services:\n");
	write_ranges(out, "203.0.113.0/24", "r", 255);
	fprintf(out, "- { name: x, address: 203.0.113.2, port: 5-6 }\n");
	fclose(out);
	expect_errors("prefix", text.data, text.length,
		      "poise.yaml:258:42: services[255].port: found 5-6, allowed are at most 255 "
		      "ranges of one address and protocol, cut up where they overlap\n");
	text_free(&text);
}

static void too_many_keys_and_nodes_are_refused(void **state)
{
	struct text text;
	FILE *out = text_begin(&text);
	int i;

	(void)state;
	for (i = 0; i <= 64; i++)
		fprintf(out, "k%d: 1\n", i);
	fclose(out);
	expect_errors(
		"keys", text.data, text.length,
		"poise.yaml:65:1: found more than 64 keys in one mapping, allowed are fewer\n");
	text_free(&text);
	out = text_begin(&text);
	for (i = 0; i < 1 << 19; i++)
		fprintf(out, "- 1\n");
	fclose(out);
	expect_errors(
		"nodes", text.data, text.length,
		"poise.yaml:524288:3: found more than 524288 keys and values, allowed are fewer\n");
	text_free(&text);
}

/* The aim is 0.5 s without sanitizers; what is quadratic takes minutes. */
static void a_large_file_loads_fast(void **state)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	struct timespec before, after;
	struct text text;
	FILE *out = text_begin(&text);
	int i, j;

	(void)state;
	fprintf(out, IFACES "services:\n");
	for (i = 0; i < POISE_MAX_SERVICES; i++) {
		fprintf(out, "- name: s%d\n  address: 203.1.%d.%d\n  port: 80\n  backends:\n", i,
			i >> 8, i & 255);
		for (j = 0; j < 4; j++)
			fprintf(out, "  - { name: b%d, address: 10.%d.%d.%d }\n", j, j, i >> 8,
				i & 255);
	}
	fclose(out);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(config_load_text("f", text.data, text.length, &config, &errors), 0);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_int_equal(config->service_count, POISE_MAX_SERVICES);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 5);
	config_free(config);
	text_free(&text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(binary_files_are_refused),
		cmocka_unit_test(too_large_text_is_refused),
		cmocka_unit_test(errors_beyond_the_limit_are_counted),
		cmocka_unit_test(long_lists_are_refused),
		cmocka_unit_test(too_many_backends_are_refused),
		cmocka_unit_test(too_many_ranges_of_an_address_are_refused),
		cmocka_unit_test(ranges_of_wider_prefixes_count),
		cmocka_unit_test(too_many_keys_and_nodes_are_refused),
		cmocka_unit_test(a_large_file_loads_fast),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
