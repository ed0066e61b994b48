/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "local_config.h"

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
