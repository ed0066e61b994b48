/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Requests to rtnetlink, by libmnl, each on a socket of its own. */
#ifndef POISE_AGENT_NETLINK_H
#define POISE_AGENT_NETLINK_H

#include <libmnl/libmnl.h>

enum { NETLINK_MESSAGE_BYTES = 512 };

/* Begins a request in buffer, of NETLINK_MESSAGE_BYTES; NLM_F_REQUEST is one of its flags. */
struct nlmsghdr *netlink_begin(char *buffer, uint16_t type, uint16_t flags);

/*
 * Sends one request and gives every message of the answer to callback (NULL: none is expected but
 * the acknowledgement). 0 or a negative errno.
 */
int netlink_ask(struct nlmsghdr *request, mnl_cb_t callback, void *data);

#endif
