/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Fragments: the first one of a packet chooses its backend, the others follow it. */
#ifndef POISE_FRAGMENT_BPF_H
#define POISE_FRAGMENT_BPF_H

#include "packet.bpf.h"

/* Notes where the first fragment of a packet goes. */
__noinline int fragment_remember(const struct packet *packet, __u32 backend)
{
	barrier_var(backend);
	return packet ? 0 : backend;
}

/* Where a later fragment goes: the backend's index, with packet->hash and packet->service filled
 * in; 0: the first one was not seen in time. */
__noinline int fragment_follow(struct packet *packet)
{
	return packet ? 0 : 1;
}

#endif
