// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Queries and answers of DNS, as much of them as a check needs: see dns_message.h. */
#include "dns_message.h"

#include <stdio.h>
#include <string.h>

enum {
	HEADER_BYTES = 12,
	CLASS_IN = 1,
	FLAG_RD = 0x01, /* in the flags' first byte, as the next three: */
	FLAG_TC = 0x02,
	FLAG_QR = 0x80,
	OPCODE = 0x78,
	RCODE = 0x0f, /* in their second */
};

/* Where the fields of a header begin. */
enum { AT_ID = 0, AT_FLAGS = 2, AT_QUESTIONS = 4 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* A length byte before each label, and one of 0 for the root. */
static size_t put_name(const char *name, uint8_t *at)
{
	size_t used = 0, length;

	while (*name && strcmp(name, ".")) {
		length = strcspn(name, ".");
		at[used] = (uint8_t)length;
		memcpy(at + used + 1, name, length);
		used += length + 1;
		name += length + (name[length] == '.');
	}
	at[used] = 0;
	return used + 1;
}

size_t dns_query_write(const char *name, uint16_t type, uint8_t out[DNS_QUERY_BYTES])
{
	size_t length = HEADER_BYTES;

	memset(out, 0, HEADER_BYTES);
	out[AT_FLAGS] = FLAG_RD;
	put16(out + AT_QUESTIONS, 1);
	length += put_name(name, out + length);
	put16(out + length, type);
	put16(out + length + 2, CLASS_IN);
	return length + 4;
}

void dns_query_set_id(uint8_t query[DNS_QUERY_BYTES], uint16_t id)
{
	put16(query + AT_ID, id);
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? byte | 0x20 : byte;
}

/* Names compare without case (RFC 4343); no other byte of a question is a letter that matters. */
static bool same_question(const uint8_t *a, const uint8_t *b, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (lower(a[i]) != lower(b[i]))
			return false;
	return true;
}

int dns_answer_rcode(const uint8_t *query, size_t query_length, const uint8_t *answer,
		     size_t length)
{
	unsigned questions;
	int rcode;

	if (length < HEADER_BYTES || memcmp(query + AT_ID, answer + AT_ID, 2))
		return DNS_FOREIGN;
	if (!(answer[AT_FLAGS] & FLAG_QR) || answer[AT_FLAGS] & OPCODE)
		return DNS_FOREIGN;
	rcode = answer[AT_FLAGS + 1] & RCODE;
	questions = (unsigned)answer[AT_QUESTIONS] << 8 | answer[AT_QUESTIONS + 1];
	/* who could not, or would not, read the question need not repeat it */
	if (questions == 0 && rcode != 0)
		return rcode;
	if (questions != 1 || length < query_length ||
	    !same_question(query + HEADER_BYTES, answer + HEADER_BYTES,
			   query_length - HEADER_BYTES))
		return DNS_FOREIGN;
	return rcode;
}

bool dns_answer_truncated(const uint8_t *answer)
{
	return answer[AT_FLAGS] & FLAG_TC;
}

const char *dns_rcode_text(unsigned rcode, char out[DNS_RCODE_BYTES])
{
	/* RFC 1035, 4.1.1; RFC 2136, 2.2 */
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					     "NOTIMP",	"REFUSED", "YXDOMAIN", "YXRRSET",
					     "NXRRSET", "NOTAUTH", "NOTZONE" };

	if (rcode < sizeof(names) / sizeof(names[0]))
		return names[rcode];
	snprintf(out, DNS_RCODE_BYTES, "rcode %u", rcode & UINT8_MAX);
	return out;
}
