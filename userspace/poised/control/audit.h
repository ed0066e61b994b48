/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Every change is logged with who made it, what it was before, and what it is now. Whose turn it
 * is, is a property of the moment: one event loop handles one thing at a time.
 */
#ifndef POISE_AUDIT_H
#define POISE_AUDIT_H

#include <stdbool.h>

struct peer;

/* What changed: a backend (with its service), a service, or neither. Texts may be NULL. */
struct audit_change {
	const char *service, *backend, *interface;
	const char *what;   /* "weight", "added", "drained" */
	const char *before; /* NULL: there was none */
	const char *after;  /* NULL: there is none */
	const char *by;	    /* NULL: whose turn it is */
	const char *why;    /* NULL: nothing more is to be said */
	bool warning;	    /* of that level, else info */
	const char *text;   /* the whole in words, its subject too; NULL: made of the others */
};

/*
 * Logs one line: "change: backend 'web/app-01': weight 100 -> 50, by alice (uid 1001, pid 4711)".
 * Without before "WHAT: AFTER", without after "WHAT (was BEFORE)"; with why ": WHY" follows.
 */
void audit_change(const struct audit_change *change);

/* Logs a change that is known as a sentence only. */
void audit_line(const char *text);

/* Who makes the changes until audit_end(): a client of the control socket (borrowed), or poised
 * itself for a cause: "signal SIGHUP", "start". Without either it is "poised". Do not nest. */
void audit_begin(const struct peer *peer);
void audit_begin_cause(const char *cause);
void audit_end(void);

#endif
