/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "client.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "poise.h"
#include "poise_version.h"
#include "release.h"
#include "text.h"

enum { PROTOCOL_VERSION = 1, FIRST_BYTES = 65536, RETRY_MS = 20 };

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* 0 when fd is ready, or -ETIMEDOUT. */
static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd wait = { .fd = fd, .events = events };
	int64_t left;

	while ((left = deadline - now_ms()) > 0)
		if (poll(&wait, 1, left) > 0)
			return 0;
	return -ETIMEDOUT;
}

static int connect_to(const char *path, int64_t deadline)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, error;

	if (!*path)
		return -ENOENT;
	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	while (connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		error = errno;
		if (error != EAGAIN || now_ms() >= deadline) { /* EAGAIN: many others connect too */
			close(fd);
			return error == EAGAIN ? -ETIMEDOUT : -error;
		}
		poll(NULL, 0, RETRY_MS);
	}
	return fd;
}

static int send_all(int fd, const char *data, size_t length, int64_t deadline)
{
	while (length) {
		ssize_t sent = send(fd, data, length, MSG_NOSIGNAL);

		if (sent < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (sent < 0 && wait_for(fd, POLLOUT, deadline))
			return -ETIMEDOUT;
		if (sent > 0) {
			data += sent;
			length -= sent;
		}
	}
	return 0;
}

/* What came from poised: a line, and what may have come behind it. */
struct received {
	char *bytes; /* to be free()d */
	size_t line; /* bytes of it, without the newline */
	size_t held; /* bytes in all */
};

/* Reads a line. 0 or a negative errno. */
static int receive_line(int fd, int64_t deadline, struct received *out)
{
	size_t room = FIRST_BYTES, held = 0;
	char *line = require_memory(malloc(room)), *end = NULL;
	int result = 0;

	while (!end) {
		ssize_t got;

		if (held == room && room >= CLIENT_MAX_ANSWER_BYTES) {
			result = -EMSGSIZE;
			break;
		}
		if (held == room)
			line = require_memory(realloc(line, room *= 2));
		got = recv(fd, line + held, room - held, 0);
		if (got > 0) {
			end = memchr(line + held, '\n', got);
			held += got;
		} else if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
			result = got ? -errno : -ENODATA;
			break;
		}
		if (now_ms() >= deadline || (got < 0 && wait_for(fd, POLLIN, deadline))) {
			result = end ? 0 : -ETIMEDOUT;
			break;
		}
	}
	if (result) {
		free(line);
		return result;
	}
	*out = (struct received){ line, end - line, held };
	return 0;
}

static int exchange(int fd, const char *request, int64_t deadline, struct received *answer)
{
	int result = send_all(fd, request, strlen(request), deadline);

	/* A poised that turns a client away answers and closes without reading. */
	if (result && result != -EPIPE && result != -ECONNRESET)
		return result;
	return receive_line(fd, deadline, answer);
}

int client_connect(const char *socket_path, int timeout_ms)
{
	return connect_to(socket_path, now_ms() + timeout_ms);
}

char *client_describe(const char *path, int error, int timeout_ms)
{
	switch (error) {
	case -ENOENT:
		return text_format("cannot reach poised: there is no socket \"%s\": start poised, "
				   "or name its socket by --socket",
				   path);
	case -ECONNREFUSED:
		return text_format("cannot reach poised: nobody listens on \"%s\": poised is not "
				   "running, start it",
				   path);
	case -EACCES:
	case -EPERM:
		return text_format("cannot reach poised: no permission for \"%s\": run poise as "
				   "root, or as a member of the socket's group",
				   path);
	case -ETIMEDOUT:
		return text_format("poised on \"%s\" did not answer within %d s: see its log", path,
				   timeout_ms / 1000);
	case -ENODATA:
		return text_format("poised on \"%s\" ended the connection without an answer: see "
				   "its log, and whether it still runs",
				   path);
	case -EMSGSIZE:
		return text_format("the answer on \"%s\" is larger than %d MiB: is that poised?",
				   path, CLIENT_MAX_ANSWER_BYTES >> 20);
	default:
		return text_format("cannot reach poised on \"%s\": %s: is it running, and is that "
				   "its socket?",
				   path, strerror(-error));
	}
}

static int not_understood(const char *path, const char *why, struct client_answer *answer)
{
	answer->error = text_format("the answer on \"%s\" is not understood (%s): are poise and "
				    "poised of the same release?",
				    path, why);
	return EXIT_UNREACHABLE;
}

static int other_protocol(const char *path, json_int_t version, struct client_answer *answer)
{
	answer->error = text_format("poised on \"%s\" speaks version %lld of the control protocol, "
				    "this poise (%s) version %d: use the poise that came with it",
				    path, (long long)version, POISE_VERSION, PROTOCOL_VERSION);
	return EXIT_UNREACHABLE;
}

static bool all_strings(const json_t *lines)
{
	for (size_t i = 0; i < json_array_size(lines); i++)
		if (!json_is_string(json_array_get(lines, i)))
			return false;
	return json_is_array(lines);
}

