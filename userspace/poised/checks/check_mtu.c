/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The check of probe_mtu: once the check of the configured type has passed, an echo request goes
 * through the same tunnel, as large as the largest packet that the balancer forwards to the
 * backend, and must be answered. It says the same of every type of check, and asks nothing of the
 * server but that its host answers echo requests to the service's address.
 */
#include "check_mtu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "echo.h"

struct full_size {
	struct check check;
	struct check *plain; /* of the configured type */
	struct echoes *echoes;
	struct check_target target;
	/* of the check under way: */
	struct echo *echo; /* NULL: the plain one is, or none */
	uint16_t bytes;	   /* of the echo request's packet */
};

static void echo_came(void *context)
{
	struct full_size *full = context;

	full->echo = NULL;
	check_pass(&full->check);
}

static int send_echo(struct full_size *full)
{
	struct check_way way = { 0 };
	int err;

	if (full->target.find_way)
		full->target.find_way(full->target.way_context, &way);
	full->bytes = way.mtu;
	if (!way.mtu)
		return -EHOSTUNREACH;
	err = echo_send(full->echoes, &full->target, &way, echo_came, full, &full->echo);
	return err;
}

static void plain_done(void *context, enum check_result result, const char *error)
{
	struct full_size *full = context;
	int err = 0;

	if (result == CHECK_PASSED)
		err = send_echo(full);
	if (err)
		check_not_run(&full->check, CHECK_TEXT_NOT_RUN, strerror(-err));
	else if (result != CHECK_PASSED)
		full->check.done(full->check.context, result, error);
}

static void plain_warned(void *context, const char *warning)
{
	struct full_size *full = context;

	if (full->check.warned)
		full->check.warned(full->check.context, warning);
}

static int mtu_start(struct check *check)
{
	struct full_size *full = (struct full_size *)check;

	return full->plain->kind->start(full->plain);
}

static void mtu_cancel(struct check *check)
{
	struct full_size *full = (struct full_size *)check;

	full->plain->kind->cancel(full->plain);
	echo_cancel(full->echo);
	full->echo = NULL;
}

static void mtu_expire(struct check *check)
{
	struct full_size *full = (struct full_size *)check;

	if (!full->echo) {
		full->plain->kind->expire(full->plain);
		return;
	}
	mtu_cancel(check);
	check_fail(check, CHECK_TEXT_MTU, full->bytes, check->timeout_ms);
}

static void mtu_destroy(struct check *check)
{
	struct full_size *full = (struct full_size *)check;

	if (full->plain)
		mtu_cancel(check);
	check_free(full->plain);
	free(full);
}

static struct check *mtu_create(const struct check_env *env, const struct check_target *target,
				const struct config_check *config)
{
	struct full_size *full = calloc(1, sizeof(*full));
	struct config_check plain = *config;

	if (!full)
		return NULL;
	plain.probe_mtu = false;
	full->echoes = env->echoes;
	full->target = *target;
	full->plain = check_new(env, target, &plain, plain_done, full);
	if (full->plain) {
		full->plain->warned = plain_warned;
		return &full->check;
	}
	free(full);
	return NULL;
}

const struct check_kind check_mtu = {
	.create = mtu_create,
	.start = mtu_start,
	.expire = mtu_expire,
	.cancel = mtu_cancel,
	.destroy = mtu_destroy,
};
