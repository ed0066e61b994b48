/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "echo.h"

#include <errno.h>
#include <event2/event.h>
#include <net/if.h> /* before linux/icmp.h, which brings its own */
#include <linux/icmp.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "check.h"

enum {
	SLOTS = 1 << 16, /* by the request's identifier */
	MAX_BATCH = 64,	 /* answers read in one turn of the event loop */
	RECEIVE_BYTES = 1 << 20,
	HEADER_BYTES = 8,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	IP4_WORDS_MASK = 0x0f,
};

/* What an answer must repeat. */
struct token {
	uint8_t type, code;
	uint16_t checksum, id, sequence;
	uint8_t random[8];
};
_Static_assert(sizeof(struct token) == HEADER_BYTES + 8, "token");

struct echo {
	struct echoes *echoes;
	struct address address;
	struct token token;
	uint32_t bytes; /* of the ICMP message */
	echo_answered answered;
	void *context;
};

struct echoes {
	struct event_base *base;
	struct event *readable[2]; /* of IPv4 and IPv6; NULL until it is needed */
	uint16_t next;		   /* slot to try first */
	struct echo *slots[SLOTS];
};

static bool is_answer(const struct echo *echo, const struct token *token,
		      const struct address *from, size_t bytes)
{
	uint8_t reply = echo->address.family == 4 ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;

	return token->type == reply && token->code == 0 && bytes == echo->bytes &&
	       token->sequence == echo->token.sequence &&
	       memcmp(token->random, echo->token.random, sizeof(token->random)) == 0 &&
	       address_equal(from, &echo->address);
}

static void take_answer(struct echoes *echoes, const struct token *token,
			const struct address *from, size_t bytes)
{
	struct echo *echo = echoes->slots[token->id];
	echo_answered answered;
	void *context;

	if (!echo || !is_answer(echo, token, from, bytes))
		return;
	answered = echo->answered;
	context = echo->context;
	echo_cancel(echo);
	answered(context);
}

/* A raw socket of IPv4 gives the IP header as well. */
static void read_answer4(struct echoes *echoes, const uint8_t *packet, size_t held, size_t bytes,
			 const struct sockaddr_storage *from)
{
	struct address address = { .family = 4 };
	struct token token;
	size_t header = held ? (packet[0] & IP4_WORDS_MASK) * 4U : 0;

	if (header < IP4_BYTES || held < header + sizeof(token))
		return;
	memcpy(&token, packet + header, sizeof(token));
	memcpy(address.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	take_answer(echoes, &token, &address, bytes - header);
}

static void read_answer6(struct echoes *echoes, const uint8_t *message, size_t held, size_t bytes,
			 const struct sockaddr_storage *from)
{
	struct address address = { .family = 6 };
	struct token token;

	if (held < sizeof(token))
		return;
	memcpy(&token, message, sizeof(token));
	memcpy(address.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	take_answer(echoes, &token, &address, bytes);
}

static void socket_readable(evutil_socket_t fd, short what, void *context)
{
	struct echoes *echoes = context;
	uint8_t head[128];

	(void)what;
	for (int i = 0; i < MAX_BATCH; i++) {
		struct sockaddr_storage from = { 0 };
		socklen_t from_bytes = sizeof(from);
		ssize_t bytes = recvfrom(fd, head, sizeof(head), MSG_DONTWAIT | MSG_TRUNC,
					 (struct sockaddr *)&from, &from_bytes);
		size_t held = bytes < (ssize_t)sizeof(head) ? (size_t)bytes : sizeof(head);

		if (bytes < 0)
			return;
		if (from.ss_family == AF_INET)
			read_answer4(echoes, head, held, (size_t)bytes, &from);
		else if (from.ss_family == AF_INET6)
			read_answer6(echoes, head, held, (size_t)bytes, &from);
	}
}

static int set_option(int fd, int level, int option, const void *value, socklen_t bytes)
{
	return setsockopt(fd, level, option, value, bytes) ? -errno : 0;
}

/* Answers alone; never a fragment, however small the way was said to be. */
static int set_up4(int fd)
{
	struct icmp_filter filter = { .data = ~(1U << ICMP_ECHOREPLY) };
	int probe = IP_PMTUDISC_PROBE;
	int err = set_option(fd, SOL_RAW, ICMP_FILTER, &filter, sizeof(filter));

	return err ? err : set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, &probe, sizeof(probe));
}

static int set_up6(int fd)
{
	struct icmp6_filter filter;
	int probe = IPV6_PMTUDISC_PROBE;
	int err;

	ICMP6_FILTER_SETBLOCKALL(&filter);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &filter);
	err = set_option(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &filter, sizeof(filter));
	return err ? err : set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof(probe));
}

static int open_socket(struct echoes *echoes, uint8_t family, struct event **readable)
{
	int domain = family == 4 ? AF_INET : AF_INET6, bytes = RECEIVE_BYTES, err;
	int fd = socket(domain, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC,
			family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);

	if (fd < 0)
		return -errno;
	err = family == 4 ? set_up4(fd) : set_up6(fd);
	if (err)
		goto err_close;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	*readable = event_new(echoes->base, fd, EV_READ | EV_PERSIST, socket_readable, echoes);
	err = -ENOMEM;
	if (*readable && event_add(*readable, NULL) == 0)
		return 0;
	if (*readable)
		event_free(*readable);
	*readable = NULL;
err_close:
	close(fd);
	return err;
}

