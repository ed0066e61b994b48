/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Files of /proc and /sys, whose size stat(2) does not tell. */
#ifndef POISE_FILE_TEXT_H
#define POISE_FILE_TEXT_H

/* The file's text, to be free()d, of at most 1 MiB; NULL: it cannot be read. */
char *file_text_read(const char *path);

#endif
