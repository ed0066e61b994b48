/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files that are there whole or not at all, whatever happens meanwhile. */
#ifndef POISE_FILE_REPLACE_H
#define POISE_FILE_REPLACE_H

#include <stddef.h>
#include <sys/types.h>

enum file_mode { FILE_MODE_SET, FILE_MODE_KEEP };

/*
 * Makes text of length bytes the content of path: written beside it (PATH.new), synced, renamed,
 * and the directory synced. Of an existing file FILE_MODE_KEEP keeps the permission bits, and the
 * owner where that is allowed; otherwise the mode is mode. A symbolic link stays one. 0; -EISDIR or
 * -EINVAL: path is a directory, or something else than a file; or another negative errno: then the
 * old file is as it was.
 */
int file_replace(const char *path, const char *text, size_t length, mode_t mode,
		 enum file_mode which);

#endif
