/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'udp' check: the configuration's bytes, out and back. */
#include "check_udp.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "check_datagram.h"

struct udp {
	struct datagram datagram;
	struct config_bytes send, answer;
};

static const uint8_t *udp_question(struct datagram *datagram, size_t *length)
{
	const struct udp *udp = (struct udp *)datagram;

	*length = udp->send.length;
	return udp->send.bytes;
}

static enum datagram_verdict udp_arrived(struct datagram *datagram, const uint8_t *data,
					 size_t length)
{
	const struct udp *udp = (struct udp *)datagram;

	return memmem(data, length, udp->answer.bytes, udp->answer.length) ? DATAGRAM_PASSED
									   : DATAGRAM_FAILED;
}

static void udp_fail(struct datagram *datagram)
{
	check_fail(&datagram->check, CHECK_TEXT_ANSWER);
}

static void udp_destroy(struct datagram *datagram)
{
	struct udp *udp = (struct udp *)datagram;

	datagram_cancel(&datagram->check);
	free(udp->send.bytes);
	free(udp->answer.bytes);
	free(udp);
}

static const struct datagram_protocol protocol = {
	.question = udp_question,
	.arrived = udp_arrived,
	.fail = udp_fail,
	.destroy = udp_destroy,
};

static int copy(struct config_bytes *out, const struct config_bytes *bytes)
{
	out->length = bytes->length;
	out->bytes = malloc(bytes->length);
	if (!out->bytes)
		return -ENOMEM;
	memcpy(out->bytes, bytes->bytes, bytes->length);
	return 0;
}

static struct check *udp_create(const struct check_env *env, const struct check_target *target,
				const struct config_check *config)
{
	struct udp *udp;

	if (!config->send.length || !config->answer.length) {
		errno = EINVAL;
		return NULL;
	}
	udp = calloc(1, sizeof(*udp));
	if (!udp)
		return NULL;
	datagram_init(&udp->datagram, &protocol, env, target, config);
	if (copy(&udp->send, &config->send) || copy(&udp->answer, &config->answer)) {
		udp_destroy(&udp->datagram);
		errno = ENOMEM;
		return NULL;
	}
	return &udp->datagram.check;
}

const struct check_kind check_udp = {
	.create = udp_create,
	.start = datagram_start,
	.expire = datagram_expire,
	.cancel = datagram_cancel,
	.destroy = datagram_destroy,
};
