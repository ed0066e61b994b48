/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Writes one file, again and again, in a thread, so that no event waits for a disk. */
#ifndef POISE_STATE_WRITER_H
#define POISE_STATE_WRITER_H

#include <stdbool.h>

struct event_base;
struct state_writer;

/* done is called from the event loop, or from state_writer_wait(), with 0 or a negative errno: once
 * the file is replaced and on the disk, or is as it was. path is borrowed. 0 or -errno. */
int state_writer_new(struct event_base *base, const char *path,
		     void (*done)(void *context, int err), void *context,
		     struct state_writer **out);
/* Takes text. Not while it is busy. Where no thread can be had, this one writes. */
void state_writer_begin(struct state_writer *writer, char *text);
bool state_writer_is_busy(const struct state_writer *writer);
/* Returns when it is not busy any more, and done was called. */
void state_writer_wait(struct state_writer *writer);
/* Not while it is busy. Takes NULL. */
void state_writer_free(struct state_writer *writer);

#endif
