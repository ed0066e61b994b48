/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A backend in a network namespace of its own, as second chance sees it: interfaces, routes and
 * neighbours, and sockets of the VIPs in every state.
 *
 *   agent-in   10.0.1.11/24, 2001:db8:2::11/64   packets come in here; neighbours AGENT_NEAR,
 *                                                none at AGENT_SILENT
 *   agent-out  10.0.2.11/24, 2001:db8:3::11/64   neighbour AGENT_ASIDE
 *   lo         VIPs, and the client of connections that lo carries
 */
#ifndef POISE_TEST_AGENT_HOST_H
#define POISE_TEST_AGENT_HOST_H

#include <stdbool.h>
#include <stdint.h>

enum { AGENT_SERVICE_PORT = 80, AGENT_UNUSED_PORT = 81 };

/* Indexed by family == 6. */
extern const char *const AGENT_CLIENT[2],
	*const AGENT_VIP[2], *const AGENT_NEAR[2],
				     *const AGENT_SILENT[2],
					     *const AGENT_ASIDE[2],
						     *const AGENT_SMALL[2],
							     *const AGENT_SELF[2],
								     *const AGENT_NOWHERE[2];
extern const char AGENT_IN_MAC[], AGENT_NEAR_MAC[];

/* Whatever fails ends the test. Returns the index of agent-in. */
unsigned int agent_host_begin(void);

/* Whether the host's own routes can be asked for: /proc/sys/net/.../lo/forwarding. */
void agent_host_lo_forwards(bool on);

/* A socket that listens at the VIP; close() ends it. */
int agent_host_listen(int family, uint16_t port);
/* A connection from AGENT_CLIENT to a port of the VIP, where no socket listens any more. Returns
 * the client's port. next: the number of the byte that the server would send next. */
uint16_t agent_host_connect(int family, uint16_t port, uint32_t *next);
/* One whose server has said more than its client takes. unheard: the number of its first byte that
 * was not acknowledged; next: as above. */
uint16_t agent_host_connect_full(int family, uint16_t port, uint32_t *unheard, uint32_t *next);
/* One that the server has closed first: its side is in TIME_WAIT. end: the number behind the last
 * byte that it sent. */
uint16_t agent_host_close(int family, uint16_t port, uint32_t *end);

/* As net.ipv4.tcp_syncookies. */
enum agent_host_cookies { AGENT_COOKIES_NEVER, AGENT_COOKIES_WHEN_FULL, AGENT_COOKIES_ALWAYS };
void agent_host_cookies(enum agent_host_cookies when);
/* A SYN from AGENT_NEAR by agent-in; returns the number that the SYN-ACK has. Unless that is
 * a cookie the connection is half open from then on. */
uint32_t agent_host_syn(int family, uint16_t client_port, uint16_t port);

/* The following happens in another namespace, with VIPs and the client on its lo; then no more. */
void agent_host_enter_container(void);
void agent_host_leave_container(void);
/* Its id in the first namespace. */
int agent_host_container_id(void);

#endif
