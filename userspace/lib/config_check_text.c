// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A check's words, and what it points to: compared, copied and freed as a whole. */
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

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_bytes(const struct config_bytes *a, const struct config_bytes *b)
{
	return a->length == b->length && (!a->length || memcmp(a->bytes, b->bytes, a->length) == 0);
}

static bool same_command(char *const *a, char *const *b)
{
	size_t i = 0;

	if (!a || !b)
		return a == b;
	while (a[i] && b[i] && strcmp(a[i], b[i]) == 0)
		i++;
	return !a[i] && !b[i];
}

static bool same_times(const struct config_check *a, const struct config_check *b)
{
	return a->interval_ms == b->interval_ms && a->fast_interval_ms == b->fast_interval_ms &&
	       a->timeout_ms == b->timeout_ms && a->rise == b->rise && a->fall == b->fall &&
	       a->jitter == b->jitter;
}

static bool same_tls(const struct config_check_tls *a, const struct config_check_tls *b)
{
	return a->on == b->on && a->insecure == b->insecure && a->min_days == b->min_days;
}

/* What is expected of the answer, texts apart. */
static bool same_expectation(const struct config_check *a, const struct config_check *b)
{
	return a->expect_count == b->expect_count &&
	       memcmp(a->expect, b->expect, a->expect_count * sizeof(*a->expect)) == 0 &&
	       a->role == b->role && a->max_lag_ms == b->max_lag_ms &&
	       a->query_type == b->query_type && a->rcode == b->rcode;
}

bool config_check_equal(const struct config_check *a, const struct config_check *b)
{
	for (size_t i = 0; i < TEXT_COUNT; i++)
		if (!same_text(*text_of((struct config_check *)a, i),
			       *text_of((struct config_check *)b, i)))
			return false;
	return a->type == b->type && a->port == b->port && a->via == b->via &&
	       a->probe_mtu == b->probe_mtu && a->mark == b->mark && same_times(a, b) &&
	       same_tls(&a->tls, &b->tls) && same_expectation(a, b) &&
	       same_bytes(&a->send, &b->send) && same_bytes(&a->answer, &b->answer) &&
	       same_command(a->command, b->command);
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
