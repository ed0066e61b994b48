/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * survival_server NUMBER: a backend's server of the survival matrix (stream.h), which is that
 * backend's number to clients. One process, one epoll. A byte that is not the connection's own is
 * told on standard error, and ends the connection by a reset.
 *
 * It also listens on STREAM_HEALTH_PORT for health checks; SIGUSR1 closes that port, SIGUSR2 opens
 * it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "stream.h"

enum {
	MAX_FDS = 65536,
	BACKLOG = 16384,
	BUFFER = 65536,
	LINE_MOST = 255,
};

enum phase { FREE, BEGIN, LINE, SERVE };

struct connection {
	enum phase phase;
	unsigned int held; /* of 'first' */
	unsigned char first[LINE_MOST + 1];
	struct stream_hello hello;
	uint64_t in, out; /* bytes that came and went, without hello and greeting */
	uint64_t told;	  /* STREAM_UP: the last count */
	uint64_t due;	  /* STREAM_DOWN: bytes that should have gone */
};

static struct connection connections[MAX_FDS];
static int fds; /* those above were never in use */
static uint32_t number;
static int epoll, health = -1;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		die("epoll_ctl");
}

static int listen_on(uint16_t port)
{
	struct sockaddr_in6 address = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) || listen(fd, BACKLOG))
		die("listen");
	watch(fd);
	return fd;
}

static void drop(int fd)
{
	connections[fd].phase = FREE;
	close(fd);
}

static void reset(int fd, const char *why)
{
	struct linger linger = { .l_onoff = 1 };

	if (why)
		fprintf(stderr, "backend %u, connection %016llx: %s\n", number,
			(unsigned long long)connections[fd].hello.id, why);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
	drop(fd);
}

static void take(int listener)
{
	int fd, yes = 1;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK)) >= 0) {
		if (fd >= MAX_FDS || listener == health) {
			close(fd);
			continue;
		}
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
		connections[fd] = (struct connection){ .phase = BEGIN };
		fds = fd < fds ? fds : fd + 1;
		watch(fd);
	}
}

/* Sends the next 'len' bytes of the connection, or as many as go; 0, or -1 when it has ended. */
static int send_stream(int fd, uint64_t len)
{
	struct connection *c = &connections[fd];
	uint64_t key = stream_server_key(c->hello.id, number);
	static unsigned char buffer[BUFFER];

	while (len) {
		size_t n = len < BUFFER ? len : BUFFER;
		ssize_t sent;

		stream_fill(key, c->out, buffer, n);
		sent = send(fd, buffer, n, MSG_NOSIGNAL);
		if (sent < 0)
			return errno == EAGAIN ? 0 : -1;
		c->out += sent;
		len -= sent;
		if ((size_t)sent < n)
			return 0;
	}
	return 0;
}

static void answer_line(int fd)
{
	struct connection *c = &connections[fd];
	char head[LINE_MOST + 1];
	int len;

	c->first[c->held] = 0;
	c->hello.id = strtoull((char *)c->first + sizeof("GET /") - 1, NULL, 16);
	len = snprintf(head, sizeof(head),
		       "HTTP/1.1 200 OK\r\nX-Backend: %u\r\nContent-Length: %u\r\n"
		       "Connection: close\r\n\r\n",
		       number, STREAM_PAGE);
	if (send(fd, head, len, MSG_NOSIGNAL | MSG_MORE) == len)
		send_stream(fd, STREAM_PAGE);
	drop(fd);
}

static void greet(int fd)
{
	struct connection *c = &connections[fd];
	struct stream_greeting greeting = { STREAM_MAGIC, number, c->hello.id };

	c->phase = SERVE;
	if (send(fd, &greeting, sizeof(greeting), MSG_NOSIGNAL) != sizeof(greeting))
		reset(fd, NULL);
}

