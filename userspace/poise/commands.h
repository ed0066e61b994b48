/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The commands (cmd_*.c). Each gets a checked command line and returns an exit code. */
#ifndef POISE_COMMANDS_H
#define POISE_COMMANDS_H

struct invocation;

int cmd_status(const struct invocation *invocation);
int cmd_stats(const struct invocation *invocation);
int cmd_top(const struct invocation *invocation);
int cmd_explain(const struct invocation *invocation);
int cmd_capture(const struct invocation *invocation);

int cmd_service_list(const struct invocation *invocation);
int cmd_service_show(const struct invocation *invocation);

int cmd_backend_list(const struct invocation *invocation);
int cmd_backend_show(const struct invocation *invocation);
int cmd_backend_add(const struct invocation *invocation);
int cmd_backend_remove(const struct invocation *invocation);
int cmd_backend_drain(const struct invocation *invocation);
int cmd_backend_undrain(const struct invocation *invocation);
int cmd_backend_weight(const struct invocation *invocation);
int cmd_drain(const struct invocation *invocation);
int cmd_undrain(const struct invocation *invocation);
int cmd_batch(const struct invocation *invocation);

int cmd_ring_export(const struct invocation *invocation);
int cmd_ring_import(const struct invocation *invocation);

int cmd_check(const struct invocation *invocation);
int cmd_doctor(const struct invocation *invocation);
int cmd_diff(const struct invocation *invocation);
int cmd_save(const struct invocation *invocation);

int cmd_reload(const struct invocation *invocation);
int cmd_apply(const struct invocation *invocation);
int cmd_detach(const struct invocation *invocation);
int cmd_version(const struct invocation *invocation);
int cmd_help(const struct invocation *invocation);

#endif
