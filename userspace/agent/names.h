/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the ABI's lists are called, for people and programs. */
#ifndef POISE_AGENT_NAMES_H
#define POISE_AGENT_NAMES_H

enum { NAMES_BYTES = 32 };

/* In upper case, by their enums. */
extern const char *const NAMES_REASONS[], *const NAMES_DECISIONS[], *const NAMES_ENCAPSULATIONS[];

/* The name in lower case, in text; returns text. */
const char *names_lower(const char *name, char text[NAMES_BYTES]);

#endif
