/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the kinds of checks have in common: choosing the kind, and wording how a check ended. */
#include "check.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check_dns.h"
#include "check_exec.h"
#include "check_expect.h"
#include "check_grpc.h"
#include "check_http.h"
#include "check_mtu.h"
#include "check_mysql.h"
#include "check_postgres.h"
#include "check_redis.h"
#include "check_tcp.h"
#include "check_udp.h"
#include "health.h"

enum { DISCARD_BYTES = 1 << 20 };

/* clang-format off */
static const struct check_kind *const kinds[] = {
	[CHECK_TCP] = &check_tcp,
	[CHECK_TLS] = &check_expect,
	[CHECK_HTTP] = &check_http,
	[CHECK_HTTPS] = &check_http,
	[CHECK_GRPC] = &check_grpc,
	[CHECK_REDIS] = &check_redis,
	[CHECK_POSTGRES] = &check_postgres,
	[CHECK_MYSQL] = &check_mysql,
	[CHECK_DNS] = &check_dns,
	[CHECK_UDP] = &check_udp,
	[CHECK_EXEC] = &check_exec, /* the last one */
};
/* clang-format on */

static const struct check_kind *kind_of(const struct config_check *config)
{
	bool talks = config->tls.on || config->send.length || config->answer.length;

	if (config->probe_mtu)
		return &check_mtu;
	return config->type == CHECK_TCP && talks ? &check_expect : kinds[config->type];
}

struct check *check_new(const struct check_env *env, const struct check_target *target,
			const struct config_check *config, check_done done, void *context)
{
	const struct check_kind *kind = kind_of(config);
	struct check *check;

	if (!kind) {
		errno = EINVAL;
		return NULL;
	}
	check = kind->create(env, target, config);
	if (!check)
		return NULL;
	check->kind = kind;
	check->done = done;
	check->context = context;
	check->timeout_ms = config->timeout_ms;
	check->find_way = target->find_way;
	check->way_context = target->way_context;
	return check;
}

int check_start(struct check *check, char error[HEALTH_ERROR_BYTES])
{
	struct check_way way = { 0 };
	int err;

	if (check->find_way)
		check->find_way(check->way_context, &way);
	if (way.problem[0]) {
		snprintf(error, HEALTH_ERROR_BYTES, CHECK_TEXT_NOT_RUN, way.problem);
		return -ENETUNREACH;
	}
	err = check->kind->start(check);
	if (err)
		snprintf(error, HEALTH_ERROR_BYTES, CHECK_TEXT_NOT_RUN, strerror(-err));
	return err;
}

void check_free(struct check *check)
{
	if (check)
		check->kind->destroy(check);
}

void check_close(int fd)
{
	(void)!recv(fd, NULL, DISCARD_BYTES, MSG_DONTWAIT | MSG_TRUNC);
	close(fd);
}

void check_pass(struct check *check)
{
	check->done(check->context, CHECK_PASSED, "");
}

/* The error leaves this host as JSON and on terminals: no control characters, and a text that was
 * cut ends with a whole UTF-8 sequence. */
static void make_printable(char *text, bool cut)
{
	size_t length = strlen(text);

	while (cut && length > 0 && ((unsigned char)text[length - 1] & 0xc0) == 0x80)
		length--;
	if (cut && length > 0 && (unsigned char)text[length - 1] >= 0xc0)
		length--;
	text[length] = '\0';
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			*text = '?';
}

static void __attribute__((format(printf, 2, 0)))
format_text(char text[HEALTH_ERROR_BYTES], const char *format, va_list arguments)
{
	int length = vsnprintf(text, HEALTH_ERROR_BYTES, format, arguments);

	make_printable(text, length >= HEALTH_ERROR_BYTES);
}

static void __attribute__((format(printf, 3, 0)))
report(struct check *check, enum check_result result, const char *format, va_list arguments)
{
	char text[HEALTH_ERROR_BYTES];

	format_text(text, format, arguments);
	check->done(check->context, result, text);
}

void check_fail(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(check, CHECK_FAILED, format, arguments);
	va_end(arguments);
}

void check_fail_connecting(struct check *check)
{
	if (check->find_way)
		check_fail(check, CHECK_TEXT_TIMEOUT_TUNNEL, check->timeout_ms);
	else
		check_fail(check, CHECK_TEXT_TIMEOUT_CONNECT, check->timeout_ms);
}

void check_not_run(struct check *check, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	report(check, CHECK_NOT_RUN, format, arguments);
	va_end(arguments);
}

void check_warn(struct check *check, const char *format, ...)
{
	char text[HEALTH_ERROR_BYTES];
	va_list arguments;

	va_start(arguments, format);
	format_text(text, format, arguments);
	va_end(arguments);
	if (check->warned)
		check->warned(check->context, text);
}

void check_fail_errno(struct check *check, int error)
{
	switch (error) {
	case EADDRNOTAVAIL: /* no port is left */
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		check_not_run(check, CHECK_TEXT_NOT_RUN, strerror(error));
		break;
	case ECONNREFUSED:
		check_fail(check, CHECK_TEXT_REFUSED);
		break;
	case ECONNRESET:
	case EPIPE:
		check_fail(check, CHECK_TEXT_RESET);
		break;
	case EHOSTUNREACH:
		check_fail(check, CHECK_TEXT_NO_HOST);
		break;
	case ENETUNREACH:
		check_fail(check, CHECK_TEXT_NO_NETWORK);
		break;
	default:
		check_fail(check, CHECK_TEXT_SYSTEM, strerror(error));
	}
}
