/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane once more, loaded to tell what it does (bpf/trace.bpf.h): with the maps of the one
 * that forwards, and those of its own, which are never pinned.
 */
#ifndef POISE_TRACED_H
#define POISE_TRACED_H

#include <stddef.h>
#include <stdint.h>

#include "attach.h"
#include "poise_abi.h"

struct loader;
struct traced;

enum traced_role {
	TRACED_DRY,	  /* for test runs: writes nothing that lasts */
	TRACED_CAPTURING, /* to take the place of the program that forwards */
};

enum { TRACED_OWN_MAPS = 3 };

/* Loads it; takes some tenths of a second. The loader must outlive it. 0 or a negative errno. */
int traced_new(struct loader *loader, enum traced_role role, struct traced **out);
void traced_free(struct traced *traced); /* takes NULL */

/* The maps of a capturing one that no other program has; they are its own still. */
void traced_own_maps(const struct traced *traced, int fds[TRACED_OWN_MAPS]);
/* As traced_new(), a capturing one over such maps, which the caller may close then. */
int traced_join(struct loader *loader, const int fds[TRACED_OWN_MAPS], struct traced **out);

enum {
	TRACED_MIN_BYTES = 14,	 /* of a frame to be run */
	TRACED_MAX_BYTES = 3328, /* what the kernel's test runs take without fragments */
	TRACED_OUT_BYTES = TRACED_MAX_BYTES + 256,
};

struct traced_result {
	struct poise_trace trace;
	int verdict; /* enum xdp_action */
	uint32_t length;
	uint8_t frame[TRACED_OUT_BYTES]; /* what came out */
};

/*
 * A dry run of a frame that comes in by the interface, or by none (0): what would become of it now.
 * 0; -ENODEV: there is no such interface; -EMSGSIZE: the frame's length; or another negative errno.
 */
int traced_run(struct traced *traced, const void *frame, size_t length, uint32_t ifindex,
	       struct traced_result *out);

/* A capturing one, as attach.c takes it. */
struct attach_program traced_program(struct traced *traced);
/* What it captures from now on; 0 or a negative errno. */
int traced_set_capture(struct traced *traced, const struct poise_capture_options *options);
uint64_t traced_capture_lost(struct traced *traced); /* since the options were set */
int traced_captures_fd(const struct traced *traced); /* the ring buffer */

#endif
