/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The release that all programs of one build belong to. */
#ifndef POISE_VERSION_H
#define POISE_VERSION_H

#define POISE_VERSION "0.1.0"

#endif
