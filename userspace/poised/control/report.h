/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The running state as the JSON objects of docs/CONTROL.md. Each function returns a new reference.
 */
#ifndef POISE_REPORT_H
#define POISE_REPORT_H

#include <jansson.h>
#include <stdbool.h>

struct backend;
struct balancer;
struct config_service;
struct loader;
struct service;

json_t *report_backend(struct balancer *balancer, const struct backend *backend);
json_t *report_service(struct balancer *balancer, const struct service *service); /* no backends */
json_t *report_backend_count(struct balancer *balancer, const struct backend *backend);
json_t *report_service_count(struct balancer *balancer, const struct service *service);
json_t *report_check(const struct config_service *service); /* of its check; null: none */
json_t *report_interfaces(const struct loader *loader);
json_t *report_flows(struct balancer *balancer); /* the recorded flows' table */
json_t *report_stats(struct balancer *balancer); /* but for those counts */

#endif
