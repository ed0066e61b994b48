/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Taking up the services and backends that an earlier poised left in the pinned maps. */
#ifndef POISE_ADOPT_H
#define POISE_ADOPT_H

struct balancer;

/*
 * Reads every record. The data plane is not touched until balancer_apply() has said what is still
 * declared. 0 or a negative errno.
 */
int adopt_all(struct balancer *balancer);
/* Instead of that, where the maps are new: there is no record to be read. */
void adopt_none(struct balancer *balancer);

#endif
