/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether a socket here has a connection: of the interface's network namespace, or of one that
 * settings name.
 */
#ifndef POISE_AGENT_LOOKUP_BPF_H
#define POISE_AGENT_LOOKUP_BPF_H

#include "agent_connection.bpf.h"

enum {
	NOBODY = -1,	      /* beside enum poise_agent_decision */
	SOCKET_TIME_WAIT = 6, /* TCP_TIME_WAIT of net/tcp_states.h */
	SOCKET_LISTENS = 10,  /* TCP_LISTEN */
	SOCKET_REQUEST = 12,  /* TCP_NEW_SYN_RECV: half open */
};

/* What is read of the kernel's structures, wherever it is in the running one's. */
#ifdef __bpf__
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif
struct sock_common {
	__u32 skc_tw_snd_nxt;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
};

struct tcp_request_sock {
	__u32 snt_isn;
};

struct tcp_sock {
	__u32 snd_una;	  /* the first byte that was not acknowledged */
	__u32 write_seq;  /* behind the last byte that is to be sent */
	__u32 max_window; /* that the client ever gave */
};
#ifdef __bpf__
#pragma clang attribute pop
#endif

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

/*
 * A connection that ended here stays for a minute in TIME_WAIT. What its client still says
 * acknowledges its last byte; else the client has a new one of the same ports, which may be another
 * backend's. A SYN is the stack's to judge (RFC 6191).
 */
static __always_inline int judge_ended(struct frame *ctx, const struct connection *connection,
				       struct bpf_sock *socket)
{
	struct tcphdr *tcp = frame_at(ctx, connection->payload, sizeof(*tcp));
	struct tcp_timewait_sock *ended;

	if (connection->protocol != IPPROTO_TCP || !tcp)
		return NOBODY;
	if (connection->syn)
		return POISE_AGENT_DECISION_OPENING;
	ended = bpf_skc_to_tcp_timewait_sock(socket);
	if (!ended || !tcp->ack ||
	    bpf_ntohl(tcp->ack_seq) != ended->tw_sk.__tw_common.skc_tw_snd_nxt)
		return NOBODY;
	return POISE_AGENT_DECISION_ESTABLISHED;
}

static __always_inline __u32 tuple_bytes(const struct tunnel *tunnel)
{
	struct bpf_sock_tuple *tuple = NULL;

	return tunnel->inner_family == 4 ? sizeof(tuple->ipv4) : sizeof(tuple->ipv6);
}

/* The same for what listens beside a half open connection: its SYN may have been answered with a
 * cookie before the queue had room for it. */
static __always_inline bool is_cookie_beside(struct frame *ctx, const struct tunnel *tunnel,
					     struct connection *connection, __s32 namespace)
{
	struct bpf_sock *listener = bpf_sk_lookup_tcp(ctx, &connection->tuple, tuple_bytes(tunnel),
						      (__u32) namespace, 0);
	bool cookie;

	if (!listener)
		return false;
	cookie = listener->state == SOCKET_LISTENS && is_cookie(ctx, tunnel, connection, listener);
	bpf_sk_release(listener);
	return cookie;
}

/*
 * A connection that is half open here may be so at another backend, too, which got the same SYN
 * when its client sent it again. The client goes on with the one whose SYN-ACK it acknowledges; the
 * other one's stack would answer with a reset (RFC 9293, section 3.10.7.4). Until then nothing but
 * the SYN-ACK was sent that could be acknowledged: with TCP Fast Open there is a whole socket.
 */
static __always_inline int judge_request(struct frame *ctx, const struct tunnel *tunnel,
					 struct connection *connection, __s32 namespace,
					 struct bpf_sock *socket)
{
	struct tcphdr *tcp = frame_at(ctx, connection->payload, sizeof(*tcp));
	struct tcp_request_sock *request = bpf_skc_to_tcp_request_sock(socket);

	if (connection->protocol != IPPROTO_TCP || !tcp || !tcp->ack || !request ||
	    bpf_ntohl(tcp->ack_seq) == request->snt_isn + 1)
		return POISE_AGENT_DECISION_ESTABLISHED;
	return is_cookie_beside(ctx, tunnel, connection, namespace) ? POISE_AGENT_DECISION_COOKIE
								    : NOBODY;
}

/*
 * A client whose connection was reset by another backend may use its ports again, while this one
 * still has a socket for the old connection. What acknowledges bytes that the socket never had to
 * send, or some that are too old, is dropped by its stack (RFC 5961, section 5.2) and may be
 * another backend's. Not snd_nxt: the kernel raises that behind the sending, an answer may come
 * before.
 */
static __always_inline int judge_open(struct frame *ctx, const struct connection *connection,
				      struct bpf_sock *socket)
{
	struct tcphdr *tcp = frame_at(ctx, connection->payload, sizeof(*tcp));
	struct tcp_sock *open = bpf_skc_to_tcp_sock(socket);
	__u32 oldest, behind;

	if (connection->protocol != IPPROTO_TCP || !tcp || !tcp->ack || !open)
		return POISE_AGENT_DECISION_ESTABLISHED;
	oldest = open->snd_una - open->max_window;
	behind = open->write_seq - oldest;
	return bpf_ntohl(tcp->ack_seq) - oldest <= behind ? POISE_AGENT_DECISION_ESTABLISHED
							  : NOBODY;
}

static __always_inline int judge_socket(struct frame *ctx, const struct tunnel *tunnel,
					struct connection *connection, __s32 namespace,
					struct bpf_sock *socket)
{
	if (socket->state == SOCKET_TIME_WAIT)
		return judge_ended(ctx, connection, socket);
	if (socket->state == SOCKET_REQUEST)
		return judge_request(ctx, tunnel, connection, namespace, socket);
	if (socket->state != SOCKET_LISTENS)
		return judge_open(ctx, connection, socket);
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
	socket = bpf_skc_lookup_tcp(ctx, &connection->tuple, tuple_bytes(tunnel), (__u32) namespace,
				    0);
	if (!socket)
		return NOBODY;
	decision = judge_socket(ctx, tunnel, connection, namespace, socket);
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
