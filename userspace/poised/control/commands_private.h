/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands' handlers, for commands.c: each returns the result, or NULL after it refused. */
#ifndef POISE_COMMANDS_PRIVATE_H
#define POISE_COMMANDS_PRIVATE_H

#include <jansson.h>

struct request;

/* commands_backend.c */
json_t *command_backend_list(const struct request *request);
json_t *command_backend_show(const struct request *request);
json_t *command_backend_add(const struct request *request);
json_t *command_backend_remove(const struct request *request);
json_t *command_backend_drain(const struct request *request);
json_t *command_backend_undrain(const struct request *request);
json_t *command_backend_weight(const struct request *request);

/* commands_ring.c */
json_t *command_ring_export(const struct request *request);
json_t *command_ring_import(const struct request *request);

/* capture.c */
json_t *command_capture(const struct request *request);

/* explain.c */
json_t *command_explain(const struct request *request);
json_t *command_host_drain(const struct request *request);
json_t *command_host_undrain(const struct request *request);

/* batch.c */
json_t *command_batch(const struct request *request);

/* commands_config.c */
json_t *command_config(const struct request *request);
json_t *command_reload(const struct request *request);
json_t *command_apply(const struct request *request);

#endif
