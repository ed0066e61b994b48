// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Locks on directories: see lock.h, flock(2) and proc_locks(5). */
#include "lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

enum { TRY_MS = 50, MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };

/* The process that locked what is open; 0: it is not known. */
static pid_t find_holder(int fd)
{
	unsigned int device_major, device_minor;
	unsigned long inode;
	pid_t holder = 0, process;
	char line[256];
	struct stat file;
	FILE *locks;

	if (fstat(fd, &file))
		return 0;
	locks = fopen("/proc/locks", "re");
	while (locks && !holder && fgets(line, sizeof(line), locks))
		if (sscanf(line, "%*d: FLOCK %*s %*s %d %x:%x:%lu", &process, &device_major,
			   &device_minor, &inode) == 4 &&
		    inode == file.st_ino && device_major == major(file.st_dev) &&
		    device_minor == minor(file.st_dev) && process > 0)
			holder = process;
	if (locks)
		fclose(locks);
	return holder;
}

static int lock(int fd, unsigned int seconds)
{
	const struct timespec pause = { .tv_nsec = TRY_MS * NS_PER_MS };

	for (unsigned int i = 0; i < seconds * MS_PER_SECOND / TRY_MS; i++) {
		if (!flock(fd, LOCK_EX | LOCK_NB))
			return 0;
		if (errno != EWOULDBLOCK && errno != EINTR)
			return -errno;
		nanosleep(&pause, NULL);
	}
	return -EWOULDBLOCK;
}

int lock_directory(const char *path, unsigned int seconds, pid_t *holder)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;

	*holder = 0;
	if (fd < 0)
		return -errno;
	err = lock(fd, seconds);
	if (!err)
		return fd;
	if (err == -EWOULDBLOCK)
		*holder = find_holder(fd);
	close(fd);
	return err;
}
