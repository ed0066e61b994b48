/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a socket here has a connection: of the interface's network namespace, or of one that
 * settings name.
 */
#ifndef POISE_AGENT_LOOKUP_BPF_H
#define POISE_AGENT_LOOKUP_BPF_H

#include "agent_connection.bpf.h"

enum {
	NOBODY = -1,	     /* beside enum poise_agent_decision */
	SOCKET_LISTENS = 10, /* TCP_LISTEN of net/tcp_states.h */
};

/* The kernel sends cookies, and takes them, only while a listener's queue is full, or always. */
static __always_inline bool is_cookie(struct frame *ctx, const struct tunnel *tunnel,
				      const struct connection *connection, struct bpf_sock *socket)
{
	struct tcphdr *tcp = frame_at(ctx, connection->payload, sizeof(*tcp));
	struct iphdr *ip4 = frame_at(ctx, tunnel->inner, sizeof(*ip4));
	struct ipv6hdr *ip6 = frame_at(ctx, tunnel->inner, sizeof(*ip6));

	if (!tcp)
		return false;
	if (tunnel->inner_family == 4)
		return ip4 && !bpf_tcp_check_syncookie(socket, (void *)ip4, sizeof(*ip4), tcp,
						       sizeof(*tcp));
	return ip6 &&
	       !bpf_tcp_check_syncookie(socket, (void *)ip6, sizeof(*ip6), tcp, sizeof(*tcp));
}

/* Any state but listening is one of the connection: half open and TIME_WAIT as well. */
static __always_inline int judge_socket(struct frame *ctx, const struct tunnel *tunnel,
					const struct connection *connection,
					struct bpf_sock *socket)
{
	if (socket->state != SOCKET_LISTENS)
		return POISE_AGENT_DECISION_ESTABLISHED;
	if (connection->protocol != IPPROTO_TCP)
		return NOBODY;
	if (connection->syn)
		return POISE_AGENT_DECISION_OPENING;
	return is_cookie(ctx, tunnel, connection, socket) ? POISE_AGENT_DECISION_COOKIE : NOBODY;
}

/*
 * A decision to open, or NOBODY. A function of its own to the verifier, which need not follow it
 * for each namespace; so it checks what it is given. namespace: BPF_F_CURRENT_NETNS, or an id.
 */
__noinline int ask_namespace(struct frame *ctx, const struct tunnel *tunnel,
			     struct connection *connection, __s32 namespace)
{
	struct bpf_sock *socket;
	int decision;

	if (!tunnel || !connection)
		return NOBODY;
	socket = bpf_skc_lookup_tcp(ctx, &connection->tuple,
				    tunnel->inner_family == 4 ? sizeof(connection->tuple.ipv4)
							      : sizeof(connection->tuple.ipv6),
				    (__u32) namespace, 0);
	if (!socket)
		return NOBODY;
	decision = judge_socket(ctx, tunnel, connection, socket);
	bpf_sk_release(socket);
	return decision;
}

/* The same of all namespaces. */
static __always_inline int look_up(struct frame *ctx, const struct poise_agent_settings *set,
				   const struct tunnel *tunnel, struct connection *connection)
{
	int decision = ask_namespace(ctx, tunnel, connection, BPF_F_CURRENT_NETNS);

	for (__u32 i = 0; i < POISE_AGENT_MAX_NAMESPACES; i++) {
		if (decision != NOBODY || i >= set->namespace_count)
			break;
		decision = ask_namespace(ctx, tunnel, connection, set->namespaces[i]);
	}
	return decision;
}

#endif
