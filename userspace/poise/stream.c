/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "stream.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "poise.h"
#include "text.h"

enum { MAX_BYTES = 2 << 20 }; /* poised holds no more back */

struct stream {
	int fd;
	size_t begin, end; /* of what was read and not taken so far */
	char bytes[MAX_BYTES];
};

static const char *find_newline(const struct stream *stream)
{
	return memchr(stream->bytes + stream->begin, '\n', stream->end - stream->begin);
}

bool stream_has_line(const struct stream *stream)
{
	return find_newline(stream) != NULL;
}

/* Reads what has come; 0, or a negative errno: -ENODATA at the end. */
static int fill(struct stream *stream)
{
	struct pollfd wait = { .fd = stream->fd, .events = POLLIN };
	ssize_t got;

	if (stream->begin) {
		memmove(stream->bytes, stream->bytes + stream->begin, stream->end - stream->begin);
		stream->end -= stream->begin;
		stream->begin = 0;
	}
	if (stream->end == sizeof(stream->bytes))
		return -EMSGSIZE;
	if (poll(&wait, 1, -1) < 0)
		return errno == EINTR ? -ENODATA : -errno;
	got = recv(stream->fd, stream->bytes + stream->end, sizeof(stream->bytes) - stream->end, 0);
	if (got < 0)
		return errno == EAGAIN ? 0 : errno == ECONNRESET ? -ENODATA : -errno;
	stream->end += got;
	return got ? 0 : -ENODATA;
}

json_t *stream_next(struct stream *stream, const char **why)
{
	const char *newline;
	json_t *line;
	int err = 0;

	*why = NULL;
	while (!(newline = find_newline(stream)) && !err)
		err = fill(stream);
	if (err) {
		*why = err == -ENODATA ? NULL : strerror(-err);
		return NULL;
	}
	line = json_loadb(stream->bytes + stream->begin, newline - stream->bytes - stream->begin,
			  JSON_REJECT_DUPLICATES, NULL);
	stream->begin = newline - stream->bytes + 1;
	if (!line)
		*why = "a line is not JSON";
	return line;
}

int stream_open(const char *socket_path, const char *command, json_t *arguments,
		struct client_answer *answer, struct stream **out)
{
	struct stream *stream = require_memory(malloc(sizeof(*stream)));
	struct client_rest rest;
	int code = client_open(socket_path, command, arguments, answer, &rest);

	if (code || rest.end - rest.begin > sizeof(stream->bytes)) {
		free(stream);
		return code ? code : EXIT_UNREACHABLE;
	}
	stream->fd = rest.fd;
	stream->begin = 0;
	stream->end = rest.end - rest.begin;
	memcpy(stream->bytes, rest.bytes + rest.begin, stream->end);
	free(rest.bytes);
	*out = stream;
	return code;
}

void stream_close(struct stream *stream)
{
	if (!stream)
		return;
	close(stream->fd);
	free(stream);
}
