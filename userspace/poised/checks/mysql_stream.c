/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libmariadb's input and output are a plugin (ma_pvio.h), which may be made outside of it. Its own
 * one makes sockets that cannot be marked before they connect, and reads as much as a server sends.
 *
 * TLS begins here, too: libmariadb's own handshake would hold up the event loop. The first thing
 * that libmariadb writes is its login, whose beginning is just what asks for TLS; so that is sent
 * alone, and the login once more within TLS. Both sides then count one packet more than libmariadb
 * does.
 *
 * A server chooses what a client does next by the first byte of an answer: a file of the client
 * may be asked for, or room for 2^64 columns be reserved. Neither comes through here.
 */
#include "mysql_stream.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

typedef unsigned char uchar; /* as the headers of libmariadb expect */
#include <ma_pvio.h>

enum {
	PVIO_PLUGIN = 101, /* mysql/client_plugin.h, which lacks a header of its own */
	PVIO_INTERFACE = 0x0100,
	KIB = 1024,
	HEADER_BYTES = 4, /* of a packet: length and sequence number */
	SEQUENCE = 3,
	MAX_COLUMNS = 0xfa,
	ERROR_MARK = 0xff,
	REQUEST_BYTES = HEADER_BYTES + 32, /* what of a login asks for TLS, and its header */
	CAPABILITIES = HEADER_BYTES,	   /* where they are, little endian */
	WITH_TLS = 0x08,		   /* in their second byte */
	PIECE_BYTES = 4096,
};

struct pvio_plugin {
	MYSQL_CLIENT_PLUGIN_HEADER
	PVIO_METHODS *methods;
};

static char stream_key[] = "poise_stream"; /* of MARIADB_OPT_USERDATA */

static my_bool set_timeout(MARIADB_PVIO *pvio, enum enum_pvio_timeout type, int seconds)
{
	pvio->timeout[type] = seconds > 0 ? seconds * 1000 : -1;
	return 0;
}

static int get_timeout(MARIADB_PVIO *pvio, enum enum_pvio_timeout type)
{
	return pvio->timeout[type] / 1000;
}

/* The first packet of an answer to a query: an error, nothing, or a number of columns. */
static bool is_acceptable(struct mysql_stream *stream, const uint8_t *data, size_t length)
{
	uint8_t first;

	if (!stream->asked)
		return true;
	while (length > 0 && stream->head_used < MYSQL_STREAM_HEAD_BYTES) {
		stream->head[stream->head_used++] = *data++;
		length--;
	}
	if (stream->head_used < MYSQL_STREAM_HEAD_BYTES)
		return true;
	stream->asked = false;
	first = stream->head[HEADER_BYTES];
	return first <= MAX_COLUMNS || first == ERROR_MARK;
}

static ssize_t fail(struct mysql_stream *stream, int error)
{
	if (!stream->error)
		stream->error = error;
	errno = error;
	return -1;
}

/* What TLS says, as a system call would. */
static ssize_t result_of_tls(struct mysql_stream *stream, enum tls_result result, size_t count)
{
	switch (result) {
	case TLS_DONE:
		return count;
	case TLS_WANTS_READ:
	case TLS_WANTS_WRITE:
		stream->waits = result == TLS_WANTS_READ ? EV_READ : EV_WRITE;
		errno = EAGAIN;
		return -1;
	case TLS_CLOSED:
		stream->closed = true;
		return 0;
	case TLS_SYSTEM:
		return fail(stream, errno);
	case TLS_FAILED:
		break;
	}
	stream->cut = true;
	errno = ECONNABORTED;
	return -1;
}

/* Sequence numbers as libmariadb counts them, in bytes that came. */
static void shift_back(struct mysql_stream *stream, uint8_t *data, size_t length)
{
	struct mysql_place *place = &stream->reading;

	for (size_t i = 0; i < length; i++) {
		if (place->left > 0) {
			place->left--;
		} else if (place->header_used < SEQUENCE) {
			place->size |= (uint32_t)data[i] << 8 * place->header_used++;
		} else {
			data[i] -= stream->shift;
			place->left = place->size;
			place->size = place->header_used = 0;
		}
	}
}

