/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The data plane once more, made to tell what it does: see trace.bpf.h. */
#define POISE_TRACED
#include "poise.bpf.c"
