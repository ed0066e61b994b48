// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Returns XDP_PASS: for the switch's end of a veth pair. What a balancer sends by XDP_TX or
 * XDP_REDIRECT leaves a veth at once only when the other end has an XDP program of its own.
 */
#include <linux/bpf.h>

__attribute__((section("xdp"), used)) int pass(struct xdp_md *context)
{
	(void)context;
	return XDP_PASS;
}
