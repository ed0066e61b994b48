// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* A backend's interfaces and sockets: see agent_host.h. */
#include "agent_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "build.h"
#include "hex.h"

#define IN_MAC	 "02:00:00:00:01:0b"
#define NEAR_MAC "02:00:00:00:01:0c"

const char *const AGENT_CLIENT[2] = { "198.51.100.2", "2001:db8:1::2" };
const char *const AGENT_VIP[2] = { "203.0.113.10", "2001:db8:f::10" };
const char *const AGENT_SELF[2] = { "10.0.1.11", "2001:db8:2::11" };
const char *const AGENT_NEAR[2] = { "10.0.1.12", "2001:db8:2::12" };
const char *const AGENT_SILENT[2] = { "10.0.1.13", "2001:db8:2::13" };
const char *const AGENT_SMALL[2] = { "10.0.1.14", "2001:db8:2::14" };
const char *const AGENT_ASIDE[2] = { "10.0.2.12", "2001:db8:3::12" };
const char *const AGENT_NOWHERE[2] = { "10.0.9.9", "2001:db8:9::9" };
const char AGENT_IN_MAC[] = IN_MAC, AGENT_NEAR_MAC[] = NEAR_MAC;

enum { ANSWER_MS = 10000, SERVERS = 32 };

static int own_namespace = -1, container = -1;

static _Noreturn void bail_out(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	exit(1);
}

static void shell(const char *script)
{
	if (system(script))
		bail_out(script);
}

/*
 * The namespaces.
 */

#define ADD_TO_LO                                                                                  \
	"ip link set lo up\n"                                                                      \
	"for a in 203.0.113.10 198.51.100.2; do ip address add $a dev lo; done\n"                  \
	"for a in 2001:db8:f::10 2001:db8:1::2; do ip address add $a dev lo nodad; done\n"

/* The other ends of the interfaces stay where they are: nobody is there. */
static const char INTERFACES[] =
	"set -e\n" ADD_TO_LO "ip link add agent-in address " IN_MAC
	" type veth peer name in-peer address " NEAR_MAC "\n"
	"ip link add agent-out type veth peer name out-peer\n"
	"sysctl -qw net.ipv6.conf.in-peer.disable_ipv6=1 net.ipv6.conf.out-peer.disable_ipv6=1\n"
	"for i in agent-in in-peer agent-out out-peer; do ip link set $i arp off up; done\n"
	"ip address add 10.0.1.11/24 dev agent-in\n"
	"ip address add 2001:db8:2::11/64 dev agent-in nodad\n"
	"ip address add 10.0.2.11/24 dev agent-out\n"
	"ip address add 2001:db8:3::11/64 dev agent-out nodad\n"
	"ip route add 10.0.1.14 dev agent-in mtu lock 1280\n"
	"ip route add 2001:db8:2::14 dev agent-in mtu lock 1280\n"
	"ip link set agent-in arp on\n"
	"for a in 10.0.1.12 10.0.1.14 2001:db8:2::12 2001:db8:2::14; do\n"
	"	ip neighbour replace $a lladdr " NEAR_MAC " dev agent-in nud permanent\n"
	"done\n"
	"for a in 10.0.2.12 2001:db8:3::12; do\n"
	"	ip neighbour replace $a lladdr 02:00:00:00:02:0c dev agent-out nud permanent\n"
	"done\n"
	"sysctl -qw net.ipv4.tcp_syncookies=0\n";

static int open_namespace(void)
{
	int fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		bail_out("/proc/self/ns/net");
	return fd;
}

/* A child that does nothing holds the container's namespace, for `ip link` to name it. */
static void make_container(void)
{
	char text[256];
	pid_t child;

	if (unshare(CLONE_NEWNET))
		bail_out("cannot make a network namespace");
	container = open_namespace();
	child = fork();
	if (child < 0)
		bail_out("fork");
	if (!child) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		_exit(0);
	}
	shell("set -e\n" ADD_TO_LO);
	agent_host_leave_container();
	snprintf(text, sizeof(text), "ip link add to-container type veth peer name up netns %d",
		 (int)child);
	shell(text);
}

unsigned int agent_host_begin(void)
{
	if (unshare(CLONE_NEWNET)) {
		if (errno == EPERM) {
			printf("1..0 # SKIP needs root\n");
			exit(0);
		}
		bail_out("cannot make a network namespace");
	}
	own_namespace = open_namespace();
	shell(INTERFACES);
	make_container();
	return if_nametoindex("agent-in");
}

void agent_host_lo_forwards(bool on)
{
	shell(on ? "sysctl -qw net.ipv4.conf.lo.forwarding=1 net.ipv6.conf.lo.forwarding=1"
		 : "sysctl -qw net.ipv4.conf.lo.forwarding=0 net.ipv6.conf.lo.forwarding=0");
}

void agent_host_enter_container(void)
{
	if (setns(container, CLONE_NEWNET))
		bail_out("setns");
}

void agent_host_leave_container(void)
{
	if (setns(own_namespace, CLONE_NEWNET))
		bail_out("setns");
}

int agent_host_container_id(void)
{
	FILE *pipe = popen(
		"ip -o link show to-container | sed 's/.*link-netnsid \\([0-9]*\\).*/\\1/'", "r");
	int id = -1;

	if (!pipe || fscanf(pipe, "%d", &id) != 1 || pclose(pipe) || id < 0)
		bail_out("no id of the container");
	return id;
}

/*
 * Sockets.
 */

