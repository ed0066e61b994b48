/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What each kind of connection sends and expects (connection.h). */
#include "connection.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "stream.h"

enum {
	BUFFER = 65536,
};

static unsigned char buffer[BUFFER];

static void end(struct connection *c, enum connection_end how)
{
	if (!c->end)
		c->end = how;
}

static void end_by_errno(struct connection *c)
{
	c->error = errno;
	end(c, c->live || c->kind == KIND_HTTP ? END_RESET : END_REFUSED);
}

static void progress(struct connection *c, int64_t now_ms, bool more_due)
{
	if (c->due_ms && now_ms - c->due_ms > c->stall_ms)
		c->stall_ms = now_ms - c->due_ms;
	c->due_ms = more_due ? now_ms : 0;
}

static void expect(struct connection *c, int64_t now_ms)
{
	if (!c->due_ms)
		c->due_ms = now_ms;
}

static void shut(struct connection *c, int64_t now_ms)
{
	if (c->shut)
		return;
	c->shut = true;
	expect(c, now_ms);
	if (shutdown(c->fd, SHUT_WR))
		end_by_errno(c);
}

/* Sends up to 'len' bytes of the client's sequence. */
static void send_bytes(struct connection *c, uint64_t len)
{
	while (len) {
		size_t n = len < BUFFER ? len : BUFFER;
		ssize_t sent;

		stream_fill(c->id, c->sent, buffer, n);
		sent = send(c->fd, buffer, n, MSG_NOSIGNAL);
		if (sent < 0) {
			if (errno != EAGAIN)
				end_by_errno(c);
			return;
		}
		c->sent += sent;
		len -= sent;
	}
}

static const uint32_t wire_kind[] = {
	[KIND_IDLE] = STREAM_ECHO,
	[KIND_TRICKLE] = STREAM_ECHO,
	[KIND_DOWN] = STREAM_DOWN,
	[KIND_UP] = STREAM_UP,
};

void connection_begin(struct connection *c, int64_t now_ms)
{
	struct stream_hello hello = { .magic = STREAM_MAGIC, .id = c->id, .rate = c->rate };
	char line[64];
	ssize_t len;

	if (c->kind == KIND_HTTP) {
		len = snprintf(line, sizeof(line), "GET /%" PRIx64 " HTTP/1.1\r\n\r\n", c->id);
		if (send(c->fd, line, len, MSG_NOSIGNAL) != len)
			end(c, END_RESET);
	} else {
		hello.kind = wire_kind[c->kind];
		if (send(c->fd, &hello, sizeof(hello), MSG_NOSIGNAL) != sizeof(hello))
			end(c, END_REFUSED);
	}
	expect(c, now_ms);
}

static void greeted(struct connection *c, int64_t now_ms)
{
	struct stream_greeting greeting;

	memcpy(&greeting, c->head, sizeof(greeting));
	if (greeting.magic != STREAM_MAGIC || greeting.id != c->id || !greeting.backend) {
		end(c, END_WRONG);
		return;
	}
	c->live = true;
	c->backend = greeting.backend;
	c->key = stream_server_key(c->id, c->backend);
	c->next_ms = now_ms + c->id % TRICKLE_MS;
	progress(c, now_ms, c->kind == KIND_DOWN);
}

/* The head of an answer over HTTP: 'held' bytes of it are there. */
static void http_head(struct connection *c)
{
	static const char field[] = "X-Backend: ";
	unsigned char *body = memmem(c->head, c->held, "\r\n\r\n", 4), *name;

	if (!body) {
		if (c->held == sizeof(c->head))
			end(c, END_WRONG);
		return;
	}
	name = memmem(c->head, body - c->head, field, strlen(field));
	if (memcmp(c->head, "HTTP/1.1 200", 12) || !name) {
		end(c, END_WRONG);
		return;
	}
	c->backend = strtoul((char *)name + strlen(field), NULL, 10);
	c->key = stream_server_key(c->id, c->backend);
	c->live = true;
	body += 4;
	c->received = c->head + c->held - body;
	if (!stream_right(c->key, 0, body, c->received))
		end(c, END_WRONG);
}

