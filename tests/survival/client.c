/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * survival_client SECONDS ADDRESS...: the many connections of the survival matrix, to STREAM_PORT
 * of the addresses in turn; one that makes no progress for SECONDS is broken. Commands come on
 * standard input, a line each:
 *
 *   open KIND N   opens N connections more
 *   http N        opens N connections a second from now on, each for one page
 *   wait          prints 'live N' when every connection is greeted, or has ended; N live
 *   finish        ends them all in order, and prints for each kind
 *                 'KIND total whole refused reset closed wrong silent stall_ms BACKEND:BROKEN,...'
 *                 then 'end'. Backend 0: it never answered.
 *
 * Sources are all addresses of the host's interface eth0, in turn.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "connection.h"
#include "stream.h"

enum {
	MAX_FDS = 65536,
	MAX_ADDRESSES = 64,
	MAX_BACKENDS = 64,
	OPENING_MOST = 512, /* connections that wait for a greeting at a time */
	RATE = 4096,	    /* bytes a second of a download or upload ... */
	RATE_FAST = 131072, /* ... and of one in */
	FAST_ONE_IN = 100,
};

struct counts {
	unsigned int total, ends[ENDS], broken[MAX_BACKENDS];
	int64_t stall_ms;
};

static const char *const kind_names[] = {
#define X(id, name) name,
	CONNECTION_KINDS(X)
#undef X
};

static struct connection *connections[MAX_FDS];
static struct counts counts[KINDS];
static struct sockaddr_in6 targets[MAX_ADDRESSES], sources[MAX_ADDRESSES];
static unsigned int target_count, source_count;
static unsigned int to_open[KINDS]; /* that an 'open' asked for, and that are not begun */
static unsigned int opening, active, http_rate;
static uint64_t serial;
static int64_t silent_ms;
static int epoll;
static bool answer_live, finishing;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

/* IPv4 addresses are kept as mapped ones; 'out' has no port. */
static int read_address(const char *text, struct sockaddr_in6 *out)
{
	char mapped[INET6_ADDRSTRLEN + 8];

	*out = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	snprintf(mapped, sizeof(mapped), "%s%s", strchr(text, ':') ? "" : "::ffff:", text);
	return inet_pton(AF_INET6, mapped, &out->sin6_addr) == 1 ? 0 : -EINVAL;
}

static void add_source(const struct sockaddr *address)
{
	char text[INET6_ADDRSTRLEN];

	if (source_count == MAX_ADDRESSES)
		return;
	if (address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, text,
			  sizeof(text));
	else
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, text,
			  sizeof(text));
	if (read_address(text, &sources[source_count]) == 0 &&
	    !IN6_IS_ADDR_LINKLOCAL(&sources[source_count].sin6_addr))
		source_count++;
}

static void find_sources(void)
{
	struct ifaddrs *all;

	if (getifaddrs(&all))
		fail("getifaddrs");
	for (struct ifaddrs *a = all; a; a = a->ifa_next)
		if (a->ifa_addr && !strcmp(a->ifa_name, "eth0") &&
		    (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6))
			add_source(a->ifa_addr);
	freeifaddrs(all);
}

/* The next source of the target's family. */
static const struct sockaddr_in6 *source_for(const struct sockaddr_in6 *target)
{
	static unsigned int turn[2];
	int mapped = !!IN6_IS_ADDR_V4MAPPED(&target->sin6_addr);

	for (unsigned int i = 0; i < source_count; i++) {
		const struct sockaddr_in6 *s = &sources[turn[mapped]++ % source_count];

		if (!!IN6_IS_ADDR_V4MAPPED(&s->sin6_addr) == mapped)
			return s;
	}
	return NULL;
}

static const char *const end_names[] = { [END_NONE] = "none",
#define X(id, name) [END_##id] = name,
					 CONNECTION_ENDS(X)
#undef X
};

