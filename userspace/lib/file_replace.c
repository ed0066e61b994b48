// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* See file_replace.h. */
#include "file_replace.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault.h"

static int write_all(int fd, const char *text, size_t length)
{
	ssize_t written;

	while (length) {
		written = write(fd, text, length);
		if (written < 0 && errno != EINTR)
			return -errno;
		if (written > 0) {
			text += written;
			length -= (size_t)written;
		}
	}
	return fsync(fd) ? -errno : 0;
}

/* Takes the old file's permissions over; that of its owner is up to the system. */
static int set_mode(int fd, const char *path, mode_t mode, enum file_mode which)
{
	struct stat old;

	if (which == FILE_MODE_KEEP && !stat(path, &old)) {
		mode = old.st_mode & 07777;
		if (fchown(fd, old.st_uid, old.st_gid))
			mode &= 0777; /* set-id bits are for that owner alone */
	}
	return fchmod(fd, mode) ? -errno : 0;
}

/* A name of its own, so that a death in between leaves at most one such file. */
static int make_file(const char *name)
{
	int fd;

	if (unlink(name) && errno != ENOENT)
		return -errno;
	fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	return fd < 0 ? -errno : fd;
}

static int sync_directory(const char *path)
{
	char copy[PATH_MAX];
	int fd, err = 0;

	snprintf(copy, sizeof(copy), "%s", path);
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fsync(fd) && errno != EINVAL) /* not every file system can */
		err = -errno;
	close(fd);
	return err;
}

static int replace(const char *path, const char *text, size_t length, mode_t mode,
		   enum file_mode which)
{
	char name[PATH_MAX + 8];
	struct stat old;
	int fd, err;

	if (!stat(path, &old) && !S_ISREG(old.st_mode))
		return S_ISDIR(old.st_mode) ? -EISDIR : -EINVAL; /* a device is not to vanish */
	if (snprintf(name, sizeof(name), "%s.new", path) >= PATH_MAX)
		return -ENAMETOOLONG;
	fd = make_file(name);
	if (fd < 0)
		return fd;
	err = set_mode(fd, path, mode, which);
	if (!err)
		err = write_all(fd, text, length);
	if (close(fd) && !err)
		err = -errno;
	FAULT_POINT("file-written");
	if (!err && rename(name, path))
		err = -errno;
	if (err)
		unlink(name);
	FAULT_POINT("file-renamed");
	return err ? err : sync_directory(path);
}

int file_replace(const char *path, const char *text, size_t length, mode_t mode,
		 enum file_mode which)
{
	char *resolved = realpath(path, NULL);
	int err = replace(resolved ? resolved : path, text, length, mode, which);

	free(resolved);
	return err;
}
