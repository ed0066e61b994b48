// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The parts of an input: see input.h. */
#include "input.h"

#include <string.h>

#include "shim.h"

enum {
	RECORD_BYTES = 3,
	NS_PER_MS = 1000000,
	CLOCK_SHIFTS = 26, /* the clock's byte is a power of two of milliseconds, up to 9 hours */
};

void input_take(struct input *input, void *to, size_t bytes)
{
	size_t taken = bytes < input->size ? bytes : input->size;

	memset(to, 0, bytes);
	memcpy(to, input->data, taken);
	input->data += taken;
	input->size -= taken;
}

static void step_clock(uint8_t step)
{
	if (step)
		shim_clock_set(shim_clock() + ((uint64_t)NS_PER_MS << step % CLOCK_SHIFTS));
}

const uint8_t *input_frame(struct input *input, uint32_t *length)
{
	const uint8_t *record = input->data;

	if (input->size < RECORD_BYTES + SHIM_MIN_FRAME)
		return NULL;
	step_clock(record[0]);
	*length = record[1] | (uint32_t)record[2] << 8;
	if (*length < SHIM_MIN_FRAME)
		*length = SHIM_MIN_FRAME;
	if (*length > input->size - RECORD_BYTES)
		*length = (uint32_t)(input->size - RECORD_BYTES);
	input->data += RECORD_BYTES + *length;
	input->size -= RECORD_BYTES + *length;
	return record + RECORD_BYTES;
}
