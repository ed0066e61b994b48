/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must hold for every packet, whatever it is. A packet for which it does not ends the process,
 * with what was wrong and both frames.
 */
#ifndef POISE_FUZZ_CHECK_H
#define POISE_FUZZ_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "view.h"
#include "world.h"

struct passage {
	const uint8_t *in, *out; /* frames */
	uint32_t in_bytes, out_bytes;
	int verdict;
};

/* Before an input's first packet. */
void check_begin(const struct world_choice *choice);
/* After each packet. */
void check_passage(const struct passage *passage);

/* For the files that check parts of it. */
void check_require(const struct passage *passage, bool condition, const char *what);
#define REQUIRE(condition) check_require(passage, condition, #condition)

/* A packet that was sent to a backend. */
void check_sent(const struct passage *passage, const struct view *in, uint32_t backend);
/* A reply to an echo request; an error about a packet that is too big. */
void check_echo(const struct passage *passage, const struct view *in);
void check_error(const struct passage *passage, const struct view *in);

#endif