/* The first bytes of a connection, of which there may be few: reads no more than belong to them. */
static void begin(int fd)
{
	struct connection *c = &connections[fd];
	size_t want = c->phase == BEGIN ? sizeof(c->hello) : LINE_MOST;
	ssize_t got = recv(fd, c->first + c->held, want - c->held, 0);

	if (got < 0 && errno == EAGAIN)
		return;
	if (got <= 0) {
		reset(fd, NULL);
		return;
	}
	c->held += got;
	if (c->phase == BEGIN && c->held >= 4 && !memcmp(c->first, "GET ", 4))
		c->phase = LINE;
	if (c->phase == LINE) {
		if (memmem(c->first, c->held, "\r\n\r\n", 4))
			answer_line(fd);
		else if (c->held == LINE_MOST)
			reset(fd, "a request that is too long");
		return;
	}
	if (c->held < sizeof(c->hello))
		return;
	memcpy(&c->hello, c->first, sizeof(c->hello));
	if (c->hello.magic != STREAM_MAGIC)
		reset(fd, "begins with something else");
	else
		greet(fd);
}

static void tell_count(int fd)
{
	struct connection *c = &connections[fd];

	if (c->told != c->in && send(fd, &c->in, sizeof(c->in), MSG_NOSIGNAL) == sizeof(c->in))
		c->told = c->in;
}

static void serve(int fd)
{
	struct connection *c = &connections[fd];
	static unsigned char buffer[BUFFER];
	ssize_t got = recv(fd, buffer, sizeof(buffer), 0);

	if (got < 0) {
		if (errno != EAGAIN)
			reset(fd, NULL);
		return;
	}
	if (got == 0) {
		if (c->hello.kind == STREAM_UP)
			tell_count(fd);
		drop(fd);
		return;
	}
	if (!stream_right(c->hello.id, c->in, buffer, got)) {
		reset(fd, "wrong bytes");
		return;
	}
	c->in += got;
	if (c->hello.kind == STREAM_ECHO && send_stream(fd, got))
		reset(fd, NULL);
}

static void tick(void)
{
	for (int fd = 0; fd < fds; fd++) {
		struct connection *c = &connections[fd];

		if (c->phase != SERVE)
			continue;
		if (c->hello.kind == STREAM_UP)
			tell_count(fd);
		if (c->hello.kind != STREAM_DOWN)
			continue;
		c->due += (uint64_t)c->hello.rate * STREAM_TICK_MS / 1000;
		if (send_stream(fd, c->due - c->out))
			reset(fd, NULL);
	}
}

static void told(int signals)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGUSR1 && health >= 0) {
		close(health);
		health = -1;
	} else if (info.ssi_signo == SIGUSR2 && health < 0) {
		health = listen_on(STREAM_HEALTH_PORT);
	}
}

static int signals_open(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_NONBLOCK);
}

static int timer_open(void)
{
	struct timespec tick_time = { .tv_nsec = STREAM_TICK_MS * 1000000L };
	struct itimerspec times = { tick_time, tick_time };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	timerfd_settime(fd, 0, &times, NULL);
	return fd;
}

static void handle(int fd, int listener, int timer, int signals)
{
	uint64_t expired;

	if (fd == listener || fd == health)
		take(fd);
	else if (fd == signals)
		told(signals);
	else if (fd == timer) {
		if (read(timer, &expired, sizeof(expired)) == sizeof(expired))
			tick();
	} else if (connections[fd].phase == SERVE)
		serve(fd);
	else if (connections[fd].phase != FREE)
		begin(fd);
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_FDS, MAX_FDS };
	int listener, timer, signals;

	if (argc != 2 || (number = atoi(argv[1])) == 0) {
		fprintf(stderr, "usage: survival_server NUMBER\n");
		return 2;
	}
	setrlimit(RLIMIT_NOFILE, &files);
	epoll = epoll_create1(0);
	listener = listen_on(STREAM_PORT);
	health = listen_on(STREAM_HEALTH_PORT);
	watch(timer = timer_open());
	watch(signals = signals_open());
	for (;;) {
		struct epoll_event events[256];
		int n = epoll_wait(epoll, events, 256, -1);

		for (int i = 0; i < n; i++)
			handle(events[i].data.fd, listener, timer, signals);
	}
}
