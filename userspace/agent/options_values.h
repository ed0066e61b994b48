/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The values of options: parses and checks each one, by itself. All return an exit code, and tell
 * on stderr what is wrong. */
#ifndef POISE_AGENT_OPTIONS_VALUES_H
#define POISE_AGENT_OPTIONS_VALUES_H

#include "options.h"

/* Lists: each call adds one. */
int options_add_vip(struct options *options, const char *text);
int options_add_from(struct options *options, const char *text);
int options_add_hop(struct options *options, const char *text);
int options_add_namespace(struct options *options, const char *text);
int options_add_source(struct options *options, const char *text); /* one of each family */
int options_add_encapsulation(struct options *options, const char *text);

int options_set_mss(struct options *options, const char *text);
int options_set_gue_port(struct options *options, const char *text);
int options_set_mode(struct options *options, const char *text);
int options_set_pin_path(struct options *options, const char *text);

int options_set_user(struct options *options, const char *text);
int options_set_agent_check(struct options *options, const char *text);
int options_set_load_target(struct options *options, const char *text);
int options_set_drain_file(struct options *options, const char *text);
int options_set_drain_time(struct options *options, const char *text);

#endif
