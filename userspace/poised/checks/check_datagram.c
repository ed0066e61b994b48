/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A socket for each check, connected: the kernel then drops what others send, and tells of ICMP
 * errors. Nothing is sent twice; 'fall' is there for what the network loses.
 */
#include "check_datagram.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

void datagram_init(struct datagram *datagram, const struct datagram_protocol *protocol,
		   const struct check_env *env, const struct check_target *target,
		   const struct config_check *config)
{
	datagram->protocol = protocol;
	datagram->base = env->base;
	datagram->target = *target;
	datagram->peer_length =
		address_to_sockaddr(&target->address, config->port, &datagram->peer);
}

void datagram_cancel(struct check *check)
{
	struct datagram *datagram = (struct datagram *)check;

	if (!datagram->event)
		return;
	event_free(datagram->event);
	datagram->event = NULL;
	close(datagram->fd);
}

void datagram_destroy(struct check *check)
{
	struct datagram *datagram = (struct datagram *)check;

	datagram->protocol->destroy(datagram);
}

static void end_errno(struct datagram *datagram, int error)
{
	datagram_cancel(&datagram->check);
	check_fail_errno(&datagram->check, error);
}

static void end(struct datagram *datagram, enum datagram_verdict verdict)
{
	datagram_cancel(&datagram->check);
	if (verdict == DATAGRAM_PASSED)
		check_pass(&datagram->check);
	else if (datagram->foreign > CHECK_DATAGRAM_MAX_FOREIGN)
		check_fail(&datagram->check, CHECK_TEXT_FOREIGN, datagram->foreign);
	else
		datagram->protocol->fail(datagram);
}

static enum datagram_verdict judge(struct datagram *datagram, const uint8_t *data, size_t length)
{
	enum datagram_verdict verdict = datagram->protocol->arrived(datagram, data, length);

	if (verdict == DATAGRAM_OPEN && ++datagram->foreign > CHECK_DATAGRAM_MAX_FOREIGN)
		return DATAGRAM_FAILED;
	return verdict;
}

static void socket_readable(evutil_socket_t fd, short what, void *context)
{
	struct datagram *datagram = context;
	enum datagram_verdict verdict = DATAGRAM_OPEN;
	uint8_t data[CHECK_DATAGRAM_BYTES];
	ssize_t length;

	(void)what;
	if (datagram->error) {
		end_errno(datagram, datagram->error);
		return;
	}
	while (verdict == DATAGRAM_OPEN) {
		length = recv(fd, data, sizeof(data), 0);
		if (length < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (length < 0) {
			end_errno(datagram, errno);
			return;
		}
		verdict = judge(datagram, data, (size_t)length);
	}
	end(datagram, verdict);
}

/* An error of the network is the backend's, and told from the event loop. */
static void send_question(struct datagram *datagram)
{
	size_t length;
	const uint8_t *question = datagram->protocol->question(datagram, &length);

	datagram->error = 0;
	datagram->foreign = 0;
	if (connect(datagram->fd, (struct sockaddr *)&datagram->peer, datagram->peer_length) != 0 ||
	    send(datagram->fd, question, length, MSG_NOSIGNAL) < 0)
		datagram->error = errno;
}

int datagram_start(struct check *check)
{
	struct datagram *datagram = (struct datagram *)check;
	int r;

	datagram->fd = socket(datagram->peer.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			      IPPROTO_UDP);
	if (datagram->fd < 0)
		return -errno;
	r = check_target_socket(&datagram->target, datagram->fd);
	if (r)
		goto err_close;
	datagram->event = event_new(datagram->base, datagram->fd, EV_READ | EV_PERSIST,
				    socket_readable, datagram);
	r = -ENOMEM;
	if (!datagram->event)
		goto err_close;
	if (event_add(datagram->event, NULL) != 0)
		goto err_event;
	send_question(datagram);
	if (datagram->error)
		event_active(datagram->event, EV_READ, 0);
	return 0;

err_event:
	event_free(datagram->event);
	datagram->event = NULL;
err_close:
	close(datagram->fd);
	return r;
}

void datagram_expire(struct check *check)
{
	datagram_cancel(check);
	check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
}
