/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The running daemon: its parts, and what concerns them all: start, reload, detach. */
#ifndef POISE_DAEMON_H
#define POISE_DAEMON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "access.h"
#include "audit_list.h"
#include "lines.h"
#include "privilege.h"

struct balancer;
struct capture;
struct config;
struct control;
struct event_base;
struct loader;
struct ring_ahead;
struct ring_import;
struct state;
struct traced;

struct daemon {
	struct event_base *base;
	struct control *control;
	struct access access;	    /* to the control socket */
	struct privilege_user user; /* that this process is to be */
	bool dropped;		    /* it was root, and has become that user */
	struct loader *loader;
	struct traced *dry;	    /* the program for dry runs, from the first one on */
	struct capture *capture;    /* under way, or NULL */
	struct ring_import *import; /* under way, or NULL */
	struct ring_ahead *ahead;   /* until the balancer has it, or NULL */
	struct balancer *balancer;
	struct state *state;
	char *config_path;   /* absolute */
	const char *history; /* a file, for new maps; NULL: none */
	char *applied_from;  /* what 'apply' called its text; NULL: config_path is in force */
	int64_t started_at;  /* Unix seconds, which tell one start from another */
	int64_t started_ms;  /* of boottime_ms() */
	bool detached;	     /* by command: nothing is balanced any more */
};

/* Starts with a checked configuration, which it takes over. 0 or a negative errno; errors are
 * logged. */
int daemon_start(struct daemon *daemon, struct config *config);
/* Frees everything; the data plane goes on. */
void daemon_stop(struct daemon *daemon);

/* Reads the configuration file anew. 0 with what it changed; or a negative errno with a line an
 * error, and nothing changed. Logged as well. */
int daemon_reload(struct daemon *daemon, struct audit_list *changes, struct lines *errors);

/* The same with a text, whose name stands for it in errors. */
int daemon_apply(struct daemon *daemon, const char *name, const char *text, size_t length,
		 struct audit_list *changes, struct lines *errors);

/* Whether that text, or the file called name if text is NULL, would be applied, as far as can be
 * said without doing it: 0 and the configuration, or a negative errno with a line an error. */
int daemon_try(struct daemon *daemon, const char *name, const char *text, size_t length,
	       struct config **out, struct lines *errors);

/* Removes program and pins, and ends the event loop. 0 or a negative errno. */
int daemon_detach(struct daemon *daemon, FILE *out);

#endif