/* The Internet checksum (RFC 1071); that of ICMPv6 is the kernel's. */
static uint16_t checksum(const uint8_t *message, size_t bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < bytes; i++)
		sum += i % 2 ? message[i] : message[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons(~sum & 0xffff);
}

/* The source is said with the packet: the socket is everyone's. */
static void put_source(struct msghdr *header, const struct address *source)
{
	struct in_pktinfo info4 = { 0 };
	struct in6_pktinfo info6 = { 0 };
	struct cmsghdr *control = CMSG_FIRSTHDR(header);

	memcpy(&info4.ipi_spec_dst, source->bytes, sizeof(info4.ipi_spec_dst));
	memcpy(&info6.ipi6_addr, source->bytes, sizeof(info6.ipi6_addr));
	if (source->family == 4) {
		control->cmsg_level = IPPROTO_IP;
		control->cmsg_type = IP_PKTINFO;
		control->cmsg_len = CMSG_LEN(sizeof(info4));
		memcpy(CMSG_DATA(control), &info4, sizeof(info4));
	} else {
		control->cmsg_level = IPPROTO_IPV6;
		control->cmsg_type = IPV6_PKTINFO;
		control->cmsg_len = CMSG_LEN(sizeof(info6));
		memcpy(CMSG_DATA(control), &info6, sizeof(info6));
	}
	header->msg_controllen = CMSG_ALIGN(control->cmsg_len);
}

static int send_message(int fd, const struct check_target *target, const struct check_way *way,
			struct iovec *message)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = { 0 };
	struct sockaddr_storage to;
	struct msghdr header = { .msg_name = &to, .msg_iov = message, .msg_iovlen = 1 };
	int err = set_option(fd, SOL_SOCKET, SO_MARK, &target->mark, sizeof(target->mark));

	if (err)
		return err;
	header.msg_namelen = address_to_sockaddr(&target->address, 0, &to);
	if (way->source.family) {
		header.msg_control = control;
		header.msg_controllen = sizeof(control);
		put_source(&header, &way->source);
	}
	return sendmsg(fd, &header, 0) < 0 ? -errno : 0;
}

static int send_echo(struct echo *echo, int fd, const struct check_target *target,
		     const struct check_way *way)
{
	uint8_t *message = calloc(1, echo->bytes);
	struct iovec vector = { .iov_base = message, .iov_len = echo->bytes };
	int err;

	if (!message)
		return -ENOMEM;
	memcpy(message, &echo->token, sizeof(echo->token));
	if (target->address.family == 4) {
		uint16_t sum = checksum(message, echo->bytes);

		memcpy(message + offsetof(struct token, checksum), &sum, sizeof(sum));
	}
	err = send_message(fd, target, way, &vector);
	free(message);
	return err;
}

/* A free slot, whose number is the identifier. 0 or -EBUSY: all of them wait for answers. */
static int take_slot(struct echo *echo)
{
	struct echoes *echoes = echo->echoes;

	for (int i = 0; i < SLOTS; i++) {
		uint16_t slot = echoes->next++;

		if (echoes->slots[slot])
			continue;
		echo->token.id = slot;
		echoes->slots[slot] = echo;
		return 0;
	}
	return -ENOBUFS;
}

static int new_echo(struct echoes *echoes, const struct check_target *target,
		    const struct check_way *way, struct echo **out)
{
	uint8_t family = target->address.family;
	uint32_t ip_bytes = family == 4 ? IP4_BYTES : IP6_BYTES;
	struct echo *echo;

	if (way->mtu < ip_bytes + sizeof(echo->token))
		return -EMSGSIZE;
	echo = calloc(1, sizeof(*echo));
	if (!echo)
		return -ENOMEM;
	echo->echoes = echoes;
	echo->address = target->address;
	echo->bytes = way->mtu - ip_bytes;
	echo->token.type = family == 4 ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
	if (getrandom(echo->token.random, sizeof(echo->token.random), GRND_NONBLOCK) !=
		    sizeof(echo->token.random) ||
	    take_slot(echo)) {
		free(echo);
		return -ENOBUFS;
	}
	echo->token.sequence = echoes->next;
	*out = echo;
	return 0;
}

int echo_send(struct echoes *echoes, const struct check_target *target, const struct check_way *way,
	      echo_answered answered, void *context, struct echo **out)
{
	struct event **readable = &echoes->readable[target->address.family == 6];
	struct echo *echo;
	int err = 0;

	if (!*readable)
		err = open_socket(echoes, target->address.family, readable);
	if (!err)
		err = new_echo(echoes, target, way, &echo);
	if (err)
		return err;
	echo->answered = answered;
	echo->context = context;
	err = send_echo(echo, event_get_fd(*readable), target, way);
	if (err)
		echo_cancel(echo);
	else
		*out = echo;
	return err;
}

void echo_cancel(struct echo *echo)
{
	if (!echo)
		return;
	echo->echoes->slots[echo->token.id] = NULL;
	free(echo);
}

int echoes_new(struct event_base *base, struct echoes **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->base = base;
	return 0;
}

void echoes_free(struct echoes *echoes)
{
	if (!echoes)
		return;
	for (int i = 0; i < 2; i++) {
		struct event *readable = echoes->readable[i];
		int fd = readable ? event_get_fd(readable) : -1;

		if (!readable)
			continue;
		event_free(readable);
		close(fd);
	}
	free(echoes);
}
