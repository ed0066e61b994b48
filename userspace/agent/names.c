// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the ABI's lists are called: see names.h. */
#include "names.h"

#include <ctype.h>
#include <stddef.h>

#include "poise_agent_abi.h"

#define NAME(name, ...) #name,
const char *const NAMES_REASONS[] = { POISE_AGENT_REASONS(NAME) };
const char *const NAMES_DECISIONS[] = { POISE_AGENT_DECISIONS(NAME) };
const char *const NAMES_ENCAPSULATIONS[] = { POISE_AGENT_ENCAPSULATIONS(NAME) };
#undef NAME

const char *names_lower(const char *name, char text[NAMES_BYTES])
{
	size_t i;

	for (i = 0; name[i] && i < NAMES_BYTES - 1; i++)
		text[i] = (char)tolower((unsigned char)name[i]);
	text[i] = 0;
	return text;
}