static socklen_t make_address(int family, const char *text, uint16_t port,
			      struct sockaddr_storage *address)
{
	struct sockaddr_in *in4 = (struct sockaddr_in *)address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)address;

	memset(address, 0, sizeof(*address));
	if (family == 4) {
		in4->sin_family = AF_INET;
		in4->sin_port = htons(port);
		inet_pton(AF_INET, text, &in4->sin_addr);
		return sizeof(*in4);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	inet_pton(AF_INET6, text, &in6->sin6_addr);
	return sizeof(*in6);
}

static int open_bound(int family, const char *text, uint16_t port)
{
	struct sockaddr_storage address;
	socklen_t bytes = make_address(family, text, port, &address);
	int fd = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&address, bytes))
		bail_out("cannot bind a socket");
	return fd;
}

/* Of an IPv4 or IPv6 socket. */
static uint16_t port_of(int fd)
{
	struct sockaddr_storage address;
	socklen_t bytes = sizeof(address);

	if (getsockname(fd, (struct sockaddr *)&address, &bytes))
		bail_out("getsockname");
	return ntohs(((struct sockaddr_in *)&address)->sin_port);
}

int agent_host_listen(int family, uint16_t port)
{
	int fd = open_bound(family, AGENT_VIP[family == 6], port);

	if (listen(fd, SERVERS))
		bail_out("listen");
	return fd;
}

static int connect_client(int family, uint16_t port)
{
	int fd = open_bound(family, AGENT_CLIENT[family == 6], 0);
	struct sockaddr_storage address;
	socklen_t bytes = make_address(family, AGENT_VIP[family == 6], port, &address);

	if (connect(fd, (struct sockaddr *)&address, bytes))
		bail_out("connect");
	return fd;
}

/* Both ends, the listener closed again. */
static void make_connection(int family, uint16_t port, int *client, int *server)
{
	int listener = agent_host_listen(family, port);

	*client = connect_client(family, port);
	*server = accept(listener, NULL, NULL);
	if (*server < 0)
		bail_out("accept");
	close(listener);
}

/* The number of the byte that a server would send next. */
static uint32_t next_number(int server)
{
	int on = TCP_REPAIR_ON, off = TCP_REPAIR_OFF_NO_WP, queue = TCP_SEND_QUEUE;
	uint32_t number;
	socklen_t bytes = sizeof(number);

	if (setsockopt(server, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)) ||
	    setsockopt(server, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
	    getsockopt(server, IPPROTO_TCP, TCP_QUEUE_SEQ, &number, &bytes) ||
	    setsockopt(server, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)) ||
	    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on))) /* it was cleared */
		bail_out("TCP_REPAIR");
	return number;
}

uint16_t agent_host_connect(int family, uint16_t port, uint32_t *next)
{
	int client, server;

	make_connection(family, port, &client, &server);
	*next = next_number(server);
	return port_of(client);
}

uint16_t agent_host_connect_full(int family, uint16_t port, uint32_t *unheard, uint32_t *next)
{
	static const char bytes[1 << 16];
	int client, server, waiting;

	make_connection(family, port, &client, &server);
	while (send(server, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		;
	*next = next_number(server);
	if (ioctl(server, SIOCOUTQ, &waiting) || waiting <= 0)
		bail_out("SIOCOUTQ");
	*unheard = *next - (uint32_t)waiting;
	return port_of(client);
}

uint16_t agent_host_close(int family, uint16_t port, uint32_t *end)
{
	int client, server;
	uint16_t client_port;
	char byte;

	make_connection(family, port, &client, &server);
	client_port = port_of(client);
	*end = next_number(server) + 1; /* its FIN */
	close(server);
	if (read(client, &byte, 1)) /* the end: the server's FIN has come */
		bail_out("the server did not close");
	close(client);
	return client_port;
}

/*
 * SYNs.
 */

void agent_host_cookies(enum agent_host_cookies when)
{
	char text[64];

	snprintf(text, sizeof(text), "sysctl -qw net.ipv4.tcp_syncookies=%d", (int)when);
	shell(text);
}

static int open_wire(void)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex("in-peer") };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));

	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)))
		bail_out("cannot open a packet socket");
	return fd;
}

/* The sequence number of a SYN-ACK to the port; false: it is another frame. */
static bool read_syn_ack(const struct packet *frame, int family, uint16_t client_port,
			 uint32_t *number)
{
	size_t l4 = ETH_BYTES + (family == 4 ? IP4_BYTES : IP6_BYTES);
	const uint8_t *tcp = frame->bytes + l4;

	if (frame->length < l4 + TCP_BYTES || tcp[13] != (SYN | ACK) ||
	    (tcp[2] << 8 | tcp[3]) != client_port)
		return false;
	*number = (uint32_t)tcp[4] << 24 | (uint32_t)tcp[5] << 16 | (uint32_t)tcp[6] << 8 | tcp[7];
	return true;
}

uint32_t agent_host_syn(int family, uint16_t client_port, uint16_t port)
{
	const char *client = AGENT_NEAR[family == 6], *vip = AGENT_VIP[family == 6];
	struct packet frame =
		PKT(eth(NEAR_MAC, IN_MAC), family == 4 ? ip4(client, vip) : ip6(client, vip),
		    tcp(client_port, port, SYN));
	struct pollfd wire = { .fd = open_wire(), .events = POLLIN };
	uint32_t number = 0;
	bool found = false;

	if (write(wire.fd, frame.bytes, frame.length) != (ssize_t)frame.length)
		bail_out("cannot send a SYN");
	while (!found && poll(&wire, 1, ANSWER_MS) > 0) {
		ssize_t bytes = read(wire.fd, frame.bytes, sizeof(frame.bytes));

		frame.length = bytes > 0 ? (size_t)bytes : 0;
		found = read_syn_ack(&frame, family, client_port, &number);
	}
	close(wire.fd);
	if (!found) {
		errno = ETIMEDOUT;
		bail_out("no SYN-ACK");
	}
	return number;
}
