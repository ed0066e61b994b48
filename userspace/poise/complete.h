/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What the shells' completion asks for (dist/completion): poise --complete WORD..., the words
 * behind 'poise' up to the one that is being typed, which may be empty. It prints what that may
 * become, a line each; COMPLETE_FILES as a line stands for the names of files.
 */
#ifndef POISE_COMPLETE_H
#define POISE_COMPLETE_H

#define COMPLETE_OPTION "--complete"
#define COMPLETE_FILES	":files"

/* words end before words[count]. */
void complete(char *const *words, int count, const char *default_socket);

#endif
