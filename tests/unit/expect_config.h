/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the tests of the configuration share. In texts, IFACES is line 1, SERVICE line 2 and 3: a
 * service's further keys begin on line 4, column 5. Included once, after cmocka.h.
 */
#ifndef EXPECT_CONFIG_H
#define EXPECT_CONFIG_H

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "config.h"

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))
#define IFACES		  "interfaces: [{ name: eth0 }]\n"
#define SERVICE                                                                                    \
	IFACES "services:\n"                                                                       \
	       "  - { name: web, address: 203.0.113.10, port: 80,\n"
#define X8   "xxxxxxxx"
#define X64  X8 X8 X8 X8 X8 X8 X8 X8
#define X256 X64 X64 X64 X64

/* All messages, a line each, in a buffer that is valid until the next call. */
static inline const char *joined(const struct config_errors *errors)
{
	static char text[1 << 16];
	size_t used = 0, i;

	text[0] = '\0';
	for (i = 0; i < errors->count; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s\n",
					 errors->lines[i]);
	return text;
}

/* The configuration that the text is; fails the test if it is none. */
static inline struct config *load(const char *text)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;

	if (config_load_text("poise.yaml", text, strlen(text), &config, &errors)) {
		print_error("%s\n", errors.count ? errors.lines[0] : "no memory");
		config_errors_free(&errors);
		fail();
	}
	assert_null(errors.lines);
	assert_int_equal(errors.count, 0);
	return config;
}

/* Is the text refused with just these lines? */
static inline bool has_errors(const char *name, const char *text, size_t length,
			      const char *expected)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int err = config_load_text("poise.yaml", text, length, &config, &errors);
	const char *got = joined(&errors);
	bool right = err == -EINVAL && !config && !strcmp(got, expected);

	if (!right)
		print_error("%s: returned %d\nexpected:\n%sgot:\n%s", name, err, expected, got);
	config_errors_free(&errors);
	config_free(config);
	return right;
}

static inline void expect_errors(const char *name, const char *text, size_t length,
				 const char *expected)
{
	assert_true(has_errors(name, text, length, expected));
}

#endif
