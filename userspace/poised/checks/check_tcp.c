/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'tcp' check: a connection is opened and, once it stands, closed with a FIN. Nothing is sent;
 * what the server may have said by then is thrown away.
 */
#include "check_tcp.h"

#include <errno.h>
#include <event2/event.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

struct tcp {
	struct check check;
	struct event_base *base;
	struct check_target target;
	struct sockaddr_storage peer;
	socklen_t peer_length;
	/* of the check under way: */
	struct event *writable; /* NULL: none is */
	int fd;
	int error; /* of connect(), when it failed at once */
};

static void tcp_cancel(struct check *check)
{
	struct tcp *tcp = (struct tcp *)check;

	if (!tcp->writable)
		return;
	event_free(tcp->writable);
	tcp->writable = NULL;
	check_close(tcp->fd);
}

static void socket_writable(evutil_socket_t fd, short what, void *context)
{
	struct tcp *tcp = context;
	int error = tcp->error;
	socklen_t length = sizeof(error);

	(void)what;
	if (!error && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	tcp_cancel(&tcp->check);
	if (error)
		check_fail_errno(&tcp->check, error);
	else
		check_pass(&tcp->check);
}

static int tcp_start(struct check *check)
{
	struct tcp *tcp = (struct tcp *)check;
	int r;

	tcp->fd = socket(tcp->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			 IPPROTO_TCP);
	if (tcp->fd < 0)
		return -errno;
	r = check_target_socket(&tcp->target, tcp->fd);
	if (r)
		goto err_close;
	tcp->writable = event_new(tcp->base, tcp->fd, EV_WRITE, socket_writable, tcp);
	if (!tcp->writable) {
		r = -ENOMEM;
		goto err_close;
	}
	tcp->error = 0;
	if (connect(tcp->fd, (struct sockaddr *)&tcp->peer, tcp->peer_length) != 0 &&
	    errno != EINPROGRESS)
		tcp->error = errno;
	if (tcp->error)
		event_active(tcp->writable, EV_WRITE, 0);
	else if (event_add(tcp->writable, NULL) != 0) {
		r = -ENOMEM;
		goto err_event;
	}
	return 0;

err_event:
	event_free(tcp->writable);
	tcp->writable = NULL;
err_close:
	close(tcp->fd);
	return r;
}

static void tcp_expire(struct check *check)
{
	tcp_cancel(check);
	check_fail_connecting(check);
}

static struct check *tcp_create(const struct check_env *env, const struct check_target *target,
				const struct config_check *config)
{
	struct tcp *tcp = calloc(1, sizeof(*tcp));

	if (!tcp)
		return NULL;
	tcp->base = env->base;
	tcp->target = *target;
	tcp->peer_length = address_to_sockaddr(&target->address, config->port, &tcp->peer);
	return &tcp->check;
}

static void tcp_destroy(struct check *check)
{
	tcp_cancel(check);
	free(check);
}

const struct check_kind check_tcp = {
	.create = tcp_create,
	.start = tcp_start,
	.expire = tcp_expire,
	.cancel = tcp_cancel,
	.destroy = tcp_destroy,
};
