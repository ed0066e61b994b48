// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "file_text.h"

#include <stdio.h>
#include <stdlib.h>

enum { MAX_BYTES = 1 << 20 };

char *file_text_read(const char *path)
{
	FILE *file = fopen(path, "re");
	char *text = file ? malloc(MAX_BYTES + 1) : NULL;
	size_t length;

	if (text) {
		length = fread(text, 1, MAX_BYTES, file);
		text[length] = 0;
		if (ferror(file)) {
			free(text);
			text = NULL;
		}
	}
	if (file)
		fclose(file);
	return text;
}
