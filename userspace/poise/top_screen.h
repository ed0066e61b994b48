/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The terminal of poise top (ncurses): frames onto it, keys from it, and its former state back
 * however the program ends, but for SIGKILL.
 */
#ifndef POISE_TOP_SCREEN_H
#define POISE_TOP_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

struct top_frame;

/* False, after a complaint, if the terminal cannot do what is needed. */
bool top_screen_open(void);
void top_screen_close(void); /* nothing, when it is not open */

void top_screen_size(size_t *width, size_t *height);
void top_screen_show(const struct top_frame *frame);

/* The next key that was pressed (top_state.h), or -1; never waits. A new size of the terminal
 * counts as 0, which is no key. */
int top_screen_key(void);

#endif
