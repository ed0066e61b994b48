/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The control command 'explain': a packet is made of the arguments and run dry; what the data plane
 * told of it is answered in the words of docs/CONTROL.md. explain.c owns the request,
 * explain_report.c the answer.
 */
#ifndef POISE_EXPLAIN_H
#define POISE_EXPLAIN_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct balancer;
struct traced_result;

/* The frame that came in. */
struct explain_frame {
	const uint8_t *bytes;
	size_t length;
	const char *interface; /* by which it came; "": none */
};

/* A new reference. */
json_t *explain_report(struct balancer *balancer, const struct explain_frame *frame,
		       const struct traced_result *result);

#endif
