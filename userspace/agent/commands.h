/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The subcommands, each in a file of its name. Each returns an exit code. */
#ifndef POISE_AGENT_COMMANDS_H
#define POISE_AGENT_COMMANDS_H

#include "attachment.h"
#include "options.h"
#include "poise_version.h"

int command_attach(const struct options *options);
int command_run(const struct options *options);
int command_detach(const struct options *options);
int command_status(const struct options *options);
int command_doctor(const struct options *options);

/* "native mode, libxdp's dispatcher, program 17" */
const char *attachment_text(const struct attachment *attachment);

#endif