static ssize_t receive_tls(struct mysql_stream *stream, uint8_t *buffer, size_t length)
{
	size_t count = 0;
	enum tls_result result = tls_read(stream->session, buffer, length, &count);
	ssize_t got = result_of_tls(stream, result, count);

	if (got > 0)
		shift_back(stream, buffer, got);
	return got;
}

static ssize_t receive(struct mysql_stream *stream, uint8_t *buffer, size_t length)
{
	ssize_t got;

	if (stream->before_left > 0) {
		got = length < stream->before_left ? length : stream->before_left;
		memcpy(buffer, stream->before, got);
		stream->before += got;
		stream->before_left -= got;
		return got;
	}
	if (stream->secrecy == MYSQL_SECURE)
		return receive_tls(stream, buffer, length);
	got = recv(stream->fd, buffer, length, MSG_DONTWAIT);
	if (got < 0 && errno != EAGAIN && errno != EINTR)
		return fail(stream, errno);
	stream->closed |= got == 0;
	return got;
}

static ssize_t stream_read(MARIADB_PVIO *pvio, uchar *buffer, size_t length)
{
	struct mysql_stream *stream = pvio->data;
	ssize_t got;

	if (stream->cut) {
		errno = ECONNABORTED;
		return -1;
	}
	got = receive(stream, buffer, length);
	if (got <= 0)
		return got;
	stream->received += got;
	stream->too_much |= stream->received > MYSQL_STREAM_KIB * KIB;
	stream->malformed |= !is_acceptable(stream, buffer, got);
	if (!stream->too_much && !stream->malformed)
		return got;
	stream->cut = true;
	errno = ECONNABORTED;
	return -1;
}

/* 0 or -1 with errno. */
static int ask_for_tls(struct mysql_stream *stream, const uint8_t *login, size_t length)
{
	uint8_t request[REQUEST_BYTES];

	if (length < REQUEST_BYTES)
		return fail(stream, EPROTO);
	memcpy(request, login, REQUEST_BYTES);
	request[0] = REQUEST_BYTES - HEADER_BYTES;
	request[1] = request[2] = 0;
	request[CAPABILITIES + 1] |= WITH_TLS;
	if (send(stream->fd, request, REQUEST_BYTES, MSG_NOSIGNAL) != REQUEST_BYTES)
		return fail(stream, errno);
	stream->session = tls_session_new(stream->tls, stream->fd, stream->note);
	if (!stream->session)
		return result_of_tls(stream, TLS_FAILED, 0);
	stream->secrecy = MYSQL_HANDSHAKE;
	return 0;
}

static int shake_hands(struct mysql_stream *stream)
{
	enum tls_result result = tls_handshake(stream->session);

	if (result == TLS_CLOSED) { /* an error of the write that it is part of */
		stream->closed = stream->cut = true;
		errno = ECONNABORTED;
		return -1;
	}
	if (result != TLS_DONE)
		return result_of_tls(stream, result, 0);
	stream->secrecy = MYSQL_SECURE;
	stream->shift = 1;
	return 0;
}

/* What libmariadb writes begins with a packet's header, or goes on where the last piece ended. */
static ssize_t send_tls(struct mysql_stream *stream, const uint8_t *buffer, size_t length)
{
	struct mysql_place *place = &stream->writing;
	uint8_t piece[PIECE_BYTES];
	enum tls_result result;
	size_t count = 0;
	ssize_t sent;

	if (length > sizeof(piece))
		length = sizeof(piece);
	memcpy(piece, buffer, length);
	if (place->left == 0 && length >= HEADER_BYTES) {
		place->size = HEADER_BYTES + (piece[0] | piece[1] << 8 | (uint32_t)piece[2] << 16);
		if (piece[SEQUENCE] == 0)
			stream->shift = 0;
		piece[SEQUENCE] += stream->shift;
	}
	result = tls_write(stream->session, piece, length, &count);
	sent = result_of_tls(stream, result, count);
	if (sent > 0) {
		if (place->left == 0)
			place->left = place->size;
		place->left -= (size_t)sent < place->left ? (size_t)sent : place->left;
	}
	return sent;
}

