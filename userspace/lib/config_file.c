// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads a configuration's file into memory, with bounds; config.c makes sense of it. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_errors.h"

/* Only regular files: others may never end, or never begin. Opening must not wait for a FIFO. */
static int open_file(struct config_report *report, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat status;

	if (fd < 0 || fstat(fd, &status)) {
		config_report_file(report, "cannot be opened: %s", strerror(errno));
	} else if (!S_ISREG(status.st_mode)) {
		config_report_file(report, "found %s, allowed is a regular file",
				   S_ISDIR(status.st_mode) ? "a directory" : "a special file");
	} else {
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -EINVAL;
}

/* Reads up to one byte more than is allowed, so that config_load_text() sees a file too large.
 * The size that fstat() gives is not trusted: the file may grow meanwhile, and /proc says 0. */
static int read_all(struct config_report *report, int fd, char **out, size_t *length)
{
	const size_t limit = CONFIG_MAX_BYTES + 1;
	size_t room = 0, used = 0;
	char *text = NULL, *more;
	ssize_t n;

	do {
		if (used == room) {
			room = room ? room * 2 : 1 << 16;
			more = realloc(text, room);
			if (!more)
				goto err_nomem;
			text = more;
		}
		n = read(fd, text + used, room - used);
		if (n < 0 && errno != EINTR)
			goto err_read;
		used += n > 0 ? (size_t)n : 0;
	} while (n && used < limit);
	*out = text;
	*length = used < limit ? used : limit;
	return 0;

err_nomem:
	config_report_nomem(report);
	free(text);
	return -ENOMEM;
err_read:
	config_report_file(report, "cannot be read: %s", strerror(errno));
	free(text);
	return -EINVAL;
}

int config_load_file(const char *path, struct config **out, struct config_errors *errors)
{
	struct config_report report = { .file = path };
	char *text = NULL;
	size_t length;
	int fd, err;

	fd = open_file(&report, path);
	if (fd < 0)
		return config_report_finish(&report, errors);
	err = read_all(&report, fd, &text, &length);
	close(fd);
	if (err)
		return config_report_finish(&report, errors);
	err = config_load_text(path, text, length, out, errors);
	free(text);
	return err;
}
