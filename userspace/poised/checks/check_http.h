/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The 'http' check: one GET on a connection of its own; passes by the answer's status and, when the
 * configuration names a text, by a body that holds it.
 */
#ifndef POISE_CHECK_HTTP_H
#define POISE_CHECK_HTTP_H

#include "check.h"

enum {
	CHECK_HTTP_MAX_HEADER_KIB = 16, /* of all header lines together, interim answers included */
	CHECK_HTTP_MAX_BODY_KIB = 64,	/* in which the text is looked for */
};

extern const struct check_kind check_http;

#endif
