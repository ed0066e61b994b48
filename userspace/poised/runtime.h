/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Changes by command, which lie over the configuration: they survive a restart of poised, and
 * reload leaves them alone. Each is in effect when its function returns.
 */
#ifndef POISE_RUNTIME_H
#define POISE_RUNTIME_H

#include <stdbool.h>
#include <stdint.h>

struct backend;
struct balancer;
struct config_backend;
struct service;

enum { RUNTIME_ERROR_BYTES = 320 };

/* Whether what the functions below do would be refused: 0, or a negative errno with error written.
 * They look at the service's own list of backends alone, which may be a copy. */
int runtime_check_add(const struct service *service, const struct config_backend *wanted,
		      char error[RUNTIME_ERROR_BYTES]);
int runtime_check_remove(const struct backend *backend, bool now, char error[RUNTIME_ERROR_BYTES]);
int runtime_check_change(const struct backend *backend, char error[RUNTIME_ERROR_BYTES]);

/* Each returns 0, or a negative errno with error written; then nothing changed. */
int runtime_add(struct balancer *balancer, struct service *service,
		const struct config_backend *wanted, struct backend **out,
		char error[RUNTIME_ERROR_BYTES]);
/* now: connections of it go to other backends at once, or at balancer_release(). *gone: the backend
 * is freed. */
int runtime_remove(struct balancer *balancer, struct backend *backend, bool now, bool *gone,
		   char error[RUNTIME_ERROR_BYTES]);
int runtime_drain(struct balancer *balancer, struct backend *backend, bool drain,
		  char error[RUNTIME_ERROR_BYTES]);
int runtime_weight(struct balancer *balancer, struct backend *backend, uint16_t weight,
		   char error[RUNTIME_ERROR_BYTES]);

#endif
