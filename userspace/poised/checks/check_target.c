/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sockets of checks: what leads their packets to where the target says. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "check.h"

static int set_option(int fd, int level, int option, int value)
{
	return setsockopt(fd, level, option, &value, sizeof(value)) ? -errno : 0;
}

/* The port is left to connect(), which knows the destination: many sockets may share one. */
static int bind_source(int fd, const struct address *source)
{
	struct sockaddr_storage address;
	socklen_t length = address_to_sockaddr(source, 0, &address);
	int err = set_option(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);

	if (!err && bind(fd, (struct sockaddr *)&address, length))
		err = -errno;
	return err;
}

/* The segments of TCP are of this size at most, its header's options included. */
static int limit_segments(int fd, const struct check_target *target, uint16_t mtu)
{
	enum { IP4_TCP_BYTES = 40, IP6_TCP_BYTES = 60, MIN_SEGMENT = 88, MAX_SEGMENT = 32767 };
	int bytes = mtu - (target->address.family == 4 ? IP4_TCP_BYTES : IP6_TCP_BYTES);
	int protocol = 0;
	socklen_t length = sizeof(protocol);

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length))
		return -errno;
	if (protocol != IPPROTO_TCP || bytes < MIN_SEGMENT)
		return 0;
	return set_option(fd, IPPROTO_TCP, TCP_MAXSEG, bytes < MAX_SEGMENT ? bytes : MAX_SEGMENT);
}

int check_target_socket(const struct check_target *target, int fd)
{
	struct check_way way = { 0 };
	int err;

	if (!target->mark)
		return 0;
	if (target->find_way)
		target->find_way(target->way_context, &way);
	err = set_option(fd, SOL_SOCKET, SO_MARK, (int)target->mark);
	if (!err)
		err = limit_segments(fd, target, way.mtu);
	if (!err && way.source.family)
		err = bind_source(fd, &way.source);
	return err;
}
