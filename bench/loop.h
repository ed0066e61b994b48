/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets a second through a driver and back: generator -> veth -> Poise (XDP_TX) -> veth -> sink,
 * on one CPU, in turn with a bare XDP_TX in Poise's place. What is compared is the whole loop: the
 * two trips through veth and the generator cost the same with both.
 */
#ifndef POISE_BENCH_LOOP_H
#define POISE_BENCH_LOOP_H

#include "samples.h"

/* The veth pair, made by bench/run in a network namespace of its own. */
#define LOOP_GENERATOR "gen"
#define LOOP_EDGE      "edge"

enum { LOOP_PACKETS = 500000, LOOP_FLOWS = 1000000, LOOP_SIZES = 3 };

/* Bytes of Ethernet frames, their checksum included. */
static const int loop_sizes[LOOP_SIZES] = { 64, 512, 1500 };

struct loop {
	struct {
		struct samples poise_rate; /* packets a second that came back */
		struct samples bare_rate;
		struct samples ratio; /* Poise / bare */
	} size[LOOP_SIZES];
	struct samples lost; /* of each run with Poise: share that did not come back */
};

/* 0 or a negative errno with the reason on stderr. */
int loop_measure(int rounds, struct loop *loop);

#endif
