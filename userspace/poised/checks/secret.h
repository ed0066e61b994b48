/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Passwords of checks, from files of their own. */
#ifndef POISE_SECRET_H
#define POISE_SECRET_H

#include <stddef.h>

enum { SECRET_BYTES = 1025 }; /* with a final NUL */

/*
 * Reads the file's first line, anew at each call, so that a password may change. Returns its
 * length, or a negative errno: -EPERM when others than owner and group may read it, or others than
 * the owner write it; -EMSGSIZE when the line does not fit; -EINVAL when it is no regular file, or
 * the line is empty or holds a NUL. The caller erases it (explicit_bzero).
 */
int secret_read(const char *path, char out[SECRET_BYTES]);

/* That errno in words. */
const char *secret_error(int err);

#endif
