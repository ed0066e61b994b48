/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rtnl.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "rtnl_parse.h"

enum {
	BUFFER_BYTES = 32768,		/* of one datagram; the kernel's notices are below 16 KiB */
	REQUEST_BYTES = 256,		/* of any of our requests */
	EVENT_QUEUE_BYTES = 4 << 20,	/* notices that may wait in the kernel */
	ANSWER_TIMEOUT_US = 500 * 1000, /* of one receive */
	MAX_STRAYS = 64,	 /* late answers to earlier questions, skipped for one answer */
	MAX_EVENTS = 256,	 /* datagrams handed on in one go: about a millisecond */
	MAX_DISCARDED = 1 << 16, /* more than EVENT_QUEUE_BYTES can hold */
	GET_ROUTE_FIB =
		RTM_F_FIB_MATCH, /* the route itself, without what was learned for one address */
};

struct rtnl {
	struct mnl_socket *questions, *events; /* only the latter does not block */
	uint32_t sequence;
	_Alignas(struct nlmsghdr) char buffer[BUFFER_BYTES];
};

/* One datagram from the kernel: its length, or a negative errno; -EINTR also for one that another
 * process sent, which is dropped. */
static ssize_t receive(struct rtnl *rtnl, const struct mnl_socket *socket)
{
	struct sockaddr_nl from = { 0 };
	socklen_t from_length = sizeof(from);
	ssize_t length;

	length = recvfrom(mnl_socket_get_fd(socket), rtnl->buffer, sizeof(rtnl->buffer), MSG_TRUNC,
			  (struct sockaddr *)&from, &from_length);
	if (length < 0)
		return -errno;
	if (from_length != sizeof(from) || from.nl_pid != 0)
		return -EINTR;
	return length > (ssize_t)sizeof(rtnl->buffer) ? -ENOBUFS : length;
}

static void hand_on(struct rtnl *rtnl, size_t datagram, rtnl_handler handler, void *context)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)rtnl->buffer;
	struct rtnl_event event;
	int left = datagram;

	for (; mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left))
		if (rtnl_parse_event(message, &event) == 0)
			handler(context, &event);
}

/* Empties the queue of notices, so that none of them is taken for newer than answers to come. */
static int discard_events(struct rtnl *rtnl)
{
	ssize_t length = 0;

	for (int i = 0; i < MAX_DISCARDED && length != -EAGAIN; i++)
		length = receive(rtnl, rtnl->events);
	return -ENOBUFS;
}

int rtnl_read_events(struct rtnl *rtnl, rtnl_handler handler, void *context)
{
	ssize_t length;

	for (int i = 0; i < MAX_EVENTS; i++) {
		length = receive(rtnl, rtnl->events);
		if (length == -EAGAIN)
			return 0;
		if (length == -EINTR)
			continue;
		if (length == -ENOBUFS)
			return discard_events(rtnl);
		if (length < 0)
			return length;
		hand_on(rtnl, length, handler, context);
	}
	return 0;
}

int rtnl_event_fd(const struct rtnl *rtnl)
{
	return mnl_socket_get_fd(rtnl->events);
}

/* Begins a request in memory of REQUEST_BYTES; its family header is zeroed. */
static void *begin(struct rtnl *rtnl, void *memory, uint16_t type, uint16_t flags, size_t header,
		   struct nlmsghdr **out)
{
	*out = mnl_nlmsg_put_header(memory);
	(*out)->nlmsg_type = type;
	(*out)->nlmsg_flags = NLM_F_REQUEST | flags;
	(*out)->nlmsg_seq = ++rtnl->sequence;
	return mnl_nlmsg_put_extra_header(*out, header);
}

/*
 * Sends a request and waits for the answer. 0 and the answer, valid until the next question;
 * *refusal is 0, or the negative errno that the kernel answered instead. A negative errno when
 * there was no answer.
 */
static int ask(struct rtnl *rtnl, const struct nlmsghdr *request, const struct nlmsghdr **answer,
	       int *refusal)
{
	const struct nlmsghdr *message = (const struct nlmsghdr *)rtnl->buffer;
	const struct nlmsgerr *error;
	ssize_t length;

	if (mnl_socket_sendto(rtnl->questions, request, request->nlmsg_len) < 0)
		return -errno;
	for (int i = 0; i < MAX_STRAYS; i++) {
		length = receive(rtnl, rtnl->questions);
		if (length == -EINTR)
			continue;
		if (length < 0)
			return length == -EAGAIN ? -ETIMEDOUT : length;
		if (!mnl_nlmsg_ok(message, length) || message->nlmsg_seq != request->nlmsg_seq)
			continue;
		*answer = message;
		*refusal = 0;
		if (message->nlmsg_type != NLMSG_ERROR)
			return 0;
		error = mnl_nlmsg_get_payload(message);
		if (mnl_nlmsg_get_payload_len(message) < sizeof(*error))
			return -EBADMSG;
		*refusal = error->error;
		return 0;
	}
	return -ETIMEDOUT;
}

static void put_address(struct nlmsghdr *request, uint16_t type, const struct address *address)
{
	mnl_attr_put(request, type, address->family == 4 ? 4 : 16, address->bytes);
}

static int ask_route(struct rtnl *rtnl, const struct address *destination, uint32_t flags,
		     struct rtnl_route *out, bool *expires)
{
	_Alignas(struct nlmsghdr) char memory[REQUEST_BYTES];
	const struct nlmsghdr *answer;
	struct nlmsghdr *request;
	struct rtmsg *header;
	int err, refusal;

