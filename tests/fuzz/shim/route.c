// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Helpers that ask the host for sockets and routes: see route.h. */
#include "route.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf_helpers.h>

struct shim_host shim_host;
struct shim_asked shim_asked;
const uint8_t shim_macs[2][6] = { { 2, 0, 0, 0, 2, 1 }, { 2, 0, 0, 0, 2, 2 } };

static struct bpf_sock found, listener;

enum { LISTENS = 10, HALF_OPEN = 12 }; /* TCP_LISTEN, TCP_NEW_SYN_RECV */

/* Reads every byte, so that AddressSanitizer sees it. */
static uint8_t touch(const void *bytes, uint32_t length)
{
	const uint8_t *at = bytes;
	uint8_t sum = 0;

	for (uint32_t i = 0; i < length; i++)
		sum ^= at[i];
	return sum;
}

static void note_asked(const struct bpf_sock_tuple *tuple, __u32 bytes, __u64 flags)
{
	if (flags || (bytes != sizeof(tuple->ipv4) && bytes != sizeof(tuple->ipv6)))
		abort();
	shim_asked.sockets++;
	shim_asked.tuple_bytes = bytes;
	memcpy(&shim_asked.tuple, tuple, bytes);
}

struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 bytes,
				    __u64 namespace, __u64 flags)
{
	(void)ctx;
	note_asked(tuple, bytes, flags);
	if (!shim_host.socket_state || (int32_t) namespace != shim_host.namespace)
		return NULL;
	found.state = shim_host.socket_state;
	shim_asked.held++;
	return &found;
}

/* A half open connection's is the one that listens. */
struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 bytes,
				   __u64 namespace, __u64 flags)
{
	(void)ctx;
	note_asked(tuple, bytes, flags);
	if (shim_host.socket_state != HALF_OPEN || (int32_t) namespace != shim_host.namespace)
		return NULL;
	listener.state = LISTENS;
	shim_asked.held++;
	return &listener;
}

/* The byte behind its connection's last one has number 0. */
struct tcp_timewait_sock *bpf_skc_to_tcp_timewait_sock(void *socket)
{
	static uint32_t ended;

	if (socket != &found || shim_asked.held != 1)
		abort();
	return (void *)&ended;
}

/* The byte behind its SYN-ACK has number 0. */
struct tcp_request_sock *bpf_skc_to_tcp_request_sock(void *socket)
{
	static uint32_t number = UINT32_MAX;

	if (socket != &found || shim_asked.held != 1)
		abort();
	return (void *)&number;
}

/* Nothing was sent but number 0, and the client gave no window. */
struct tcp_sock *bpf_skc_to_tcp_sock(void *socket)
{
	static uint32_t numbers[3];

	if (socket != &found || shim_asked.held != 1)
		abort();
	return (void *)numbers;
}

long bpf_sk_release(void *socket)
{
	if (socket != &found && socket != &listener)
		abort();
	shim_asked.held--;
	return 0;
}

long bpf_tcp_check_syncookie(void *socket, void *ip, __u32 ip_bytes, struct tcphdr *tcp,
			     __u32 tcp_bytes)
{
	const volatile uint8_t read = touch(ip, ip_bytes) ^ touch(tcp, tcp_bytes);

	(void)read;
	if ((socket != &found && socket != &listener) || !shim_asked.held)
		abort();
	return shim_host.cookie_valid ? 0 : -ENOENT;
}

long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int bytes, __u32 flags)
{
	(void)ctx;
	if (flags || bytes != (int)sizeof(*params))
		abort();
	shim_asked.routes++;
	shim_asked.fib = *params;
	params->ifindex = shim_host.ifindex;
	if (!shim_host.route) {
		memcpy(params->dmac, shim_macs[0], sizeof(params->dmac));
		memcpy(params->smac, shim_macs[1], sizeof(params->smac));
	}
	return shim_host.route;
}
