/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The configuration's words for all packets, whatever their service, in the data plane. */
#ifndef POISE_SETTINGS_H
#define POISE_SETTINGS_H

struct config;
struct poise_settings;

/* Stores what may change at any time but the settle time, each by one store. */
void settings_write(struct poise_settings *settings, const struct config *config);

#endif
