/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Answers of poised (docs/CONTROL.md) into poise top's model. */
#ifndef POISE_TOP_FEED_H
#define POISE_TOP_FEED_H

#include <jansson.h>
#include <stdbool.h>

struct top_model;

/* Each takes a result, and returns false if it is not what it must be. at: when it was made,
 * seconds on the model's clock. */
bool top_feed_stats(struct top_model *model, json_t *result, double at);
bool top_feed_services(struct top_model *model, json_t *result);
bool top_feed_backends(struct top_model *model, json_t *result);

#endif
