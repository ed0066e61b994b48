/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The frames of a fuzzer's input, each of a byte that says how far the clock goes on before it, two
 * bytes of length (the low one first), and as many bytes; of the last frame as many as there are.
 */
#ifndef POISE_FUZZ_INPUT_H
#define POISE_FUZZ_INPUT_H

#include <stddef.h>
#include <stdint.h>

enum { INPUT_MAX_FRAMES = 64 };

struct input {
	const uint8_t *data;
	size_t size;
};

/* Cuts bytes off the input and copies them; zeros where it has none. */
void input_take(struct input *input, void *to, size_t bytes);
/* Cuts the next frame off and sets the clock on; NULL: there is none. */
const uint8_t *input_frame(struct input *input, uint32_t *length);

#endif
