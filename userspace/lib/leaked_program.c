/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "leaked_program.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

int leaked_program_watch(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		close(fd);
	return fd;
}

/* The kernel tells it among what it knows of a descriptor (proc(5)). */
static bool is_program(int fd, uint32_t id)
{
	char path[64], line[128];
	unsigned int found = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "prog_id: %u", &found) == 1)
			break;
	if (file)
		fclose(file);
	return found && found == id;
}

void leaked_program_close(int fd, uint32_t id)
{
	if (fd >= 0 && id && is_program(fd, id))
		close(fd);
}
