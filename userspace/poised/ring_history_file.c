/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A history in a file: read before the rings of new maps are filled, and taken as each one is. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "balancer.h"
#include "fault.h"
#include "json_bounds.h"
#include "log.h"
#include "ring_guess.h"
#include "ring_history.h"
#include "ring_stage.h"

enum { DEPTH = 8 };

/* The bytes of a file that is none too large, to be free()d. */
static char *read_file(const char *path, size_t *length, struct lines *errors)
{
	FILE *file = fopen(path, "re");
	char *text = NULL;
	struct stat info;
	int err = file && !fstat(fileno(file), &info) ? 0 : errno;

	if (!err && (!S_ISREG(info.st_mode) || info.st_size > RING_HISTORY_MAX_BYTES))
		err = S_ISREG(info.st_mode) ? EFBIG : EINVAL;
	if (!err)
		text = malloc((size_t)info.st_size + 1);
	if (text)
		*length = fread(text, 1, (size_t)info.st_size, file);
	else
		lines_add(errors, "'%s': %s", path, strerror(err ? err : ENOMEM));
	if (file)
		fclose(file);
	return text;
}

int ring_history_load(struct balancer *balancer, const char *path, struct lines *errors)
{
	static const struct json_bounds bounds = { DEPTH, RING_HISTORY_MAX_STRUCTURE };
	json_error_t error;
	size_t length;
	char *text = read_file(path, &length, errors);
	int err = -EINVAL;

	if (!text)
		return err;
	if (json_bounds_check(text, length, &bounds) == JSON_WITHIN)
		balancer->ring_history = json_loadb(text, length, JSON_REJECT_DUPLICATES, &error);
	else
		snprintf(error.text, sizeof(error.text), "too deep, or too much of it");
	free(text);
	if (!balancer->ring_history)
		lines_add(errors, "'%s': line %d: %s", path, error.line, error.text);
	else
		err = ring_history_check(balancer, balancer->ring_history, 0, errors);
	if (err)
		ring_history_forget(balancer);
	return err;
}

void ring_history_forget(struct balancer *balancer)
{
	json_decref(balancer->ring_history);
	balancer->ring_history = NULL;
}

/* Returns whether it goes on. */
static bool name_slots(struct service *service)
{
	struct balancer *balancer = service->balancer;
	uint32_t slots;

	if (!balancer->ring_history)
		return ring_guess_begin(service);
	ring_history_take_of(service, balancer->ring_history, &slots);
	log_event(LOG_LEVEL_INFO, &(struct log_fields){ .service = service->config.name },
		  "%u slots name backends as the history says", slots);
	return false;
}

void ring_history_begin(struct service *service)
{
	if (!ring_stage_wanted(service))
		return;
	service->stage.wanted = false;
	FAULT_POINT("ring-not-named");
	if (!name_slots(service))
		ring_stage_end(service);
}
