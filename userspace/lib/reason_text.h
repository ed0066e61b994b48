/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The data plane's reasons, events and verdicts in words. */
#ifndef POISE_REASON_TEXT_H
#define POISE_REASON_TEXT_H

#include "poise_abi.h"

/* "no_backend", and what it means; "unknown" for what is none. */
const char *reason_name(unsigned int reason);
const char *reason_meaning(unsigned int reason);
const char *event_name(unsigned int event);
const char *event_meaning(unsigned int event);

/* "pass", "tx", "redirect", "drop"; "aborted" for all else. */
const char *verdict_name(int verdict);

#endif
