// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Text and bytes of addresses and prefixes: see address.h. No name is ever resolved here. */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static unsigned int family_bits(uint8_t family)
{
	return family == 4 ? 32 : 128;
}

int address_parse(const char *text, struct address *out)
{
	struct address address = { 0 };

	if (inet_pton(AF_INET, text, address.bytes) == 1)
		address.family = 4;
	else if (inet_pton(AF_INET6, text, address.bytes) == 1)
		address.family = 6;
	else
		return -EINVAL;
	*out = address;
	return 0;
}

/* "0" to "128", without sign, space or leading zero. */
static int parse_length(const char *text, unsigned int max, uint8_t *out)
{
	unsigned int length = 0;
	size_t i;

	if (!text[0] || (text[0] == '0' && text[1]))
		return -EINVAL;
	for (i = 0; text[i]; i++) {
		if (i == 3 || text[i] < '0' || text[i] > '9')
			return -EINVAL;
		length = length * 10 + (unsigned int)(text[i] - '0');
	}
	if (length > max)
		return -EINVAL;
	*out = (uint8_t)length;
	return 0;
}

static bool has_bits_after(const struct address *address, unsigned int length)
{
	unsigned int bit;

	for (bit = length; bit < family_bits(address->family); bit++)
		if (address->bytes[bit / 8] & 0x80 >> bit % 8)
			return true;
	return false;
}

int prefix_parse(const char *text, struct prefix *out)
{
	const char *slash = strchr(text, '/');
	size_t length = slash ? (size_t)(slash - text) : strlen(text);
	char address[ADDRESS_TEXT_BYTES];
	struct prefix prefix;
	int err;

	if (length >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, length);
	address[length] = '\0';
	err = address_parse(address, &prefix.address);
	if (err)
		return err;
	prefix.length = (uint8_t)family_bits(prefix.address.family);
	if (slash)
		err = parse_length(slash + 1, prefix.length, &prefix.length);
	if (err)
		return err;
	if (has_bits_after(&prefix.address, prefix.length))
		return -ERANGE;
	*out = prefix;
	return 0;
}

const char *address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	int family = address->family == 4 ? AF_INET : AF_INET6;

	if (!address->family)
		snprintf(text, ADDRESS_TEXT_BYTES, "none");
	else
		inet_ntop(family, address->bytes, text, ADDRESS_TEXT_BYTES);
	return text;
}

const char *prefix_format(const struct prefix *prefix, char text[ADDRESS_TEXT_BYTES])
{
	size_t length;

	address_format(&prefix->address, text);
	length = strlen(text);
	if (prefix->address.family && prefix->length < family_bits(prefix->address.family))
		snprintf(text + length, ADDRESS_TEXT_BYTES - length, "/%u", prefix->length);
	return text;
}

bool address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

struct address address_mask(const struct address *address, unsigned int length)
{
	struct address masked = *address;
	unsigned int bit;

	for (bit = length; bit < family_bits(address->family); bit = bit / 8 * 8 + 8)
		masked.bytes[bit / 8] &= (uint8_t)(0xff00 >> bit % 8);
	return masked;
}

/* RFC 1122, 3.2.1.3; 240.0.0.0/4 is unicast for Linux. */
static bool is_host4(const uint8_t *bytes)
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (bytes[0] == 0 || bytes[0] == 127 || (bytes[0] & 0xf0) == 224)
		return false;
	return memcmp(bytes, broadcast, sizeof(broadcast)) != 0;
}

/* RFC 4291, 2.4: also not link-local (no zone can be given) and not IPv4-mapped (never on a wire).
 */
static bool is_host6(const uint8_t *bytes)
{
	struct in6_addr address;

	memcpy(&address, bytes, sizeof(address));
	return !IN6_IS_ADDR_UNSPECIFIED(&address) && !IN6_IS_ADDR_LOOPBACK(&address) &&
	       !IN6_IS_ADDR_MULTICAST(&address) && !IN6_IS_ADDR_LINKLOCAL(&address) &&
	       !IN6_IS_ADDR_V4MAPPED(&address);
}

bool address_is_host(const struct address *address)
{
	if (address->family == 4)
		return is_host4(address->bytes);
	return address->family == 6 && is_host6(address->bytes);
}

socklen_t address_to_sockaddr(const struct address *address, uint16_t port,
			      struct sockaddr_storage *out)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;
	struct sockaddr_in *in4 = (struct sockaddr_in *)out;

	memset(out, 0, sizeof(*out));
	if (address->family == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		memcpy(&in4->sin_addr, address->bytes, sizeof(in4->sin_addr));
		return sizeof(*in4);
	}
	if (address->family != 6)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	memcpy(&in6->sin6_addr, address->bytes, sizeof(in6->sin6_addr));
	return sizeof(*in6);
}
