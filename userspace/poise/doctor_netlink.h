/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What doctor_host.h asks by rtnetlink. */
#ifndef POISE_DOCTOR_NETLINK_H
#define POISE_DOCTOR_NETLINK_H

struct host_link;

/* Fills up, mtu, veth, peer, peer_xdp. 0, -ENODEV, or another negative errno. */
int doctor_netlink_link(const char *interface, struct host_link *out);

#endif
