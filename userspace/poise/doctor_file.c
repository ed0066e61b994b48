// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "doctor_file.h"

#include <stdlib.h>
#include <string.h>

#include "doctor_host.h"

enum { MAX_CPUS = 1 << 16 };

bool host_read_number(const char *path, int64_t *out)
{
	char *text = host_read(path), *end;
	bool read;

	if (!text)
		return false;
	*out = strtoll(text, &end, 10);
	read = end != text && (*end == '\n' || !*end);
	free(text);
	return read;
}

bool doctor_file_number(const char *text, const char *key, int64_t *out)
{
	size_t length = strlen(key);
	char *end;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, key, length) != 0)
			continue;
		*out = strtoll(line + length, &end, 10);
		return end != line + length;
	}
	return false;
}

unsigned doctor_file_cpus(const char *list)
{
	unsigned long first, last, count = 0;
	char *end;

	while (*list >= '0' && *list <= '9') {
		first = last = strtoul(list, &end, 10);
		if (*end == '-')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last >= MAX_CPUS)
			break;
		count += last - first + 1;
		list = *end == ',' ? end + 1 : end;
	}
	return (unsigned)count;
}
