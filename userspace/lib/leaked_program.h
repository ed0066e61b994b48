/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * libxdp (1.3) opens a program that is alone on an interface, goes on with a copy of the descriptor
 * and never closes the first: each look at the interface would cost one. It is closed here, where
 * it is left open.
 */
#ifndef POISE_LEAKED_PROGRAM_H
#define POISE_LEAKED_PROGRAM_H

#include <stdint.h>

/* Before libxdp looks: the descriptor that it opens first; -1: none can be had. */
int leaked_program_watch(void);
/* After all of libxdp's are closed: closes fd if it is one of the program with that id, as no other
 * part of the process has. */
void leaked_program_close(int fd, uint32_t id);

#endif
