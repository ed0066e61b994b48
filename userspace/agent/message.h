/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the command says on stderr: "poise-agent: ..." lines, and the chatter of libbpf and libxdp.
 */
#ifndef POISE_AGENT_MESSAGE_H
#define POISE_AGENT_MESSAGE_H

#include <stdbool.h>

/* Each says one line. Returns the exit code that goes with it: refused, wrong usage. */
int refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
int usage_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

void inform(const char *format, ...) __attribute__((format(printf, 1, 2)));
void warn_about(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* libbpf's and libxdp's log: all of it on stderr, or nothing. */
void message_library_log(bool verbose);

#endif
