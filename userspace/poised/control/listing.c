/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "listing.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "control.h"
#include "daemon.h"
#include "report.h"
#include "request.h"

enum { VALUE_BYTES = 4096 }; /* most are shorter */

enum part {
	PART_SERVICES, /* opens a list */
	PART_BACKENDS, /* likewise */
	PART_LIST_END,
	PART_ONE, /* the service that follows is no list's */
	PART_SERVICE,
	PART_SERVICE_OPEN, /* its backends follow, and PART_SERVICE_END */
	PART_SERVICE_END,
	PART_BACKEND,
	PART_SERVICE_COUNT,
	PART_BACKEND_COUNT,
};

/* A part of the listing, and the index in the data plane of what it tells. */
struct step {
	uint16_t index;
	uint8_t part;
};

struct listing_state {
	struct balancer *balancer;
	uint16_t service; /* whose backends are told, as an index */
	bool open;	  /* it was told, and its list of backends began */
	bool comma;	  /* something of the same list was told before */
	size_t next, count;
	struct step steps[];
};

static int say(struct evbuffer *out, const char *text)
{
	return evbuffer_add(out, text, strlen(text));
}

/* Takes the reference to value. Without its last 'cut' bytes. */
static int say_value(struct listing_state *state, struct evbuffer *out, json_t *value, size_t cut)
{
	struct evbuffer_iovec space = { .iov_len = 0 };
	size_t length = VALUE_BYTES;
	int err = !value;

	if (!err && state->comma)
		err = say(out, ",");
	/* in place: a copy of each of thousands costs as much as what they are made of */
	while (!err && length > space.iov_len) {
		err = evbuffer_reserve_space(out, length, &space, 1) != 1;
		if (!err)
			length = json_dumpb(value, space.iov_base, space.iov_len, JSON_COMPACT);
	}
	json_decref(value);
	if (err || length <= cut)
		return -1;
	space.iov_len = length - cut;
	state->comma = true;
	return evbuffer_commit_space(out, &space, 1);
}

static int say_service(struct listing_state *state, struct evbuffer *out, const struct step *step)
{
	const struct service *service = state->balancer->service_at[step->index];
	bool open = step->part == PART_SERVICE_OPEN;
	int err;

	if (!service)
		return 0;
	if (step->part == PART_SERVICE_COUNT)
		return say_value(state, out, report_service_count(state->balancer, service), 0);
	err = say_value(state, out, report_service(state->balancer, service), open);
	if (err || !open)
		return err;
	state->service = step->index;
	state->open = true;
	state->comma = false;
	return say(out, ",\"backends\":[");
}

static int end_service(struct listing_state *state, struct evbuffer *out)
{
	bool open = state->open;

	state->open = false;
	state->comma |= open;
	return open ? say(out, "]}") : 0;
}

static int say_backend(struct listing_state *state, struct evbuffer *out, const struct step *step)
{
	const struct backend *backend = state->balancer->by_index[step->index];

	if (!backend || (state->open && backend->service->index != state->service))
		return 0;
	if (step->part == PART_BACKEND_COUNT)
		return say_value(state, out, report_backend_count(state->balancer, backend), 0);
	return say_value(state, out, report_backend(state->balancer, backend), 0);
}

/* A member of the result: a list, or the name of what follows. */
static int open_member(struct listing_state *state, struct evbuffer *out, const char *text)
{
	int err = state->comma ? say(out, ",") : 0;

	state->comma = false;
	return err ? err : say(out, text);
}

static int say_step(struct listing_state *state, struct evbuffer *out, const struct step *step)
{
	switch ((enum part)step->part) {
	case PART_SERVICES:
		return open_member(state, out, "\"services\":[");
	case PART_BACKENDS:
		return open_member(state, out, "\"backends\":[");
	case PART_ONE:
		return open_member(state, out, "\"service\":");
	case PART_LIST_END:
		state->comma = true;
		return say(out, "]");
	case PART_SERVICE:
	case PART_SERVICE_OPEN:
	case PART_SERVICE_COUNT:
		return say_service(state, out, step);
	case PART_SERVICE_END:
		return end_service(state, out);
	case PART_BACKEND:
	case PART_BACKEND_COUNT:
		return say_backend(state, out, step);
	}
	return 0;
}

static int listing_next(void *context, struct evbuffer *out)
{
	struct listing_state *state = context;

	if (say_step(state, out, &state->steps[state->next++]))
		return -ENOMEM;
	return state->next < state->count;
}

static const struct control_pieces pieces = { listing_next, free };

static void add(struct listing_state *state, enum part part, uint16_t index)
{
	state->steps[state->count++] = (struct step){ .index = index, .part = part };
}

static void add_backends(struct listing_state *state, enum part part, const struct service *service)
{
	for (const struct backend *b = service->backends; b; b = b->next)
		add(state, part, b->index);
}

static void add_service(struct listing_state *state, const struct service *service)
{
	add(state, PART_SERVICE_OPEN, service->index);
	add_backends(state, PART_BACKEND, service);
	add(state, PART_SERVICE_END, service->index);
}

static void add_services(struct listing_state *state, enum listing kind)
{
	const struct balancer *balancer = state->balancer;

	add(state, PART_SERVICES, 0);
	for (size_t i = 0; i < balancer->service_count; i++) {
		if (kind == LISTING_WITH_BACKENDS)
			add_service(state, balancer->services[i]);
		else
			add(state, kind == LISTING_COUNTS ? PART_SERVICE_COUNT : PART_SERVICE,
			    balancer->services[i]->index);
	}
	add(state, PART_LIST_END, 0);
}

static void add_all_backends(struct listing_state *state, enum part part,
			     const struct service *only)
{
	add(state, PART_BACKENDS, 0);
	for (size_t i = 0; i < state->balancer->service_count; i++)
		if (!only || only == state->balancer->services[i])
			add_backends(state, part, state->balancer->services[i]);
	add(state, PART_LIST_END, 0);
}

static void plan(struct listing_state *state, enum listing kind, const struct service *only)
{
	if (kind == LISTING_ONE) {
		add(state, PART_ONE, 0);
		add_service(state, only);
		return;
	}
	if (kind != LISTING_BACKENDS)
		add_services(state, kind);
	if (kind == LISTING_BACKENDS || kind == LISTING_COUNTS)
		add_all_backends(state, kind == LISTING_COUNTS ? PART_BACKEND_COUNT : PART_BACKEND,
				 only);
}

/* Room for each service twice, each backend, and the marks of two lists. */
static size_t most_steps(const struct balancer *balancer)
{
	size_t steps = 2 * balancer->service_count + 4;

	for (size_t i = 0; i < balancer->service_count; i++)
		steps += balancer->services[i]->backend_count;
	return steps;
}

json_t *listing_follow(const struct request *request, json_t *result, enum listing kind,
		       const struct service *only)
{
	struct balancer *balancer = request->daemon->balancer;
	size_t steps = most_steps(balancer);
	struct listing_state *state = calloc(1, sizeof(*state) + steps * sizeof(state->steps[0]));

	if (!result || !state) {
		json_decref(result);
		free(state);
		return NULL;
	}
	state->balancer = balancer;
	plan(state, kind, only);
	if (!control_answer_in_pieces(request->daemon->control, &pieces, state))
		return result;
	json_decref(result);
	free(state);
	return control_refuse(request->error, "nobody reads the answer");
}