/* A line of the log, for who looks for the reason. */
static void tell_broken(const struct connection *c)
{
	const struct in6_addr *peer = &targets[c->target].sin6_addr;
	struct sockaddr_in6 own = { 0 };
	socklen_t len = sizeof(own);
	char text[INET6_ADDRSTRLEN], peer_text[INET6_ADDRSTRLEN];

	getsockname(c->fd, (struct sockaddr *)&own, &len);
	fprintf(stderr,
		"%lld ms: %s of [%s]:%u to [%s]:%u, begun %lld, backend %u: %s%s%s; sent %llu, "
		"received %llu, counted "
		"%llu%s\n",
		(long long)now(), kind_names[c->kind],
		inet_ntop(AF_INET6, &own.sin6_addr, text, sizeof(text)), ntohs(own.sin6_port),
		inet_ntop(AF_INET6, peer, peer_text, sizeof(peer_text)), STREAM_PORT,
		(long long)c->begun_ms, c->backend, end_names[c->end], c->error ? ": " : "",
		c->error ? strerror(c->error) : "", (unsigned long long)c->sent,
		(unsigned long long)c->received, (unsigned long long)c->confirmed,
		c->shut ? ", at the end" : "");
}

static void count_end(struct connection *c)
{
	struct counts *k = &counts[c->kind];

	k->ends[c->end]++;
	if (c->stall_ms > k->stall_ms)
		k->stall_ms = c->stall_ms;
	if (c->end == END_WHOLE)
		return;
	tell_broken(c);
	k->broken[c->backend < MAX_BACKENDS ? c->backend : 0]++;
}

/* Removes a connection that has ended; 'was_live' before what ended it. */
static void settle(struct connection *c, bool was_live)
{
	if (!was_live && c->kind != KIND_HTTP && (c->live || c->end))
		opening--;
	if (!c->end)
		return;
	count_end(c);
	connections[c->fd] = NULL;
	close(c->fd);
	free(c);
	active--;
}

static int connect_to(struct sockaddr_in6 target)
{
	const struct sockaddr_in6 *source = source_for(&target);
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0), yes = 1;

	if (fd < 0 || fd >= MAX_FDS || !source)
		fail("socket");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes));
	target.sin6_port = htons(STREAM_PORT);
	if (bind(fd, (const struct sockaddr *)source, sizeof(*source)))
		fail("bind");
	if (connect(fd, (struct sockaddr *)&target, sizeof(target)) && errno != EINPROGRESS)
		fail("connect");
	return fd;
}

static void open_one(enum connection_kind kind)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT };
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		fail("calloc");
	serial++;
	c->target = serial % target_count;
	c->fd = connect_to(targets[c->target]);
	c->kind = kind;
	c->id = ((uint64_t)getpid() << 32) + serial;
	c->rate = serial / target_count % FAST_ONE_IN ? RATE : RATE_FAST;
	c->begun_ms = c->due_ms = now();
	connections[c->fd] = c;
	event.data.fd = c->fd;
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
		fail("epoll_ctl");
	active++;
	counts[kind].total++;
	if (kind != KIND_HTTP)
		opening++;
}

static void open_more(void)
{
	for (int kind = 0; kind < KINDS; kind++) {
		for (; to_open[kind] && opening < OPENING_MOST; to_open[kind]--)
			open_one(kind);
		if (to_open[kind])
			return;
	}
	if (answer_live && !opening) {
		answer_live = false;
		printf("live %u\n", active);
	}
}

static void ready(int fd, uint32_t events)
{
	struct connection *c = connections[fd];
	struct epoll_event reading = { .events = EPOLLIN, .data.fd = fd };
	int error = 0;
	socklen_t len = sizeof(error);
	bool was_live;

	if (!c)
		return;
	was_live = c->live;
	if (events & EPOLLOUT) {
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
		epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &reading);
		c->error = error;
		if (error)
			c->end = END_REFUSED;
		else
			connection_begin(c, now());
	} else {
		connection_read(c, now());
	}
	if (c->live && !was_live && finishing)
		connection_finish(c, now());
	settle(c, was_live);
}

/* After a time in which this program itself did not run there are bytes to be read: nobody is
 * silent. */
