// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "responder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "machine.h"

enum { QUEUE = 4096, EVENTS = 256, REQUEST_BYTES = 1024 };

static const char namespace_path[] = "/run/netns/backends";
static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n"
			     "Connection: close\r\n\r\nok\n";

static int enter_namespace(void)
{
	int fd = open(namespace_path, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err;
}

static int listen_on_port(int *fd)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons(RESPONDER_PORT) };

	*fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (*fd < 0 || bind(*fd, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(*fd, QUEUE))
		return -errno;
	return 0;
}

static int watch(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static void accept_all(int epoll, int listener)
{
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		if (watch(epoll, fd))
			close(fd);
}

/* A request comes in one segment; a tcp check sends none. */
static void answer_one(int fd)
{
	char request[REQUEST_BYTES];

	if (recv(fd, request, sizeof(request), 0) > 0)
		(void)!send(fd, answer, sizeof(answer) - 1, MSG_NOSIGNAL);
	close(fd);
}

static void serve(int epoll, int listener)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				accept_all(epoll, listener);
			else
				answer_one(events[i].data.fd);
		}
	}
}

/* The process: tells how its start went, and never returns. */
static void run(int report)
{
	int listener = -1, epoll = epoll_create1(EPOLL_CLOEXEC), err = enter_namespace();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!err)
		err = machine_leave_pinned();
	if (!err)
		err = listen_on_port(&listener);
	if (!err)
		err = watch(epoll, listener);
	(void)!write(report, &err, sizeof(err));
	if (!err)
		serve(epoll, listener);
	_exit(1);
}

pid_t responder_start(void)
{
	int report[2], err = -EPIPE;
	pid_t pid;

	if (pipe(report))
		return -errno;
	pid = fork();
	if (pid == 0)
		run(report[1]);
	close(report[1]);
	if (pid < 0)
		err = -errno;
	else if (read(report[0], &err, sizeof(err)) != sizeof(err))
		err = -EPIPE;
	close(report[0]);
	if (!err)
		return pid;
	responder_stop(pid);
	return err;
}

void responder_stop(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}
