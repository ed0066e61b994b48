/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'dns' check: a random id and a port of its own each time, so that nobody else's answer
 * counts. An answer that says it is truncated is asked for again over TCP, within the same time
 * (RFC 7766, 5); there a message has its length before it, two bytes.
 */
#include "check_dns.h"

#include <errno.h>
#include <event2/util.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "check_datagram.h"
#include "check_stream.h"
#include "config_values.h"
#include "dns_message.h"

enum { LENGTH_BYTES = 2, LIMIT_KIB = 65 }; /* more than the longest message */

struct dns {
	struct datagram datagram;
	struct stream stream;				 /* for an answer that was truncated */
	uint8_t request[LENGTH_BYTES + DNS_QUERY_BYTES]; /* the query, behind its length */
	size_t query_length;
	uint8_t expected;
	/* of the check under way: */
	int rcode;	/* of the last answer; DNS_FOREIGN: it is none */
	bool truncated; /* the datagram was; TCP is asked */
	uint8_t answer[LENGTH_BYTES + DNS_QUERY_BYTES]; /* the beginning of what came over TCP */
	size_t answer_length;				/* of all that came */
};

static uint8_t *query_of(struct dns *dns)
{
	return dns->request + LENGTH_BYTES;
}

static const uint8_t *dns_question(struct datagram *datagram, size_t *length)
{
	struct dns *dns = (struct dns *)datagram;
	uint16_t id;

	evutil_secure_rng_get_bytes(&id, sizeof(id));
	dns_query_set_id(query_of(dns), id);
	dns->truncated = false;
	*length = dns->query_length;
	return query_of(dns);
}

static enum datagram_verdict dns_arrived(struct datagram *datagram, const uint8_t *data,
					 size_t length)
{
	struct dns *dns = (struct dns *)datagram;

	dns->rcode = dns_answer_rcode(query_of(dns), dns->query_length, data, length);
	if (dns->rcode == DNS_FOREIGN)
		return DATAGRAM_OPEN;
	dns->truncated = dns_answer_truncated(data);
	return !dns->truncated && dns->rcode == dns->expected ? DATAGRAM_PASSED : DATAGRAM_FAILED;
}

static void fail_rcode(const struct dns *dns, struct check *check)
{
	char found[DNS_RCODE_BYTES], expected[DNS_RCODE_BYTES];

	check_fail(check, CHECK_TEXT_DNS_RCODE, dns_rcode_text((unsigned)dns->rcode, found),
		   dns_rcode_text(dns->expected, expected));
}

/* The stream's check is this one, under another kind. */
static void ask_by_tcp(struct dns *dns)
{
	int r;

	dns->stream.check = dns->datagram.check;
	r = stream_start(&dns->stream.check);
	if (r)
		check_fail_errno(&dns->datagram.check, -r);
}

static void dns_fail(struct datagram *datagram)
{
	struct dns *dns = (struct dns *)datagram;

	if (dns->truncated)
		ask_by_tcp(dns);
	else
		fail_rcode(dns, &datagram->check);
}

static struct dns *of_stream(struct stream *stream)
{
	return (struct dns *)((char *)stream - offsetof(struct dns, stream));
}

static enum stream_verdict tcp_ready(struct stream *stream)
{
	struct dns *dns = of_stream(stream);

	dns->answer_length = 0;
	stream_send(stream, dns->request, LENGTH_BYTES + dns->query_length);
	return STREAM_OPEN;
}

static void keep_answer(struct dns *dns, const uint8_t *data, size_t length)
{
	size_t room = dns->answer_length < sizeof(dns->answer)
			      ? sizeof(dns->answer) - dns->answer_length
			      : 0;

	if (room)
		memcpy(dns->answer + dns->answer_length, data, length < room ? length : room);
	dns->answer_length += length;
}

static enum stream_verdict tcp_arrived(struct stream *stream, const uint8_t *data, size_t length)
{
	struct dns *dns = of_stream(stream);
	size_t whole;

	keep_answer(dns, data, length);
	if (dns->answer_length < LENGTH_BYTES)
		return STREAM_OPEN;
	whole = (size_t)dns->answer[0] << 8 | dns->answer[1];
	if (dns->answer_length < LENGTH_BYTES + whole)
		return STREAM_OPEN;
	dns->rcode = dns_answer_rcode(query_of(dns), dns->query_length, dns->answer + LENGTH_BYTES,
				      whole);
	return dns->rcode == dns->expected ? STREAM_PASSED : STREAM_FAILED;
}

static void tcp_fail(struct stream *stream)
{
	const struct dns *dns = of_stream(stream);

	if (dns->rcode == DNS_FOREIGN)
		check_fail(&stream->check, CHECK_TEXT_ANSWER);
	else
		fail_rcode(dns, &stream->check);
}

static const struct stream_protocol by_tcp = {
	.limit_kib = LIMIT_KIB,
	.closed = CHECK_TEXT_CLOSED_MIDDLE,
	.late = CHECK_TEXT_TIMEOUT_MIDDLE,
	.ready = tcp_ready,
	.arrived = tcp_arrived,
	.fail = tcp_fail,
};

static void dns_cancel(struct check *check)
{
	struct dns *dns = (struct dns *)check;

	datagram_cancel(check);
	stream_cancel(&dns->stream.check);
}

static void dns_expire(struct check *check)
{
	struct dns *dns = (struct dns *)check;

	if (dns->stream.phase == STREAM_IDLE)
		datagram_expire(check);
	else
		stream_expire(&dns->stream.check);
}

static void dns_destroy(struct datagram *datagram)
{
	struct dns *dns = (struct dns *)datagram;

	dns_cancel(&datagram->check);
	stream_fini(&dns->stream);
	free(dns);
}

static const struct datagram_protocol protocol = {
	.question = dns_question,
	.arrived = dns_arrived,
	.fail = dns_fail,
	.destroy = dns_destroy,
};

static struct check *dns_create(const struct check_env *env, const struct check_target *target,
				const struct config_check *config)
{
	struct dns *dns;

	if (!config->query || !config_is_dns_name(config->query)) {
		errno = EINVAL;
		return NULL;
	}
	dns = calloc(1, sizeof(*dns));
	if (!dns)
		return NULL;
	datagram_init(&dns->datagram, &protocol, env, target, config);
	if (stream_init(&dns->stream, &by_tcp, env, target, config)) {
		dns_destroy(&dns->datagram);
		errno = ENOMEM;
		return NULL;
	}
	dns->query_length = dns_query_write(config->query, config->query_type, query_of(dns));
	dns->request[0] = (uint8_t)(dns->query_length >> 8);
	dns->request[1] = (uint8_t)dns->query_length;
	dns->expected = config->rcode;
	return &dns->datagram.check;
}

const struct check_kind check_dns = {
	.create = dns_create,
	.start = datagram_start,
	.expire = dns_expire,
	.cancel = dns_cancel,
	.destroy = datagram_destroy,
};
