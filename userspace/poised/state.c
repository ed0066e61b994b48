/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "state.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "balancer.h"
#include "fault.h"
#include "file_replace.h"
#include "log.h"
#include "maps.h"
#include "state_file.h"
#include "state_restore.h"

enum {
	PROBLEM_BYTES = 512,
	PATH_BYTES = 512,
	RETRY_S = 10, /* after a failure to save */
};

struct state {
	char directory[PATH_BYTES], path[PATH_BYTES + 16];
	int lock;     /* an open file; -1: not held */
	bool foreign; /* the file is not to be touched: another's, or of a later version */
	struct state_changes found;
	bool was_found;
	struct balancer *balancer; /* NULL until state_begin() */
	struct event *save;
	uint64_t generation;
	json_t *saved; /* what the file holds; NULL: not known */
	char problem[PROBLEM_BYTES];
};

__attribute__((format(printf, 2, 3))) static void set_problem(struct state *state,
							      const char *format, ...)
{
	char text[PROBLEM_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (strcmp(state->problem, text) == 0)
		return;
	memcpy(state->problem, text, sizeof(text));
	log_error("runtime changes are not saved: %s", text);
}

static void drop_lock(struct state *state)
{
	if (state->lock >= 0)
		close(state->lock);
	state->lock = -1;
}

/* One directory serves one poised. */
static void take_lock(struct state *state)
{
	char name[PATH_BYTES + 16];

	if (mkdir(state->directory, 0700) && errno != EEXIST) {
		set_problem(state, "cannot make '%s': %s", state->directory, strerror(errno));
		return;
	}
	snprintf(name, sizeof(name), "%s/lock", state->directory);
	state->lock = open(name, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (state->lock < 0) {
		set_problem(state, "cannot write in '%s': %s", state->directory, strerror(errno));
		return;
	}
	if (flock(state->lock, LOCK_EX | LOCK_NB) == 0)
		return;
	set_problem(state, "'%s' is in use by another poised: each needs a state_dir of its own",
		    state->directory);
	state->foreign = true;
	drop_lock(state);
}

/* Up to one byte more than is allowed, so that state_parse() sees a file too large. */
static char *read_all(int fd, size_t *length)
{
	char *text = malloc(STATE_MAX_BYTES + 1);
	ssize_t n = 1;

	*length = 0;
	while (text && n > 0 && *length <= STATE_MAX_BYTES) {
		n = read(fd, text + *length, STATE_MAX_BYTES + 1 - *length);
		*length += n > 0 ? n : 0;
	}
	if (n < 0) {
		free(text);
		return NULL;
	}
	return text;
}

/* What cannot be read is kept for somebody to look at. */
static void put_aside(struct state *state, const char *why)
{
	char name[PATH_BYTES + 32];

	snprintf(name, sizeof(name), "%s.bad", state->path);
	if (rename(state->path, name)) {
		state->foreign = true;
		set_problem(state, "'%s' is no state file, and cannot be kept aside: %s: %s",
			    state->path, why, strerror(errno));
		return;
	}
	log_error("state file '%s': %s: it is kept as '%s', and what was changed by command is "
		  "known from the pinned maps only",
		  state->path, why, name);
}

static void take_text(struct state *state, const char *text, size_t length)
{
	char error[STATE_ERROR_BYTES] = "not enough memory";
	int err = state_parse(text, length, &state->found, error);

	state->was_found = !err;
	if (!err) {
		state->generation = state->found.generation;
	} else if (err == -EINVAL) {
		put_aside(state, error);
	} else {
		state->foreign = true;
		set_problem(state, "'%s': %s", state->path, error);
	}
}

static void read_file(struct state *state)
{
	int fd = open(state->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat status;
	size_t length;
	char *text;

	if (fd < 0) {
		if (errno != ENOENT)
			set_problem(state, "cannot read '%s': %s", state->path, strerror(errno));
		state->foreign |= errno != ENOENT;
		return;
	}
	text = !fstat(fd, &status) && S_ISREG(status.st_mode) ? read_all(fd, &length) : NULL;
	if (text) {
		take_text(state, text, length);
	} else {
		state->foreign = true;
		set_problem(state, "cannot read '%s'", state->path);
	}
	free(text);
	close(fd);
}

static void retry_later(struct state *state)
{
	static const struct timeval after = { .tv_sec = RETRY_S };

	event_add(state->save, &after);
}

static int write_file(struct state *state, json_t *changes)
{
	char *text = state_format(changes, state->generation);
	int err =
		text ? file_replace(state->path, text, strlen(text), 0600, FILE_MODE_SET) : -ENOMEM;

	free(text);
	return err;
}

static void count_generation(struct state *state)
{
	struct poise_settings *settings = maps_settings(state->balancer->maps);

	state->generation++;
	state->generation += !(uint16_t)state->generation;
	__atomic_store_n(&settings->generation, (uint16_t)state->generation, __ATOMIC_RELEASE);
}

/* Takes the reference to changes. */
static void save_changes(struct state *state, json_t *changes)
{
	int err;

	count_generation(state);
	FAULT_POINT("state-generation-written");
	err = write_file(state, changes);
	FAULT_POINT("state-saved");
	if (err) {
		json_decref(changes);
		set_problem(state, "cannot write '%s': %s", state->path, strerror(-err));
		if (err == -ENOENT) /* the directory is gone: it is made anew */
			drop_lock(state);
		retry_later(state);
		return;
	}
	json_decref(state->saved);
	state->saved = changes;
	if (state->problem[0])
		log_info("runtime changes are saved again in '%s'", state->path);
	state->problem[0] = '\0';
}

static void save(struct state *state)
{
	json_t *changes;

	if (!state->balancer || state->foreign)
		return;
	if (state->lock < 0)
		take_lock(state);
	if (state->lock < 0) {
		if (!state->foreign)
			retry_later(state);
		return;
	}
	changes = state_collect(state->balancer);
	if (!changes) {
		set_problem(state, "not enough memory");
		retry_later(state);
	} else if (state->saved && !state->problem[0] && json_equal(changes, state->saved)) {
		json_decref(changes);
	} else {
		save_changes(state, changes);
	}
}

static void save_cb(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	save(context);
}

static void on_changed(void *context)
{
	struct state *state = context;

	event_active(state->save, EV_TIMEOUT, 0);
}

int state_new(struct event_base *base, const char *directory, struct state **out)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->lock = -1;
	state->save = event_new(base, -1, 0, save_cb, state);
	if (!state->save) {
		free(state);
		return -ENOMEM;
	}
	snprintf(state->directory, sizeof(state->directory), "%s", directory);
	snprintf(state->path, sizeof(state->path), "%s/state.json", directory);
	take_lock(state);
	if (!state->foreign)
		read_file(state);
	*out = state;
	return 0;
}

/* See the header. Generations in the maps are modulo 2^16, without 0. */
static bool file_counts(const struct state *state, uint16_t in_maps)
{
	if (!state->was_found)
		return false;
	return !in_maps || (int16_t)((uint16_t)state->found.generation - in_maps) > 0;
}

void state_begin(struct state *state, struct balancer *balancer)
{
	uint16_t in_maps = maps_settings(balancer->maps)->generation;

	if (file_counts(state, in_maps)) {
		if (in_maps)
			log_warning("the pinned maps are older than '%s', which counts",
				    state->path);
		state_restore(balancer, &state->found, state->path);
	} else {
		/* the next one is to be later than both */
		state->generation += (uint16_t)(in_maps - (uint16_t)state->generation);
	}
	state_changes_clear(&state->found);
	state->balancer = balancer;
	balancer->changed = on_changed;
	balancer->changed_context = state;
	save(state);
}

const char *state_problem(const struct state *state)
{
	return state->problem[0] ? state->problem : NULL;
}

const char *state_path(const struct state *state)
{
	return state->path;
}

void state_free(struct state *state)
{
	if (!state)
		return;
	if (event_pending(state->save, EV_TIMEOUT, NULL))
		save(state);
	if (state->balancer)
		state->balancer->changed = NULL;
	event_free(state->save);
	state_changes_clear(&state->found);
	json_decref(state->saved);
	drop_lock(state);
	free(state);
}
