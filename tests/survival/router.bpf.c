// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * At the router's ingress: forgets the hash that a packet carries from its sender. Inside of one
 * kernel that is a socket's own (and another one after a timeout), ECMP would take it for the
 * packet's, and a flow would change its balancer for no reason that a real network knows.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int forget_hash(struct __sk_buff *skb)
{
	bpf_set_hash_invalid(skb);
	return TC_ACT_OK;
}

char LICENSE[] SEC("license") = "GPL";
