// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The balancer's program on any packets: no access beside the packet or a map's value, and what
 * check.h says of every packet.
 *
 * An input is a struct world_choice and then frames (input.h).
 */
#include <stddef.h>
#include <stdint.h>

#include "check.h"
#include "input.h"
#include "program.h"
#include "shim.h"
#include "world.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEED = 0x5eed };

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	program_open(SEED);
	world_open(SEED);
	return 0;
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

	input_take(&input, &choice, sizeof(choice));
	world_reset(&choice);
	program_reset();
	check_begin(&choice);
	for (i = 0; i < INPUT_MAX_FRAMES; i++) {
		frame = input_frame(&input, &length);
		if (!frame)
			break;
		run_frame(frame, length, choice.headroom * 2U);
	}
	return 0;
}