/* Bytes before the connection is live: no more than the head's are read. */
static ssize_t read_head(struct connection *c, int64_t now_ms)
{
	size_t most = c->kind == KIND_HTTP ? sizeof(c->head) : sizeof(struct stream_greeting);
	ssize_t got = recv(c->fd, c->head + c->held, most - c->held, 0);

	if (got <= 0)
		return got;
	c->held += got;
	if (c->kind == KIND_HTTP)
		http_head(c);
	else if (c->held == sizeof(struct stream_greeting))
		greeted(c, now_ms);
	return got;
}

/* Upload: what comes are counts of 8 bytes. */
static void counted(struct connection *c, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		c->head[c->received++ % 8] = buffer[i];
		if (c->received % 8)
			continue;
		memcpy(&c->confirmed, c->head, 8);
		if (c->confirmed > c->sent)
			end(c, END_WRONG);
	}
}

static bool owed(const struct connection *c)
{
	switch (c->kind) {
	case KIND_IDLE:
	case KIND_TRICKLE:
		return c->received < c->wanted;
	case KIND_DOWN:
		return true;
	case KIND_UP:
		return c->confirmed < c->sent || c->shut;
	default:
		return true;
	}
}

static ssize_t read_stream(struct connection *c, int64_t now_ms)
{
	ssize_t got = recv(c->fd, buffer, sizeof(buffer), 0);

	if (got <= 0)
		return got;
	if (c->kind == KIND_UP) {
		counted(c, got);
	} else {
		if (!stream_right(c->key, c->received, buffer, got))
			end(c, END_WRONG);
		c->received += got;
	}
	progress(c, now_ms, owed(c));
	return got;
}

/* The server has closed. */
static void closed(struct connection *c, int64_t now_ms)
{
	bool whole = false;

	switch (c->kind) {
	case KIND_HTTP:
		whole = c->live && c->received == STREAM_PAGE;
		break;
	case KIND_DOWN:
		whole = c->shut;
		break;
	case KIND_UP:
		whole = c->shut && c->confirmed == c->sent;
		break;
	default:
		break;
	}
	progress(c, now_ms, false);
	end(c, whole ? END_WHOLE : END_CLOSED);
}

void connection_read(struct connection *c, int64_t now_ms)
{
	ssize_t got = c->live ? read_stream(c, now_ms) : read_head(c, now_ms);

	if (got == 0)
		closed(c, now_ms);
	else if (got < 0 && errno != EAGAIN)
		end_by_errno(c);
	else if (c->finishing && c->live && !owed(c))
		connection_finish(c, now_ms);
}

static void ask(struct connection *c, uint64_t bytes, int64_t now_ms)
{
	c->wanted += bytes;
	send_bytes(c, c->wanted - c->sent);
	expect(c, now_ms);
}

static void upload(struct connection *c, int64_t now_ms)
{
	c->wanted += (uint64_t)c->rate * STREAM_TICK_MS / 1000;
	send_bytes(c, c->wanted - c->sent);
	expect(c, now_ms);
}

void connection_tick(struct connection *c, int64_t now_ms, int64_t silent_ms)
{
	if (c->due_ms && now_ms - c->due_ms > c->stall_ms)
		c->stall_ms = now_ms - c->due_ms;
	if (c->due_ms && now_ms - c->due_ms > silent_ms) {
		end(c, c->live || c->kind == KIND_HTTP ? END_SILENT : END_REFUSED);
		return;
	}
	if (!c->live || c->finishing)
		return;
	if (c->kind == KIND_UP)
		upload(c, now_ms);
	if (c->kind == KIND_TRICKLE && now_ms >= c->next_ms && !owed(c)) {
		ask(c, TRICKLE_BYTES, now_ms);
		c->next_ms += TRICKLE_MS;
	}
}

void connection_finish(struct connection *c, int64_t now_ms)
{
	bool first = !c->finishing;

	c->finishing = true;
	if (!c->live || c->end)
		return;
	switch (c->kind) {
	case KIND_IDLE:
	case KIND_TRICKLE:
		if (first)
			ask(c, PROOF_BYTES, now_ms);
		else if (!owed(c))
			end(c, END_WHOLE);
		break;
	case KIND_DOWN:
	case KIND_UP:
		shut(c, now_ms);
		break;
	default:
		break;
	}
}
