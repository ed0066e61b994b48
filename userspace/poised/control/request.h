/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A request of the control socket, and its arguments: each getter returns false after it refused.
 */
#ifndef POISE_REQUEST_H
#define POISE_REQUEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct address;
struct backend;
struct config_backend;
struct control_error;
struct daemon;
struct service;

struct request {
	struct daemon *daemon;
	json_t *arguments;
	struct control_error *error;
};

/* Are all arguments among those known, which end with NULL? One that the command does not know is
 * more likely a slip than meant to be ignored. */
bool request_knows(const struct request *request, const char *const *known);

bool request_text(const struct request *request, const char *key, const char **out);
/* Texts that may be missing: *out is NULL then. */
bool request_optional_text(const struct request *request, const char *key, const char **out);
/* May be missing: false. */
bool request_flag(const struct request *request, const char *key, bool *out);
/* standard: what stands for a missing one; -1: it may not be missing. */
bool request_weight(const struct request *request, json_int_t standard, uint16_t *out);
/* May be missing: the service's. */
bool request_encapsulation(const struct request *request, const struct service *service,
			   uint8_t *out);
bool request_address(const struct request *request, struct address *out);
/* A backend to be added to the service: all of it. */
bool request_wanted(const struct request *request, const struct service *service,
		    struct config_backend *out);
/* The running ones that "service" and "name" mean. */
bool request_service(const struct request *request, struct service **out);
bool request_backend(const struct request *request, struct backend **out);

#endif
