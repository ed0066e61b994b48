/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * rtnetlink's messages as the structures of rtnl.h. Every length is checked. Each function returns
 * 0, or -EBADMSG for what is not such a message or makes no sense.
 */
#ifndef POISE_RTNL_PARSE_H
#define POISE_RTNL_PARSE_H

#include <stdbool.h>

#include "rtnl.h"

struct nlmsghdr;

/* *expires becomes true when the answer holds something learned, such as a path's MTU. */
int rtnl_parse_route(const struct nlmsghdr *message, struct rtnl_route *out, bool *expires);
int rtnl_parse_link(const struct nlmsghdr *message, struct rtnl_link *out);
int rtnl_parse_neighbour(const struct nlmsghdr *message, struct rtnl_neighbour *out);

/* A notice; -EBADMSG also for those that are of no interest. */
int rtnl_parse_event(const struct nlmsghdr *message, struct rtnl_event *out);

#endif
