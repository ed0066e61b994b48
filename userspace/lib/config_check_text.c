// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A check's words, and what it points to: copied and freed as a whole. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static const char *const types[] = {
	[CHECK_NONE] = "none",	 [CHECK_TCP] = "tcp",		[CHECK_TLS] = "tls",
	[CHECK_HTTP] = "http",	 [CHECK_HTTPS] = "https",	[CHECK_GRPC] = "grpc",
	[CHECK_REDIS] = "redis", [CHECK_POSTGRES] = "postgres", [CHECK_MYSQL] = "mysql",
	[CHECK_DNS] = "dns",	 [CHECK_UDP] = "udp",		[CHECK_EXEC] = "exec",
};

/* Where the texts of every kind are, in the structure. */
static const size_t texts[] = {
	offsetof(struct config_check, tls.server_name),
	offsetof(struct config_check, tls.ca_file),
	offsetof(struct config_check, path),
	offsetof(struct config_check, host),
	offsetof(struct config_check, body),
	offsetof(struct config_check, user),
	offsetof(struct config_check, password_file),
	offsetof(struct config_check, query),
	offsetof(struct config_check, grpc_service),
};

enum { TEXT_COUNT = sizeof(texts) / sizeof(texts[0]) };

const char *config_check_type_text(enum check_type type)
{
	return types[type];
}

static char **text_of(struct config_check *check, size_t i)
{
	return (char **)((char *)check + texts[i]);
}

static void free_command(char **command)
{
	for (size_t i = 0; command && command[i]; i++)
		free(command[i]);
	free(command);
}

void config_check_free(struct config_check *check)
{
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		free(*text_of(check, i));
		*text_of(check, i) = NULL;
	}
	free(check->send.bytes);
	free(check->answer.bytes);
	free_command(check->command);
	check->send = check->answer = (struct config_bytes){ 0 };
	check->command = NULL;
}

static int copy_text(char **text, const char *from)
{
	*text = from ? strdup(from) : NULL;
	return from && !*text ? -ENOMEM : 0;
}

static int copy_bytes(struct config_bytes *bytes, const struct config_bytes *from)
{
	*bytes = (struct config_bytes){ 0 };
	if (!from->length)
		return 0;
	bytes->bytes = malloc(from->length);
	if (!bytes->bytes)
		return -ENOMEM;
	memcpy(bytes->bytes, from->bytes, from->length);
	bytes->length = from->length;
	return 0;
}

static int copy_command(char ***command, char *const *from)
{
	size_t count = 0;
	int err = 0;

	*command = NULL;
	if (!from)
		return 0;
	while (from[count])
		count++;
	*command = calloc(count + 1, sizeof(**command));
	if (!*command)
		return -ENOMEM;
	for (size_t i = 0; i < count && !err; i++)
		err = copy_text(&(*command)[i], from[i]);
	return err;
}

int config_check_copy(const struct config_check *check, struct config_check *out)
{
	struct config_check copy = *check;
	int err = 0;

	for (size_t i = 0; i < TEXT_COUNT; i++)
		err |= copy_text(text_of(&copy, i), *text_of((struct config_check *)check, i));
	err |= copy_bytes(&copy.send, &check->send);
	err |= copy_bytes(&copy.answer, &check->answer);
	err |= copy_command(&copy.command, check->command);
	if (err) {
		config_check_free(&copy);
		return -ENOMEM;
	}
	*out = copy;
	return 0;
}
