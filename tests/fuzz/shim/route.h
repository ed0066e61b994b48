/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The host's sockets and routes, as a program's helpers see them: answers that a test has set, and
 * what was asked.
 */
#ifndef POISE_SHIM_ROUTE_H
#define POISE_SHIM_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <linux/bpf.h>

struct shim_host {
	/* The socket that every look-up in the network namespace 'namespace' finds; 0: none. The
	 * interface's own is BPF_F_CURRENT_NETNS. */
	uint32_t socket_state;
	int32_t namespace;
	bool cookie_valid;
	int route; /* what bpf_fib_lookup() returns */
	uint32_t ifindex;
};

struct shim_asked {
	uint32_t sockets, routes; /* how often */
	struct bpf_sock_tuple tuple;
	uint32_t tuple_bytes;
	struct bpf_fib_lookup fib;
	int held; /* sockets that were found and not released */
};

extern struct shim_host shim_host;
extern struct shim_asked shim_asked; /* since it was last set to zeros */

/* What a found route's neighbours are. */
extern const uint8_t shim_macs[2][6]; /* destination, source */

#endif