	header = begin(rtnl, memory, RTM_GETROUTE, 0, sizeof(*header), &request);
	header->rtm_family = destination->family == 4 ? AF_INET : AF_INET6;
	header->rtm_dst_len = destination->family == 4 ? 32 : 128;
	header->rtm_flags = flags;
	put_address(request, RTA_DST, destination);
	err = ask(rtnl, request, &answer, &refusal);
	if (err)
		return err;
	if (refusal == -ENOMEM || refusal == -ENOBUFS)
		return refusal;
	memset(out, 0, sizeof(*out));
	return refusal ? 0 : rtnl_parse_route(answer, out, expires);
}

/*
 * The answer may hold a path MTU that the kernel learned from ICMP for this address. It vanishes
 * after minutes without a notice, so it is not taken: the route itself is asked for its MTU
 * instead.
 */
int rtnl_get_route(struct rtnl *rtnl, const struct address *destination, struct rtnl_route *out)
{
	struct rtnl_route whole;
	bool expires = false;
	int err;

	err = ask_route(rtnl, destination, 0, out, &expires);
	if (err || !expires || out->mtu == 0)
		return err;
	err = ask_route(rtnl, destination, GET_ROUTE_FIB, &whole, &expires);
	if (!err)
		out->mtu = whole.mtu;
	return err;
}

int rtnl_get_link(struct rtnl *rtnl, uint32_t ifindex, struct rtnl_link *out)
{
	_Alignas(struct nlmsghdr) char memory[REQUEST_BYTES];
	const struct nlmsghdr *answer;
	struct nlmsghdr *request;
	struct ifinfomsg *header;
	int err, refusal;

	header = begin(rtnl, memory, RTM_GETLINK, 0, sizeof(*header), &request);
	header->ifi_index = ifindex;
	mnl_attr_put_u32(request, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	err = ask(rtnl, request, &answer, &refusal);
	if (!err)
		err = refusal ? refusal : rtnl_parse_link(answer, out);
	return !err && out->ifindex != ifindex ? -EBADMSG : err;
}

static struct nlmsghdr *neighbour_request(struct rtnl *rtnl, void *memory, uint16_t type,
					  uint16_t flags, uint8_t neighbour_flags, uint32_t ifindex,
					  const struct address *address)
{
	struct nlmsghdr *request;
	struct ndmsg *header;

	header = begin(rtnl, memory, type, flags, sizeof(*header), &request);
	header->ndm_family = address->family == 4 ? AF_INET : AF_INET6;
	header->ndm_ifindex = ifindex;
	header->ndm_flags = neighbour_flags;
	put_address(request, NDA_DST, address);
	return request;
}

int rtnl_get_neighbour(struct rtnl *rtnl, uint32_t ifindex, const struct address *address,
		       struct rtnl_neighbour *out)
{
	_Alignas(struct nlmsghdr) char memory[REQUEST_BYTES];
	const struct nlmsghdr *answer;
	int err, refusal;

	err = ask(rtnl, neighbour_request(rtnl, memory, RTM_GETNEIGH, 0, 0, ifindex, address),
		  &answer, &refusal);
	if (!err)
		err = refusal ? refusal : rtnl_parse_neighbour(answer, out);
	return err;
}

int rtnl_use_neighbour(struct rtnl *rtnl, uint32_t ifindex, const struct address *address)
{
	_Alignas(struct nlmsghdr) char memory[REQUEST_BYTES];
	const struct nlmsghdr *answer;
	int err, refusal;

	err = ask(rtnl,
		  neighbour_request(rtnl, memory, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_ACK, NTF_USE,
				    ifindex, address),
		  &answer, &refusal);
	return err ? err : refusal;
}

static int open_questions(struct mnl_socket **out)
{
	struct timeval timeout = { .tv_usec = ANSWER_TIMEOUT_US };

	*out = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!*out || mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    setsockopt(mnl_socket_get_fd(*out), SOL_SOCKET, SO_RCVTIMEO, &timeout,
		       sizeof(timeout)) < 0)
		return -errno;
	return 0;
}

static int open_events(struct mnl_socket **out)
{
	static const int groups[] = {
		RTNLGRP_LINK,	     RTNLGRP_NEIGH,	  RTNLGRP_IPV4_ROUTE,
		RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,	  RTNLGRP_IPV6_RULE,
		RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, RTNLGRP_NEXTHOP,
	};
	int fd, bytes = EVENT_QUEUE_BYTES;

	*out = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!*out || mnl_socket_bind(*out, 0, MNL_SOCKET_AUTOPID) < 0)
		return -errno;
	fd = mnl_socket_get_fd(*out);
	/* Without the privilege the queue is short, and overruns, which are made good, frequent. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) < 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) < 0)
		return -errno;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		int group = groups[i];

		if (mnl_socket_setsockopt(*out, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) < 0)
			return -errno;
	}
	return 0;
}

int rtnl_new(struct rtnl **out)
{
	struct rtnl *rtnl = calloc(1, sizeof(*rtnl));
	int err;

	if (!rtnl)
		return -ENOMEM;
	err = open_questions(&rtnl->questions);
	if (!err)
		err = open_events(&rtnl->events);
	if (err) {
		rtnl_free(rtnl);
		return err;
	}
	*out = rtnl;
	return 0;
}

void rtnl_free(struct rtnl *rtnl)
{
	if (!rtnl)
		return;
	if (rtnl->questions)
		mnl_socket_close(rtnl->questions);
	if (rtnl->events)
		mnl_socket_close(rtnl->events);
	free(rtnl);
}
