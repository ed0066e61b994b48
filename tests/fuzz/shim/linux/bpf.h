/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel's <linux/bpf.h>, but for the context of an XDP program: its 32-bit fields hold no
 * pointer of a process.
 */
#ifndef POISE_SHIM_LINUX_BPF_H
#define POISE_SHIM_LINUX_BPF_H

#define xdp_md kernel_xdp_md
#include_next <linux/bpf.h>
#undef xdp_md

struct xdp_md {
	unsigned long data, data_end, data_meta;
	__u32 ingress_ifindex, rx_queue_index, egress_ifindex;
};

#endif
