/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command 'batch': several changes of backends as one. All of them are tried first (trial.h),
 * so that either all are made, in one commit, or nothing is changed and every error told.
 */
#include "batch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "report.h"
#include "report_backend.h"
#include "request.h"
#include "runtime.h"
#include "trial.h"

enum batch_kind { BATCH_ADD, BATCH_REMOVE, BATCH_DRAIN, BATCH_UNDRAIN, BATCH_WEIGHT };

struct change {
	enum batch_kind kind;
	struct service *service;
	struct config_backend wanted; /* its name, and by kind the rest */
	bool unchanged;		      /* it is there already */
	bool now;		      /* its connections are cut */
	json_t *last;		      /* what was reported of it then; NULL: it is there */
};

struct batch {
	const struct request *request;
	struct trial trial;
	struct change *changes;
	size_t count;
};

static const struct {
	const char *command;
	enum batch_kind kind;
	const char *arguments[8]; /* all that it takes */
} kinds[] = {
	{ "backend-add",
	  BATCH_ADD,
	  { "service", "name", "address", "weight", "encapsulation", "server_id", "if_missing" } },
	{ "backend-remove", BATCH_REMOVE, { "service", "name", "now" } },
	{ "backend-drain", BATCH_DRAIN, { "service", "name" } },
	{ "backend-undrain", BATCH_UNDRAIN, { "service", "name" } },
	{ "backend-weight", BATCH_WEIGHT, { "service", "name", "weight" } },
};

enum { KINDS = sizeof(kinds) / sizeof(kinds[0]) };

static bool read_add(struct batch *batch, const struct request *request, struct change *out)
{
	bool if_missing;

	if (!request_flag(request, "if_missing", &if_missing) ||
	    !request_wanted(request, out->service, &out->wanted))
		return false;
	out->unchanged = if_missing && trial_has(&batch->trial, out->service, &out->wanted);
	return true;
}

static bool read_change(struct batch *batch, const struct request *request, struct change *out)
{
	const char *name;

	if (!request_service(request, &out->service))
		return false;
	if (out->kind == BATCH_ADD)
		return read_add(batch, request, out);
	if (!request_text(request, "name", &name))
		return false;
	snprintf(out->wanted.name, sizeof(out->wanted.name), "%s", name);
	if (out->kind == BATCH_REMOVE)
		return request_flag(request, "now", &out->now);
	return out->kind != BATCH_WEIGHT || request_weight(request, -1, &out->wanted.weight);
}

static int try_change(struct batch *batch, const struct change *change,
		      char why[RUNTIME_ERROR_BYTES])
{
	const struct config_backend *wanted = &change->wanted;

	if (change->unchanged)
		return 0;
	if (change->kind == BATCH_ADD)
		return trial_add(&batch->trial, change->service, wanted, why);
	if (change->kind == BATCH_REMOVE)
		return trial_remove(&batch->trial, change->service, wanted->name, change->now, why);
	return trial_change(&batch->trial, change->service, wanted->name, why);
}

/* Reads one command and tries it; refuses it if it is not possible. */
static void try_command(struct batch *batch, const struct request *request, const char *command,
			struct change *out)
{
	char why[RUNTIME_ERROR_BYTES];
	int i = 0;

	while (i < KINDS && strcmp(kinds[i].command, command) != 0)
		i++;
	if (i == KINDS) {
		control_refuse(request->error, "'%.64s' is no command for a batch", command);
		return;
	}
	out->kind = kinds[i].kind;
	if (request_knows(request, kinds[i].arguments) && read_change(batch, request, out) &&
	    try_change(batch, out, why))
		control_refuse(request->error, "%s", why);
}

