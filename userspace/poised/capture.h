/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control command 'capture': the capturing program takes the place of the plain one for as long
 * as a client reads what it captures; then the plain one is put back. One capture at a time.
 */
#ifndef POISE_CAPTURE_H
#define POISE_CAPTURE_H

struct capture;

/* Ends it, if it has not ended so far: the plain program is back. Takes NULL. */
void capture_free(struct capture *capture);

#endif