static ssize_t transmit(struct mysql_stream *stream, const uint8_t *buffer, size_t length)
{
	ssize_t sent;

	if (stream->tls && stream->secrecy == MYSQL_PLAIN &&
	    ask_for_tls(stream, buffer, length) != 0)
		return -1;
	if (stream->secrecy == MYSQL_HANDSHAKE && shake_hands(stream) != 0)
		return -1;
	if (stream->secrecy == MYSQL_SECURE)
		return send_tls(stream, buffer, length);
	sent = send(stream->fd, buffer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (sent < 0 && errno != EAGAIN && errno != EINTR)
		return fail(stream, errno);
	return sent;
}

static ssize_t stream_write(MARIADB_PVIO *pvio, const uchar *buffer, size_t length)
{
	struct mysql_stream *stream = pvio->data;
	ssize_t sent;

	if (stream->cut) {
		errno = ECONNABORTED;
		return -1;
	}
	sent = transmit(stream, buffer, length);
	/* a command begins a sequence of packets anew */
	if (sent >= HEADER_BYTES && buffer[SEQUENCE] == 0) {
		stream->asked = true;
		stream->head_used = 0;
	}
	return sent;
}

/* Asked by what does not know how to wait otherwise, such as libmariadb's TLS. */
static int wait_io(MARIADB_PVIO *pvio, my_bool is_read, int timeout)
{
	(void)pvio;
	(void)is_read;
	(void)timeout;
	return -1;
}

static int set_blocking(MARIADB_PVIO *pvio, my_bool block, my_bool *before)
{
	(void)pvio;
	(void)block;
	if (before)
		*before = 1;
	return 0;
}

static my_bool is_blocking(MARIADB_PVIO *pvio)
{
	(void)pvio;
	return 1;
}

static my_bool stream_connect(MARIADB_PVIO *pvio, MA_PVIO_CINFO *info)
{
	void *stream = NULL;

	pvio->mysql = info->mysql;
	pvio->type = info->type;
	if (mysql_get_optionv(info->mysql, MARIADB_OPT_USERDATA, stream_key, &stream) != 0 ||
	    !stream)
		return 1;
	pvio->data = stream;
	return 0;
}

static my_bool stream_close(MARIADB_PVIO *pvio)
{
	pvio->data = NULL;
	return 0;
}

static int do_nothing(MARIADB_PVIO *pvio)
{
	(void)pvio;
	return 0;
}

static my_bool get_handle(MARIADB_PVIO *pvio, void *handle)
{
	struct mysql_stream *stream = pvio->data;

	if (stream)
		*(my_socket *)handle = stream->fd;
	return !stream;
}

static my_bool is_alive(MARIADB_PVIO *pvio)
{
	struct mysql_stream *stream = pvio->data;

	return stream && !stream->cut;
}

static my_bool has_data(MARIADB_PVIO *pvio, ssize_t *length)
{
	(void)pvio;
	*length = 0;
	return 0;
}

static struct st_ma_pvio_methods methods = {
	.set_timeout = set_timeout,
	.get_timeout = get_timeout,
	.read = stream_read,
	.async_read = stream_read,
	.write = stream_write,
	.async_write = stream_write,
	.wait_io_or_timeout = wait_io,
	.blocking = set_blocking,
	.connect = stream_connect,
	.close = stream_close,
	.fast_send = do_nothing,
	.keepalive = do_nothing,
	.get_handle = get_handle,
	.is_blocking = is_blocking,
	.is_alive = is_alive,
	.has_data = has_data,
	.shutdown = do_nothing,
};

void mysql_stream_end(struct mysql_stream *stream)
{
	tls_session_free(stream->session);
	stream->session = NULL;
}

int mysql_stream_use(struct mysql_stream *stream, MYSQL *mysql)
{
	struct pvio_plugin *plugin =
		(struct pvio_plugin *)mysql_client_find_plugin(mysql, "pvio_socket", PVIO_PLUGIN);

	if (!plugin || plugin->interface_version != PVIO_INTERFACE)
		return -ENOTSUP;
	plugin->methods = &methods;
	if (mysql_optionsv(mysql, MARIADB_OPT_USERDATA, stream_key, stream) != 0)
		return -ENOMEM;
	return 0;
}
