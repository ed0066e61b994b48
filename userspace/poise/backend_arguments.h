/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The command line of 'backend add' and its like as arguments of the control protocol. */
#ifndef POISE_BACKEND_ARGUMENTS_H
#define POISE_BACKEND_ARGUMENTS_H

#include <jansson.h>

struct invocation;

/* All but service and name, of "backend-add", "backend-weight" and so on. A new object; NULL after
 * a complaint. */
json_t *backend_arguments(const struct invocation *invocation, const char *command);

#endif
