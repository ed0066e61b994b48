/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * One connection of the survival matrix's client: what its kind sends and expects, and when it
 * counts as broken. Does not poll; client.c does, and keeps the counts.
 *
 * Progress is due from the moment at which something was sent that will be answered, or at which
 * the last bytes of a stream came. A stall is the time from there until the next progress.
 */
#ifndef POISE_SURVIVAL_CONNECTION_H
#define POISE_SURVIVAL_CONNECTION_H

#include <stdbool.h>
#include <stdint.h>

/* The kinds, by the name that the matrix shows. */
#define CONNECTION_KINDS(X)                                                                        \
	X(IDLE, "idle")                                                                            \
	X(TRICKLE, "trickle")                                                                      \
	X(DOWN, "download")                                                                        \
	X(UP, "upload")                                                                            \
	X(HTTP, "http")

enum connection_kind {
#define X(id, name) KIND_##id,
	CONNECTION_KINDS(X)
#undef X
		KINDS
};

/* How a connection ended. */
#define CONNECTION_ENDS(X)                                                                         \
	X(WHOLE, "whole")     /* every byte came, and it was closed in order */                    \
	X(REFUSED, "refused") /* it was never established */                                       \
	X(RESET, "reset")                                                                          \
	X(CLOSED, "closed") /* in order, but too early */                                          \
	X(WRONG, "wrong")   /* bytes that are not its own */                                       \
	X(SILENT, "silent") /* no progress for a given time */

enum connection_end {
	END_NONE,
#define X(id, name) END_##id,
	CONNECTION_ENDS(X)
#undef X
		ENDS
};

enum {
	TRICKLE_MS = 1000,
	TRICKLE_BYTES = 16,
	PROOF_BYTES = 512, /* that an idle connection exchanges at its end */
};

struct connection {
	int fd;
	enum connection_kind kind;
	enum connection_end end;
	int error;	     /* errno, if that ended it; else 0 */
	bool live;	     /* the server has greeted */
	bool finishing;	     /* sends no more, and is to be closed in order */
	bool shut;	     /* our FIN was sent */
	unsigned int target; /* of client.c */
	uint32_t backend;    /* 0: not known so far */
	uint32_t rate;	     /* bytes a second */
	uint64_t id, key;    /* key: of the server's bytes */
	uint64_t sent, received;
	uint64_t wanted; /* trickle, idle: bytes that the server owes us; upload: those that should
			    have gone */
	uint64_t confirmed; /* upload: that the server has counted */
	unsigned int held;  /* of 'head' */
	unsigned char head[256];
	int64_t begun_ms;
	int64_t due_ms; /* since when progress is due; 0: it is not */
	int64_t next_ms, stall_ms;
};

/* Of a connected socket: sends the first bytes. */
void connection_begin(struct connection *c, int64_t now_ms);

/* The socket can be read. */
void connection_read(struct connection *c, int64_t now_ms);

/* To be called every STREAM_TICK_MS: sends what is due, and sees who is silent. */
void connection_tick(struct connection *c, int64_t now_ms, int64_t silent_ms);

/* Sends no more, and proves at the end that the connection lives. */
void connection_finish(struct connection *c, int64_t now_ms);

#endif
