// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The search of Knuth, Morris and Pratt ("Fast Pattern Matching in Strings", 1977). fallback[i]:
 * how much of the needle still matches when the byte after needle[0..i] does not.
 */
#include "search.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static size_t advance(const struct search *search, size_t matched, uint8_t byte)
{
	while (matched > 0 && search->needle[matched] != byte)
		matched = search->fallback[matched - 1];
	return search->needle[matched] == byte ? matched + 1 : matched;
}

int search_init(struct search *search, const void *needle, size_t length)
{
	size_t matched = 0;

	*search = (struct search){ .needle = malloc(length + 1),
				   .length = length,
				   .fallback = calloc(length + 1, sizeof(*search->fallback)) };
	if (!search->needle || !search->fallback) {
		search_fini(search);
		return -ENOMEM;
	}
	if (length) /* there may be no needle then */
		memcpy(search->needle, needle, length);
	search->needle[length] = '\0';
	for (size_t i = 1; i < length; i++) {
		matched = advance(search, matched, search->needle[i]);
		search->fallback[i] = (uint32_t)matched;
	}
	return 0;
}

void search_fini(struct search *search)
{
	free(search->needle);
	free(search->fallback);
	*search = (struct search){ 0 };
}

void search_begin(struct search *search)
{
	search->matched = 0;
}

bool search_feed(struct search *search, const void *data, size_t length)
{
	const uint8_t *bytes = data;

	for (size_t i = 0; i < length && search->matched < search->length; i++)
		search->matched = advance(search, search->matched, bytes[i]);
	return search->matched == search->length;
}