/* Fills answer from an envelope. */
static int open_envelope(const char *path, const json_t *envelope, struct client_answer *answer)
{
	const json_t *version = json_object_get(envelope, "version");
	const json_t *ok = json_object_get(envelope, "ok");
	const char *error = json_string_value(json_object_get(envelope, "error"));
	json_t *result = json_object_get(envelope, "result");
	json_t *lines = json_object_get(envelope, "errors");

	if (!json_is_integer(version))
		return not_understood(path, "it names no protocol version", answer);
	if (json_integer_value(version) != PROTOCOL_VERSION)
		return other_protocol(path, json_integer_value(version), answer);
	if (json_is_true(ok) && json_is_object(result)) {
		answer->result = json_incref(result);
		return EXIT_DONE;
	}
	if (!json_is_false(ok) || !error || (lines && !all_strings(lines)))
		return not_understood(path, "it has neither a result nor an error", answer);
	answer->error = require_memory(strdup(error));
	answer->lines = json_incref(lines);
	return EXIT_REFUSED;
}

char *client_request(const char *command, json_t *arguments)
{
	json_t *request = require_memory(json_pack("{s:i, s:s, s:o}", "version", PROTOCOL_VERSION,
						   "command", command, "arguments",
						   arguments ? arguments : json_object()));
	char *text = require_memory(json_dumps(request, JSON_COMPACT));
	char *line = text_format("%s\n", text);

	json_decref(request);
	free(text);
	return line;
}

int client_understand(const char *socket_path, const char *line, size_t length,
		      struct client_answer *answer)
{
	json_error_t where;
	json_t *envelope = json_loadb(line, length, JSON_REJECT_DUPLICATES, &where);
	int result;

	*answer = (struct client_answer){ .result = NULL };
	result = envelope ? open_envelope(socket_path, envelope, answer)
			  : not_understood(socket_path, where.text, answer);
	json_decref(envelope);
	return result;
}

/* fd may be a negative errno instead. */
static int call_on(int fd, const char *socket_path, const char *command, json_t *arguments,
		   int timeout_ms, struct client_answer *answer, struct received *received)
{
	char *request = client_request(command, arguments);
	int result = fd;

	*answer = (struct client_answer){ .result = NULL };
	if (fd >= 0)
		result = exchange(fd, request, now_ms() + timeout_ms, received);
	free(request);
	if (result) {
		answer->error = client_describe(socket_path, result, timeout_ms);
		answer->absent = result == -ENOENT || result == -ECONNREFUSED;
		return EXIT_UNREACHABLE;
	}
	result = client_understand(socket_path, received->bytes, received->line, answer);
	if (result == EXIT_REFUSED)
		release_explain(socket_path, command, answer);
	return result;
}

/* Leaves the descriptor to *fd, a negative errno if there is none. */
static int call(const char *socket_path, const char *command, json_t *arguments, int timeout_ms,
		struct client_answer *answer, struct received *received, int *fd)
{
	*fd = client_connect(socket_path, timeout_ms);
	return call_on(*fd, socket_path, command, arguments, timeout_ms, answer, received);
}

int client_call_on(int fd, const char *socket_path, const char *command, json_t *arguments,
		   int timeout_ms, struct client_answer *answer)
{
	struct received received = { .bytes = NULL };
	int result = call_on(fd, socket_path, command, arguments, timeout_ms, answer, &received);

	free(received.bytes);
	return result;
}

int client_call(const char *socket_path, const char *command, json_t *arguments, int timeout_ms,
		struct client_answer *answer)
{
	struct received received = { .bytes = NULL };
	int fd, result;

	result = call(socket_path, command, arguments, timeout_ms, answer, &received, &fd);
	if (fd >= 0)
		close(fd);
	free(received.bytes);
	return result;
}

int client_open(const char *socket_path, const char *command, json_t *arguments,
		struct client_answer *answer, struct client_rest *rest)
{
	struct received received = { .bytes = NULL };
	int fd, result;

	result = call(socket_path, command, arguments, CLIENT_TIMEOUT_MS, answer, &received, &fd);
	if (result) {
		if (fd >= 0)
			close(fd);
		free(received.bytes);
		return result;
	}
	*rest = (struct client_rest){ fd, received.bytes, received.line + 1, received.held };
	return result;
}

void client_answer_free(struct client_answer *answer)
{
	json_decref(answer->result);
	json_decref(answer->lines);
	free(answer->error);
	*answer = (struct client_answer){ .result = NULL };
}

void client_complain(const struct client_answer *answer)
{
	complain("%s", answer->error);
	for (size_t i = 0; i < json_array_size(answer->lines); i++)
		complain("  %s", json_string_value(json_array_get(answer->lines, i)));
}

int client_ask(const char *socket_path, const char *command, json_t *arguments, json_t **result)
{
	struct client_answer answer;
	int code = client_call(socket_path, command, arguments, CLIENT_TIMEOUT_MS, &answer);

	if (code)
		client_complain(&answer);
	*result = json_incref(answer.result);
	client_answer_free(&answer);
	return code;
}
