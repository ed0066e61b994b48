/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The conversation of a check, step by step as its socket becomes ready. Memory is bounded: an
 * answer passes through a buffer on the stack, and its protocol keeps what it needs of it.
 */
#include "check_stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { READ_BYTES = 4096, KIB = 1024 };

/* How a step ended. AGAIN: the socket is waited for. */
enum step { STEP_AGAIN, STEP_ON, STEP_PASSED, STEP_FAILED, STEP_CLOSED, STEP_LARGE, STEP_TLS };

int stream_init(struct stream *stream, const struct stream_protocol *protocol,
		const struct check_env *env, const struct check_target *target,
		const struct config_check *config)
{
	stream->protocol = protocol;
	stream->base = env->base;
	stream->target = *target;
	stream->peer_length = address_to_sockaddr(&target->address, config->port, &stream->peer);
	stream->fd = -1;
	if (!config->tls.on)
		return 0;
	stream->tls = tls_client_new(env->tls, &config->tls);
	stream->note = malloc(sizeof(*stream->note));
	return stream->tls && stream->note ? 0 : -ENOMEM;
}

void stream_fini(struct stream *stream)
{
	stream_cancel(&stream->check);
	tls_client_free(stream->tls);
	free(stream->note);
}

void stream_send(struct stream *stream, const void *data, size_t length)
{
	stream->out = data;
	stream->out_length = length;
}

void stream_begin_tls(struct stream *stream)
{
	stream->phase = STREAM_HANDSHAKE;
}

void stream_cancel(struct check *check)
{
	struct stream *stream = (struct stream *)check;

	if (stream->phase == STREAM_IDLE)
		return;
	stream->phase = STREAM_IDLE;
	tls_session_free(stream->session);
	stream->session = NULL;
	if (stream->event)
		event_free(stream->event);
	stream->event = NULL;
	if (stream->fd >= 0)
		check_close(stream->fd);
	stream->fd = -1;
}

void stream_destroy(struct check *check)
{
	struct stream *stream = (struct stream *)check;

	stream->protocol->destroy(stream);
}

/* The ends of a check: it is over before it is reported, and touched no more after that. */

static void end_passed(struct stream *stream)
{
	char warning[HEALTH_ERROR_BYTES];

	stream_cancel(&stream->check);
	if (stream->tls && tls_ends_soon(stream->note, warning))
		check_warn(&stream->check, "%s", warning);
	check_pass(&stream->check);
}

static void end_tls(struct stream *stream)
{
	stream_cancel(&stream->check);
	if (stream->note->not_run)
		check_not_run(&stream->check, "%s", stream->note->error);
	else
		check_fail(&stream->check, "%s", stream->note->error);
}

static void end_closed(struct stream *stream)
{
	const char *text = stream->phase == STREAM_HANDSHAKE ? CHECK_TEXT_TLS_CLOSED
			   : stream->received		     ? stream->protocol->closed
							     : CHECK_TEXT_CLOSED;

	stream_cancel(&stream->check);
	check_fail(&stream->check, "%s", text);
}

static void end_errno(struct stream *stream, int error)
{
	stream_cancel(&stream->check);
	check_fail_errno(&stream->check, error);
}

static void end_large(struct stream *stream)
{
	stream_cancel(&stream->check);
	check_fail(&stream->check, CHECK_TEXT_ANSWER_LARGE, stream->protocol->limit_kib);
}

static void end_failed(struct stream *stream)
{
	stream_cancel(&stream->check);
	stream->protocol->fail(stream);
}

/* A negative errno stands for itself. */
static void end(struct stream *stream, int step)
{
	switch (step) {
	case STEP_PASSED:
		end_passed(stream);
		break;
	case STEP_FAILED:
		end_failed(stream);
		break;
	case STEP_CLOSED:
		end_closed(stream);
		break;
	case STEP_LARGE:
		end_large(stream);
		break;
	case STEP_TLS:
		end_tls(stream);
		break;
	default:
		end_errno(stream, -step);
	}
}

static int step_of_verdict(enum stream_verdict verdict)
{
	return verdict == STREAM_PASSED	  ? STEP_PASSED
	       : verdict == STREAM_FAILED ? STEP_FAILED
					  : STEP_ON;
}

static int step_of_tls(struct stream *stream, enum tls_result result)
{
	switch (result) {
	case TLS_DONE:
		return STEP_ON;
	case TLS_WANTS_READ:
		return STEP_AGAIN;
	case TLS_WANTS_WRITE:
		stream->wants_write = true;
		return STEP_AGAIN;
	case TLS_CLOSED:
		return STEP_CLOSED;
	case TLS_SYSTEM:
		return -errno;
	default:
		return STEP_TLS;
	}
}

static int step_of_errno(int error)
{
	return error == EAGAIN || error == EINTR ? STEP_AGAIN : -error;
}

static int connect_step(struct stream *stream)
{
	int error = stream->error;
	socklen_t length = sizeof(error);

	if (!error && getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0)
		error = errno;
	if (error)
		return -error;
	if (stream->tls && !stream->protocol->asks_for_tls) {
		stream->phase = STREAM_HANDSHAKE;
		return STEP_ON;
	}
	stream->phase = STREAM_TALK;
	return step_of_verdict(stream->protocol->ready(stream));
}

static int handshake_step(struct stream *stream)
{
	int step;

	if (!stream->session)
		stream->session = tls_session_new(stream->tls, stream->fd, stream->note);
	if (!stream->session)
		return STEP_TLS;
	step = step_of_tls(stream, tls_handshake(stream->session));
	if (step != STEP_ON)
		return step;
	stream->phase = STREAM_TALK;
	return step_of_verdict(stream->protocol->ready(stream));
}

