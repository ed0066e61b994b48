// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Reads a password, and nothing that others could have read or written. Logs nothing. */
#include "secret.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int check_mode(int fd)
{
	struct stat status;

	if (fstat(fd, &status))
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	return status.st_mode & (S_IRWXO | S_IWGRP) ? -EPERM : 0;
}

static int read_line(int fd, char out[SECRET_BYTES])
{
	size_t length = 0, line;
	const char *end;
	ssize_t count;

	do {
		count = read(fd, out + length, SECRET_BYTES - length);
		if (count > 0)
			length += (size_t)count;
	} while (length < SECRET_BYTES && (count > 0 || (count < 0 && errno == EINTR)));
	if (count < 0)
		return -errno;
	end = memchr(out, '\n', length);
	line = end ? (size_t)(end - out) : length;
	if (line == SECRET_BYTES)
		return -EMSGSIZE;
	if (!line || memchr(out, '\0', line))
		return -EINVAL;
	explicit_bzero(out + line, SECRET_BYTES - line);
	return (int)line;
}

int secret_read(const char *path, char out[SECRET_BYTES])
{
	/* not to wait for a FIFO's other end */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = check_mode(fd);
	if (r == 0)
		r = read_line(fd, out);
	if (r < 0)
		explicit_bzero(out, SECRET_BYTES);
	close(fd);
	return r;
}

const char *secret_error(int err)
{
	switch (err) {
	case -EPERM:
		return "others may read it, or more than the owner write";
	case -EMSGSIZE:
		return "its first line has more than 1024 bytes";
	case -EINVAL:
		return "its first line is empty or no text";
	default:
		return strerror(-err);
	}
}
