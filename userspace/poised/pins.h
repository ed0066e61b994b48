/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The pin directory on bpffs, where maps and program outlive poised: made, locked, checked for the
 * ABI version that it holds, and removed. Attaches nothing.
 */
#ifndef POISE_PINS_H
#define POISE_PINS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "poise_abi.h"

enum { PINS_ERROR_BYTES = 512 };

struct pins_found {
	struct poise_settings settings; /* abi_version 0: nothing was pinned here */
	uint32_t abi_version;		/* valid with -EPROTO, too */
	uint32_t settings_id;		/* map id of the pinned settings; 0 when there is none */
};

/*
 * Makes pin_path (and mounts bpffs on its parent when that is no bpffs) and locks it against
 * another poised. Returns a descriptor that holds the lock, or a negative errno with error written.
 * made (may be NULL): set to whether the directory was not there before.
 */
int pins_open(const char *pin_path, bool *made, char error[PINS_ERROR_BYTES]);

/* Reads what is pinned. 0, or a negative errno with error written; -EPROTO: another ABI version
 * (settings_id is valid all the same). */
int pins_read(const char *pin_path, struct pins_found *found, char error[PINS_ERROR_BYTES]);

/* Writes PIN_PATH/NAME into path[size]. 0 or -ENAMETOOLONG. */
int pins_path(const char *pin_path, const char *name, char *path, size_t size);

/* Pins an object under name, replacing atomically what is there. 0 or a negative errno. */
int pins_replace(const char *pin_path, const char *name, int fd);

/*
 * Where pins are made that are to take the place of others: PIN_PATH_next. Afterwards, or when a
 * death left it, it holds those that were, or were to be, replaced.
 */
int pins_next(const char *pin_path, char *path, size_t size); /* 0 or -ENAMETOOLONG */
/* The map id of the settings pinned there; 0: there are none. */
uint32_t pins_next_settings(const char *pin_path);
/* Is there surely none? Who may not look cannot say so. */
bool pins_are_gone(const char *pin_path);
/* Is there a program? It is pinned just before it is attached. */
bool pins_has_program(const char *pin_path);
/* Did packets ever use the maps that are pinned there? */
bool pins_next_lived(const char *pin_path);
/*
 * Has those back whose place was taken by some that no packet used so far, for a death came in
 * between. lock: of pins_open(), and another one then. 0, or a negative errno with error written.
 */
int pins_take_back(const char *pin_path, int *lock, char error[PINS_ERROR_BYTES]);
/* The two directories change places, in one step. 0 or a negative errno. */
int pins_exchange(const char *pin_path);

/* Removes every pin and the directory; names them on out (NULL: silent). 0 or a negative errno. */
int pins_remove(const char *pin_path, FILE *out);

#endif
