// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Requests to rtnetlink: see netlink.h. */
#include "netlink.h"

#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <time.h>

enum { ANSWER_BYTES = 32768 };

int netlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *data)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	static char answer[ANSWER_BYTES];
	ssize_t length;
	int more = 1, err = 0;

	if (!socket)
		return -errno;
	request->nlmsg_seq = (uint32_t)time(NULL);
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) {
		err = -errno;
		goto out;
	}
	while (more > 0) {
		length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
		more = length < 0 ? -1
				  : mnl_cb_run(answer, (size_t)length, request->nlmsg_seq,
					       mnl_socket_get_portid(socket), callback, data);
	}
	if (more < 0)
		err = -errno;
out:
	mnl_socket_close(socket);
	return err;
}

struct nlmsghdr *netlink_begin(char *buffer, uint16_t type, uint16_t flags)
{
	struct nlmsghdr *request;

	memset(buffer, 0, NETLINK_MESSAGE_BYTES);
	request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST | flags;
	return request;
}
