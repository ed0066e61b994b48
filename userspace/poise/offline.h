/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What can be done without poised: taking down what it left behind. */
#ifndef POISE_OFFLINE_H
#define POISE_OFFLINE_H

#include <stdio.h>

/* Takes the programs that are pinned under pin_path off their interfaces and removes the pins;
 * prints a line to out for each thing that it removes. 0 or a negative errno. */
int offline_detach(const char *pin_path, FILE *out);

#endif
