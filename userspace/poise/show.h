/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Backends and services as people read them, alike in each command that shows them. */
#ifndef POISE_SHOW_H
#define POISE_SHOW_H

#include <jansson.h>
#include <stdbool.h>

struct invocation;
struct table;
struct view_backend;
struct view_service;

/* A table of backends; with_service: their service is its first column. */
struct table *show_backend_table(bool with_service, size_t indent);

/* Adds a backend's row and, where there is something to say, lines of their own under it. */
void show_backend(struct table *table, const struct view_backend *backend, bool with_service,
		  size_t indent);

/* Adds a list of backends, titles first; false, after a complaint, if one is not understood. */
bool show_backends(struct table *table, const json_t *backends, bool with_service, size_t indent);

/* Asks, and prints the answer: as it is for programs, else by show(), which returns whether it was
 * understood. Takes the reference to arguments (NULL: none). Returns the exit code. */
int show_answer(const struct invocation *invocation, const char *command, json_t *arguments,
		bool (*show)(json_t *result));

/* Asks for a change of the backend that the first two operands name (its service and itself), and
 * prints it as it is after that, unless silent. Takes the reference to more arguments (NULL: none).
 * Returns an exit code. */
int show_change(const struct invocation *invocation, const char *command, json_t *more,
		bool silent);

/* Prints the backends of an answer, a line each; false, after a complaint, if one is not
 * understood.
 */
bool show_changed(json_t *result);
/* After a change: warns where poised cannot save what is changed by command. */
void show_unsaved(const struct invocation *invocation);

/* "192.0.2.1:80", "192.0.2.1:8000-8100", "[2001:db8::/64]:any": to be free()d. */
char *show_endpoint(const struct view_service *service);

/* "http :80/healthz every 1s": to be free()d. */
char *show_check(const struct view_service *service);

/* "up, drain, 75 %: being updated"; NULL: the backend has no agent. To be freed. */
char *show_agent(const struct view_backend *backend);

#endif
