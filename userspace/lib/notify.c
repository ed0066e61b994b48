/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { STATUS_BYTES = 256, US_PER_MS = 1000 };

static int fd = -1;
static struct sockaddr_un address;
static socklen_t address_size;
static int64_t watchdog_ms;
static bool ready; /* was said */
static char last_status[STATUS_BYTES];

/* A path, or with '@' a name in the abstract namespace, which is not ended by a zero. */
static bool set_address(const char *name)
{
	size_t length = strlen(name);

	if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof(address.sun_path))
		return false;
	address.sun_family = AF_UNIX;
	memcpy(address.sun_path, name, length);
	address_size = offsetof(struct sockaddr_un, sun_path) + length;
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	else
		address_size++;
	return true;
}

static void read_watchdog(const char *interval, const char *pid)
{
	int64_t us = interval ? strtoll(interval, NULL, 10) : 0;

	if (us > 0 && (!pid || strtoll(pid, NULL, 10) == getpid()))
		watchdog_ms = us / US_PER_MS;
}

int notify_init(void)
{
	const char *name = getenv("NOTIFY_SOCKET");
	bool known = name && set_address(name);
	int err = name && !known ? -EINVAL : 0;

	read_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"));
	if (known)
		fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return err;
}

int64_t notify_watchdog_ms(void)
{
	return watchdog_ms;
}

static void notify_send(const char *text)
{
	if (fd >= 0)
		(void)sendto(fd, text, strlen(text), MSG_NOSIGNAL, (struct sockaddr *)&address,
			     address_size);
}

void notify_ready(void)
{
	ready = true;
	notify_send("READY=1");
}

void notify_reloading(void)
{
	char text[64];
	struct timespec now;

	if (!ready)
		return;
	clock_gettime(CLOCK_MONOTONIC, &now);
	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
		 (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
	notify_send(text);
}

void notify_reloaded(void)
{
	if (ready)
		notify_ready();
}

void notify_stopping(void)
{
	notify_send("STOPPING=1");
}

void notify_alive(void)
{
	notify_send("WATCHDOG=1");
}

void notify_status(const char *format, ...)
{
	char status[STATUS_BYTES], text[STATUS_BYTES + 16];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(status, sizeof(status), format, arguments);
	va_end(arguments);
	if (strcmp(status, last_status) == 0)
		return;
	strcpy(last_status, status);
	snprintf(text, sizeof(text), "STATUS=%s", status);
	notify_send(text);
}
