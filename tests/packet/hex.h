/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the packet tests print: TAP lines, and hex diffs of packets. Knows nothing of BPF. */
#ifndef POISE_TEST_HEX_H
#define POISE_TEST_HEX_H

#include <stdbool.h>
#include <stddef.h>

/* One test's result: "ok N - name" or "not ok N - name". Returns passed. */
bool tap_ok(bool passed, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A test that could not run, and why. */
void tap_skip(const char *name, const char *why);

/* A line of explanation for people: "# ...". */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Prints the plan. Returns what main() returns: 0 when every test passed, 1 otherwise. */
int tap_done(void);

/* Whether both packets are the same, byte by byte; if not, notes the rows that differ as hex. */
bool packet_equal(const char *name, const void *expected, size_t expected_length, const void *got,
		  size_t got_length);

#endif