/* What is wrong with one command becomes a line of the refusal of all. */
static void try_item(struct batch *batch, size_t index, const json_t *item)
{
	struct control_error error = {};
	struct request request = { .daemon = batch->request->daemon,
				   .arguments = json_object_get(item, "arguments"),
				   .error = &error };
	const char *command = json_string_value(json_object_get(item, "command"));
	char line[CONTROL_ERROR_BYTES + 32];

	if (!command || !json_is_object(request.arguments) || json_object_size(item) != 2)
		control_refuse(&error, "allowed is an object of a command and its arguments");
	else
		try_command(batch, &request, command, &batch->changes[index]);
	if (!error.text[0])
		return;
	snprintf(line, sizeof(line), "commands[%zu]: %s", index, error.text);
	control_refuse_line(batch->request->error, line);
}

/* Whether all of it is possible; else it was refused. */
static bool try_all(struct batch *batch, const json_t *commands)
{
	const struct balancer *balancer = batch->request->daemon->balancer;
	struct control_error *error = batch->request->error;

	for (size_t i = 0; i < batch->count; i++)
		try_item(batch, i, json_array_get(commands, i));
	if (error->lines)
		control_refuse(error, "the batch was refused, nothing changed");
	else if (batch->trial.added > balancer_free_indexes(balancer))
		control_refuse(error, "no room for so many backends, nothing changed");
	else
		return true;
	return false;
}

static int make_removal(struct balancer *balancer, struct change *change, struct backend *backend,
			char why[RUNTIME_ERROR_BYTES])
{
	bool gone;

	if (change->now)
		change->last = report_removed(balancer, backend);
	return runtime_remove(balancer, backend, change->now, &gone, why);
}

static int make_change(struct balancer *balancer, struct change *change,
		       char why[RUNTIME_ERROR_BYTES])
{
	struct backend *backend = service_find(change->service, change->wanted.name);

	switch (change->kind) {
	case BATCH_ADD:
		if (change->unchanged)
			return 0;
		return runtime_add(balancer, change->service, &change->wanted, &backend, why);
	case BATCH_REMOVE:
		return make_removal(balancer, change, backend, why);
	case BATCH_WEIGHT:
		return runtime_weight(balancer, backend, change->wanted.weight, why);
	default:
		return runtime_drain(balancer, backend, change->kind == BATCH_DRAIN, why);
	}
}

/* After the trial nothing but a lack of memory makes it fail. */
static bool make_all(struct batch *batch)
{
	struct balancer *balancer = batch->request->daemon->balancer;
	char why[RUNTIME_ERROR_BYTES];
	size_t i = 0;

	balancer_hold(balancer);
	while (i < batch->count && make_change(balancer, &batch->changes[i], why) == 0)
		i++;
	balancer_release(balancer);
	if (i == batch->count)
		return true;
	control_refuse(batch->request->error, "only the first %zu of %zu changes were made: %s", i,
		       batch->count, why);
	return false;
}

static json_t *report_all(const struct batch *batch)
{
	struct balancer *balancer = batch->request->daemon->balancer;
	json_t *list = json_array();

	for (size_t i = 0; i < batch->count; i++) {
		const struct change *change = &batch->changes[i];
		struct backend *backend = service_find(change->service, change->wanted.name);

		if (backend)
			json_array_append_new(list, report_backend(balancer, backend));
		else if (change->last)
			json_array_append(list, change->last);
	}
	return json_pack("{s:o}", "backends", list);
}

json_t *command_batch(const struct request *request)
{
	const json_t *commands = json_object_get(request->arguments, "commands");
	struct batch batch = { .request = request, .count = json_array_size(commands) };
	json_t *result = NULL;

	if (!batch.count || batch.count > BATCH_MAX)
		return control_refuse(request->error, "commands: allowed is a list of 1 to %d",
				      BATCH_MAX);
	batch.changes = calloc(batch.count, sizeof(*batch.changes));
	if (!batch.changes)
		return NULL;
	if (try_all(&batch, commands) && make_all(&batch))
		result = report_all(&batch);
	for (size_t i = 0; i < batch.count; i++)
		json_decref(batch.changes[i].last);
	trial_clear(&batch.trial);
	free(batch.changes);
	return result;
}
