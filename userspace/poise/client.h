/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One question to poised over its control socket (docs/CONTROL.md). The answer is not trusted: its
 * size, its time and its form are checked.
 */
#ifndef POISE_CLIENT_H
#define POISE_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

enum {
	CLIENT_MAX_ANSWER_BYTES = 256 << 20,
	CLIENT_TIMEOUT_MS = 10 * 1000,
	CLIENT_LONG_TIMEOUT_MS = 60 * 1000, /* where poised has much to do: reload, detach */
};

struct client_answer {
	json_t *result; /* an object, or NULL */
	char *error;	/* why there is none, or NULL */
	json_t *lines;	/* array of strings: more about the error; or NULL */
	bool absent;	/* nobody listens on the socket, or there is none */
};

/* Asks; takes the reference to arguments (NULL: none). Prints nothing.
 * EXIT_DONE with a result; EXIT_REFUSED or EXIT_UNREACHABLE with an error. */
int client_call(const char *socket_path, const char *command, json_t *arguments, int timeout_ms,
		struct client_answer *answer);
void client_answer_free(struct client_answer *answer);

/* A connection whose answer was read, and what has come behind it: the bytes from begin to end. */
struct client_rest {
	int fd;	     /* non-blocking, to be closed */
	char *bytes; /* to be free()d */
	size_t begin, end;
};

/* As client_call(), but with EXIT_DONE the connection goes on. */
int client_open(const char *socket_path, const char *command, json_t *arguments,
		struct client_answer *answer, struct client_rest *rest);

/* The parts of a call, for those who keep a connection and wait for more than it. */
/* Returns a non-blocking socket or a negative errno. */
int client_connect(const char *socket_path, int timeout_ms);
/* As client_call(), on a connection (fd, or the negative errno that client_connect() returned)
 * whose answers were all read. */
int client_call_on(int fd, const char *socket_path, const char *command, json_t *arguments,
		   int timeout_ms, struct client_answer *answer);
/* The line that asks, to be free()d; takes the reference to arguments (NULL: none). */
char *client_request(const char *command, json_t *arguments);
/* Fills answer from a line, without its newline; returns what client_call() does. */
int client_understand(const char *socket_path, const char *line, size_t length,
		      struct client_answer *answer);
/* A sentence, to be free()d, about a negative errno of a connection. */
char *client_describe(const char *socket_path, int error, int timeout_ms);

/* Prints the error and its lines to standard error. */
void client_complain(const struct client_answer *answer);

/* The usual: client_call(), and client_complain() if it fails; *result is a new reference. */
int client_ask(const char *socket_path, const char *command, json_t *arguments, json_t **result);

#endif