static int send_some(struct stream *stream, size_t *count)
{
	ssize_t sent;

	if (stream->session)
		return step_of_tls(
			stream, tls_write(stream->session, stream->out, stream->out_length, count));
	sent = send(stream->fd, stream->out, stream->out_length, MSG_NOSIGNAL);
	*count = sent < 0 ? 0 : (size_t)sent;
	if (sent >= 0)
		return STEP_ON;
	stream->wants_write = true;
	return step_of_errno(errno);
}

static int send_step(struct stream *stream)
{
	size_t count = 0;
	int step;

	while (stream->out_length) {
		step = send_some(stream, &count);
		if (step != STEP_ON)
			return step;
		stream->out += count;
		stream->out_length -= count;
	}
	return STEP_ON;
}

static int receive_some(struct stream *stream, uint8_t *data, size_t *count)
{
	ssize_t received;

	if (stream->session)
		return step_of_tls(stream, tls_read(stream->session, data, READ_BYTES, count));
	received = recv(stream->fd, data, READ_BYTES, 0);
	if (received < 0)
		return step_of_errno(errno);
	*count = (size_t)received;
	return received ? STEP_ON : STEP_CLOSED;
}

static int receive_step(struct stream *stream)
{
	uint8_t data[READ_BYTES];
	size_t count = 0, room = stream->protocol->limit_kib * KIB - stream->received;
	int step = receive_some(stream, data, &count);

	if (step != STEP_ON)
		return step;
	stream->received += count;
	step = step_of_verdict(
		stream->protocol->arrived(stream, data, count < room ? count : room));
	return step == STEP_ON && count >= room ? STEP_LARGE : step;
}

static int talk_step(struct stream *stream)
{
	int step = send_step(stream);

	/* what does not fit into the socket's buffer waits for what the peer has to say first */
	return step == STEP_ON || step == STEP_AGAIN ? receive_step(stream) : step;
}

static int next_step(struct stream *stream)
{
	switch (stream->phase) {
	case STREAM_PREPARED:
		return STEP_FAILED;
	case STREAM_CONNECTING:
		return connect_step(stream);
	case STREAM_HANDSHAKE:
		return handshake_step(stream);
	default:
		return talk_step(stream);
	}
}

static void socket_ready(evutil_socket_t fd, short what, void *context);

static int wait_for(struct stream *stream, short events)
{
	if (stream->waits_for == events)
		return 0;
	event_del(stream->event);
	stream->waits_for = events;
	if (event_assign(stream->event, stream->base, stream->fd, events | EV_PERSIST, socket_ready,
			 stream) != 0)
		return -ENOMEM;
	return event_add(stream->event, NULL) == 0 ? 0 : -ENOMEM;
}

/* Until the socket has no more: an answer is bounded by the protocol's limit. */
static void socket_ready(evutil_socket_t fd, short what, void *context)
{
	struct stream *stream = context;
	int step;

	(void)fd;
	(void)what;
	stream->wants_write = false;
	do
		step = next_step(stream);
	while (step == STEP_ON);
	if (step == STEP_AGAIN)
		step = wait_for(stream, EV_READ | (stream->wants_write ? EV_WRITE : 0));
	if (step != STEP_AGAIN)
		end(stream, step);
}

static int open_socket(struct stream *stream)
{
	int r;

	stream->fd = socket(stream->peer.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC,
			    IPPROTO_TCP);
	if (stream->fd < 0)
		return -errno;
	r = check_target_socket(&stream->target, stream->fd);
	if (r)
		return r;
	stream->waits_for = EV_WRITE;
	stream->event =
		event_new(stream->base, stream->fd, EV_WRITE | EV_PERSIST, socket_ready, stream);
	if (!stream->event)
		return -ENOMEM;
	stream->phase = STREAM_CONNECTING;
	stream->error = 0;
	if (connect(stream->fd, (struct sockaddr *)&stream->peer, stream->peer_length) != 0 &&
	    errno != EINPROGRESS)
		stream->error = errno;
	if (stream->error)
		event_active(stream->event, EV_WRITE, 0);
	else if (event_add(stream->event, NULL) != 0)
		return -ENOMEM;
	return 0;
}

/* The protocol could not begin; that is told from the event loop. */
static int report_later(struct stream *stream)
{
	stream->event = event_new(stream->base, -1, 0, socket_ready, stream);
	if (!stream->event)
		return -ENOMEM;
	event_active(stream->event, EV_TIMEOUT, 0);
	return 0;
}

int stream_start(struct check *check)
{
	struct stream *stream = (struct stream *)check;
	int r = stream->protocol->prepare ? stream->protocol->prepare(stream) : 0;

	stream->phase = STREAM_PREPARED;
	stream->out_length = stream->received = 0;
	if (r == 0)
		r = open_socket(stream);
	else if (r == -ECANCELED)
		r = report_later(stream);
	if (r)
		stream_cancel(check);
	return r;
}

void stream_expire(struct check *check)
{
	struct stream *stream = (struct stream *)check;
	enum stream_phase phase = stream->phase;

	stream_cancel(check);
	if (phase == STREAM_HANDSHAKE)
		check_fail(check, CHECK_TEXT_TIMEOUT_TLS, check->timeout_ms);
	else if (phase != STREAM_TALK)
		check_fail_connecting(check);
	else if (!stream->received)
		check_fail(check, CHECK_TEXT_TIMEOUT_ANSWER, check->timeout_ms);
	else
		check_fail(check, stream->protocol->late, check->timeout_ms);
}
