/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The 'dns' check: a random id and a port of its own each time, so that nobody else's answer
 * counts. */
#include "check_dns.h"

#include <errno.h>
#include <event2/util.h>
#include <stdlib.h>

#include "check_datagram.h"
#include "config_values.h"
#include "dns_message.h"

struct dns {
	struct datagram datagram;
	uint8_t query[DNS_QUERY_BYTES];
	size_t query_length;
	uint8_t expected;
	uint8_t rcode; /* of the last answer */
};

static const uint8_t *dns_question(struct datagram *datagram, size_t *length)
{
	struct dns *dns = (struct dns *)datagram;
	uint16_t id;

	evutil_secure_rng_get_bytes(&id, sizeof(id));
	dns_query_set_id(dns->query, id);
	*length = dns->query_length;
	return dns->query;
}

static enum datagram_verdict dns_arrived(struct datagram *datagram, const uint8_t *data,
					 size_t length)
{
	struct dns *dns = (struct dns *)datagram;
	int rcode = dns_answer_rcode(dns->query, dns->query_length, data, length);

	if (rcode == DNS_FOREIGN)
		return DATAGRAM_OPEN;
	dns->rcode = (uint8_t)rcode;
	return dns->rcode == dns->expected ? DATAGRAM_PASSED : DATAGRAM_FAILED;
}

static void dns_fail(struct datagram *datagram)
{
	const struct dns *dns = (struct dns *)datagram;
	char found[DNS_RCODE_BYTES], expected[DNS_RCODE_BYTES];

	check_fail(&datagram->check, CHECK_TEXT_DNS_RCODE, dns_rcode_text(dns->rcode, found),
		   dns_rcode_text(dns->expected, expected));
}

static void dns_destroy(struct datagram *datagram)
{
	datagram_cancel(&datagram->check);
	free(datagram);
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
	dns->query_length = dns_query_write(config->query, config->query_type, dns->query);
	dns->expected = config->rcode;
	return &dns->datagram.check;
}

const struct check_kind check_dns = {
	.create = dns_create,
	.start = datagram_start,
	.expire = datagram_expire,
	.cancel = datagram_cancel,
	.destroy = datagram_destroy,
};