static void tick(void)
{
	static unsigned int http_owed;
	static int64_t last_ms;
	int64_t t = now();
	bool late = t - last_ms > 2 * STREAM_TICK_MS;

	last_ms = t;
	for (int fd = 0; fd < MAX_FDS && !late; fd++) {
		struct connection *c = connections[fd];
		bool was_live = c && c->live;

		if (!c)
			continue;
		connection_tick(c, t, silent_ms);
		settle(c, was_live);
	}
	for (http_owed += http_rate * STREAM_TICK_MS; http_owed >= 1000; http_owed -= 1000)
		open_one(KIND_HTTP);
}

static void print_counts(void)
{
	for (int kind = 0; kind < KINDS; kind++) {
		struct counts *k = &counts[kind];
		const char *comma = "";

		if (!k->total)
			continue;
		printf("%s\t%u", kind_names[kind], k->total);
		for (int end = END_NONE + 1; end < ENDS; end++)
			printf("\t%u", k->ends[end]);
		printf("\t%lld\t", (long long)k->stall_ms);
		for (int b = 0; b < MAX_BACKENDS; b++) {
			if (!k->broken[b])
				continue;
			printf("%s%d:%u", comma, b, k->broken[b]);
			comma = ",";
		}
		puts("");
	}
	puts("end");
}

static void finish(void)
{
	int64_t t = now();

	finishing = true;
	http_rate = 0;
	for (int fd = 0; fd < MAX_FDS; fd++) {
		struct connection *c = connections[fd];
		bool was_live = c && c->live;

		if (!c)
			continue;
		connection_finish(c, t);
		settle(c, was_live);
	}
}

static void obey(char *line)
{
	char name[16];
	unsigned int n;

	if (sscanf(line, "http %u", &n) == 1) {
		http_rate = n;
		return;
	}
	if (sscanf(line, "open %15s %u", name, &n) == 2) {
		for (int kind = 0; kind < KINDS; kind++)
			if (!strcmp(name, kind_names[kind]))
				to_open[kind] += n;
		return;
	}
	if (!strcmp(line, "wait"))
		answer_live = true;
	else if (!strcmp(line, "finish"))
		finish();
	else
		exit(2);
}

/* Whole lines from standard input; its end is the program's. */
static void read_commands(void)
{
	static char text[4096];
	static size_t held;
	ssize_t got = read(STDIN_FILENO, text + held, sizeof(text) - held - 1);
	char *line = text, *stop;

	if (got <= 0)
		exit(finishing ? 0 : 1);
	held += got;
	text[held] = 0;
	for (; (stop = strchr(line, '\n')); line = stop + 1) {
		*stop = 0;
		obey(line);
	}
	held -= line - text;
	memmove(text, line, held);
}

static int timer_open(void)
{
	struct timespec tick_time = { .tv_nsec = STREAM_TICK_MS * 1000000L };
	struct itimerspec times = { tick_time, tick_time };
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);

	timerfd_settime(fd, 0, &times, NULL);
	return fd;
}

static void watch(int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
		fail("epoll_ctl");
}

static void turn(int timer)
{
	struct epoll_event events[512];
	uint64_t expired;
	int n = epoll_wait(epoll, events, 512, -1);

	for (int i = 0; i < n; i++) {
		if (events[i].data.fd == STDIN_FILENO)
			read_commands();
		else if (events[i].data.fd != timer)
			ready(events[i].data.fd, events[i].events);
		else if (read(timer, &expired, sizeof(expired)) == sizeof(expired))
			tick();
	}
	open_more();
}

int main(int argc, char **argv)
{
	struct rlimit files = { MAX_FDS, MAX_FDS };
	int timer;

	if (argc < 3)
		return 2;
	silent_ms = atoi(argv[1]) * 1000LL;
	for (int i = 2; i < argc && target_count < MAX_ADDRESSES; i++)
		if (read_address(argv[i], &targets[target_count++]))
			fail(argv[i]);
	setvbuf(stdout, NULL, _IOLBF, 0);
	setrlimit(RLIMIT_NOFILE, &files);
	find_sources();
	epoll = epoll_create1(0);
	watch(STDIN_FILENO);
	watch(timer = timer_open());
	while (!finishing || active || opening)
		turn(timer);
	print_counts();
	return 0;
}
