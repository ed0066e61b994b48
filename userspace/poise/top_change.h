/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Changes of backends in poise top: each is asked about, by name, before it is made. */
#ifndef POISE_TOP_CHANGE_H
#define POISE_TOP_CHANGE_H

struct top_state;

/* Asks about the backend with the cursor; key: d (drain), u (undrain) or w (weight). */
void top_change_begin(struct top_state *state, int key);
/* Takes the weight that was typed. */
void top_change_set_weight(struct top_state *state);
/* The answer to the question: y makes it, any other key does not. */
void top_change_confirm(struct top_state *state, int key);
/* Asks no more. */
void top_change_drop(struct top_state *state);

/* What the change would do, and the question about it; both to be free()d. */
char *top_change_effect(const struct top_state *state);
char *top_change_question(const struct top_state *state);

#endif
