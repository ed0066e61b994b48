// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The balancer's program on any packets: no access beside the packet or a map's value, and what
 * check.h says of every packet.
 *
 * An input is a struct world_choice and then frames, each of a byte that says how far the clock
 * goes on before it, two bytes of length (the low one first), and as many bytes; of the last frame
 * as many as there are.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "check.h"
#include "program.h"
#include "shim.h"
#include "world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	SEED = 0x5eed,
	MAX_FRAMES = 64,
	RECORD_BYTES = 3,
	NS_PER_MS = 1000000,
	/* Of the byte for the clock: as a power of two of milliseconds, up to 9 hours. */
	CLOCK_SHIFTS = 26,
};

struct input {
	const uint8_t *data;
	size_t size;
};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	program_open(SEED);
	world_open(SEED);
	return 0;
}

static void step_clock(uint8_t step)
{
	if (step)
		shim_clock_set(shim_clock() + ((uint64_t)NS_PER_MS << step % CLOCK_SHIFTS));
}

/* Cuts the next frame off the input; NULL: there is none. */
static const uint8_t *next_frame(struct input *input, uint32_t *length)
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

static void run_frame(const uint8_t *bytes, uint32_t length, uint32_t headroom)
{
	struct shim_frame frame;
	struct passage passage = { .in = bytes, .in_bytes = length };

	shim_frame_open(&frame, bytes, length, headroom, WORLD_INGRESS);
	passage.verdict = program_run(&frame);
	passage.out = frame.bytes;
	passage.out_bytes = shim_frame_length(&frame);
	check_passage(&passage);
	shim_frame_close(&frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = { data, size };
	struct world_choice choice;
	const uint8_t *frame;
	uint32_t length;
	int i;

	if (size < sizeof(choice))
		return 0;
	memcpy(&choice, data, sizeof(choice));
	input.data += sizeof(choice);
	input.size -= sizeof(choice);
	world_reset(&choice);
	program_reset();
	check_begin(&choice);
	for (i = 0; i < MAX_FRAMES; i++) {
		frame = next_frame(&input, &length);
		if (!frame)
			break;
		run_frame(frame, length, choice.headroom * 2U);
	}
	return 0;
}
