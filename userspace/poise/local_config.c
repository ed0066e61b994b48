/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "local_config.h"

#include <errno.h>
#include <string.h>

#include "config.h"
#include "text.h"

struct config *local_config_load(const char *path)
{
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = config_load_file(path, &config, &errors);

	for (size_t i = 0; error && i < errors.count; i++)
		complain("%s", errors.lines[i]);
	if (error && !errors.count)
		complain("reading \"%s\": %s", path, strerror(-error));
	config_errors_free(&errors);
	return error ? NULL : config;
}

struct config *local_config_of(const json_t *answer, const char *key)
{
	const char *text = json_string_value(json_object_get(answer, key));
	struct config_errors errors = { 0 };
	struct config *config = NULL;
	int error = -EINVAL;

	if (text)
		error = config_load_text(key, text, strlen(text), &config, &errors);
	if (error)
		complain("the %s configuration of poised is not understood%s%s: are poise and "
			 "poised of the same release?",
			 key, errors.count ? ": " : "", errors.count ? errors.lines[0] : "");
	config_errors_free(&errors);
	return error ? NULL : config;
}
