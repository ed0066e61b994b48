/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Bytes are sent, and others looked for in what comes back; without either the connection is
 * enough. */
#include "check_expect.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_stream.h"
#include "search.h"

struct expect {
	struct stream stream;
	struct search answer;
	size_t length; /* of what is sent: */
	uint8_t send[];
};

static enum stream_verdict expect_ready(struct stream *stream)
{
	struct expect *expect = (struct expect *)stream;

	if (!expect->answer.length)
		return STREAM_PASSED;
	search_begin(&expect->answer);
	stream_send(stream, expect->send, expect->length);
	return STREAM_OPEN;
}

static enum stream_verdict expect_arrived(struct stream *stream, const uint8_t *data, size_t length)
{
	struct expect *expect = (struct expect *)stream;

	return search_feed(&expect->answer, data, length) ? STREAM_PASSED : STREAM_OPEN;
}

static void expect_destroy(struct stream *stream)
{
	struct expect *expect = (struct expect *)stream;

	stream_fini(stream);
	search_fini(&expect->answer);
	free(expect);
}

static const struct stream_protocol protocol = {
	.limit_kib = CHECK_EXPECT_MAX_KIB,
	.closed = CHECK_TEXT_CLOSED_EXPECT,
	.late = CHECK_TEXT_TIMEOUT_EXPECT,
	.ready = expect_ready,
	.arrived = expect_arrived,
	.destroy = expect_destroy,
};

static struct check *expect_create(const struct check_env *env, const struct check_target *target,
				   const struct config_check *config)
{
	struct expect *expect = calloc(1, sizeof(*expect) + config->send.length);

	if (!expect)
		return NULL;
	expect->length = config->send.length;
	if (expect->length)
		memcpy(expect->send, config->send.bytes, expect->length);
	if (stream_init(&expect->stream, &protocol, env, target, config) ||
	    search_init(&expect->answer, config->answer.bytes, config->answer.length)) {
		expect_destroy(&expect->stream);
		errno = ENOMEM;
		return NULL;
	}
	return &expect->stream.check;
}

const struct check_kind check_expect = {
	.create = expect_create,
	.start = stream_start,
	.expire = stream_expire,
	.cancel = stream_cancel,
	.destroy = stream_destroy,
};
