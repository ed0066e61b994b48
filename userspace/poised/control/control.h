/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control socket's transport: connections, lines, limits and the JSON envelope of
 * docs/CONTROL.md. Knows no command: a handler answers each request.
 */
#ifndef POISE_CONTROL_H
#define POISE_CONTROL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct access;
struct control;
struct evbuffer;
struct event_base;
struct peer;

enum {
	CONTROL_VERSION = 1,
	CONTROL_MAX_LINE_BYTES = 1 << 20,   /* of a request, without its newline */
	CONTROL_LONG_LINE_BYTES = 20 << 20, /* the same, of one client at a time that may write */
	CONTROL_MAX_CLIENTS = 64,
	CONTROL_RESERVED_CLIENTS = 8, /* of those, for peers who may write */
	CONTROL_ERROR_BYTES = 1024,
};

/* Why a request is refused. */
struct control_error {
	char text[CONTROL_ERROR_BYTES];
	json_t *lines; /* array of strings, or NULL; the transport releases it */
};

/*
 * Handles one request, synchronously, from the event loop. peer (borrowed) may do at least
 * something; whether it may do this is the handler's to check (access_check()). arguments is an
 * object (borrowed, empty when the request had none). Returns a new reference to the result, an
 * object; or NULL after control_refuse(). To stop the daemon after an answer, end the event loop
 * from the handler and call control_free(): it lets the answer leave first.
 */
typedef json_t *(*control_handler)(void *context, const struct peer *peer, const char *command,
				   json_t *arguments, struct control_error *error);

/* Writes the error's text and returns NULL, so that a handler can return it. */
json_t *control_refuse(struct control_error *error, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds one line to the error's lines; on a lack of memory the line is lost. */
void control_refuse_line(struct control_error *error, const char *line);

/*
 * Listens on path, with mode 0660, or 0666 where access (borrowed, it must outlive control) is
 * restricted to groups: then those who may do nothing are turned away. Makes the parent directory
 * (0755) if it is missing, and replaces a socket that nobody listens on. Ignores SIGPIPE for the
 * process. 0; -EADDRINUSE: another process answers there; -ENOTSOCK: path is something else than a
 * socket; -ENAMETOOLONG: a socket's path has at most 107 bytes; or another negative errno.
 */
int control_new(struct event_base *base, const char *path, struct access *access,
		control_handler handler, void *context, struct control **out);

/* After a change of access: sets the socket's mode anew. 0 or a negative errno. */
int control_access_changed(struct control *control);

/*
 * The rest of an answer that is too long for one turn of the event loop: it is made as the client
 * reads it. next() appends some text of it: members of the result behind those that the handler
 * returned, as JSON ("key":value, with commas between members). It returns 1 when there is more, 0
 * when that was all, or a negative errno: the connection ends. It is called from later turns, in
 * which everything may have changed.
 */
struct control_pieces {
	int (*next)(void *context, struct evbuffer *out);
	void (*free)(void *context); /* called once, also when the client goes away */
};

/* From within a handler that will return a result: of the request under way. 0 and context is
 * taken; -EINVAL: there is no request. */
int control_answer_in_pieces(struct control *control, const struct control_pieces *pieces,
			     void *context);

/*
 * What a handler keeps of one request for the next one of the same connection: released when the
 * connection ends, or something else (NULL: nothing) takes its place. From within a handler, of the
 * request under way. -EINVAL, NULL: there is none.
 */
int control_keep(struct control *control, void *kept, void (*release_kept)(void *kept));
void *control_kept(const struct control *control);

/*
 * What waits for something else than its client, whose connection is silent meanwhile. From within
 * a handler, of the request under way:
 * control_defer(): it returns NULL without an error, and the request is handed to it again.
 * control_is_behind(): another one was deferred before this one. NULL is behind nobody.
 * control_hold_answer(): the answer leaves when that number is reached, which is not 0; one that
 * pieces or a stream follow does not wait. NULL holds nothing.
 */
void control_defer(struct control *control);
bool control_is_behind(const struct control *control);
void control_hold_answer(struct control *control, uint64_t number);
/* That number is reached: answers leave, and deferred requests are handed over again, in their
 * order. Not from within a handler. */
void control_resume(struct control *control, uint64_t number);

/*
 * A connection whose lines go one way: to the client, after the answer to the request that asked
 * for them. It ends when the client closes its side, or stalls; then 'ended' is called, once, from
 * the event loop or control_free(), and the stream is no more.
 */
struct control_stream;

/* From within a handler that will return a result: of the request under way. NULL: there is none.
 */
struct control_stream *control_stream_begin(struct control *control, void (*ended)(void *context),
					    void *context);
/* One line, given without its newline; false: it is lost, for the client reads too slowly. */
bool control_stream_send(struct control_stream *stream, const char *line, size_t length);
/* Ends the stream with a last line (length 0: none) when all has left; 'ended' is not called. */
void control_stream_end(struct control_stream *stream, const char *line, size_t length);

/* Gives the socket's file to the user that poised becomes. 0 or a negative errno. */
int control_give(struct control *control, uid_t uid, gid_t gid);

unsigned control_client_count(const struct control *control);

/* Times after which a connection is closed, in ms. */
struct control_limits {
	unsigned line_ms;  /* from a line's first byte to its end: 10 s */
	unsigned idle_ms;  /* without a request, or for an answer to be read: 5 min */
	unsigned stall_ms; /* without progress in reading an answer: 30 s */
};

/* For connections made from now on; the defaults are those above. */
void control_set_limits(struct control *control, const struct control_limits *limits);

/* Lets answers under way leave for at most a second, closes every connection, and removes the
 * socket if it is still the one made here. Takes NULL. */
void control_free(struct control *control);

#endif
