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
#include "log.h"
#include "maps.h"
#include "state_file.h"
#include "state_restore.h"
#include "state_writer.h"

enum {
	PROBLEM_BYTES = 512,
	PATH_BYTES = 512,
	RETRY_S = 10, /* after a failure to save */
	LATE_S = 5,   /* answers wait no longer than this for a disk */
};

struct state {
	char directory[PATH_BYTES], path[PATH_BYTES + 16];
	int lock;     /* an open file; -1: not held */
	bool foreign; /* the file is not to be touched: another's, or of a later version */
	struct state_changes found;
	bool was_found;
	struct balancer *balancer; /* NULL until state_begin() */
	struct event *save, *late;
	struct state_writer *writer;
	uint64_t generation;
	json_t *saved;	 /* what the file holds; NULL: not known */
	json_t *writing; /* what it will hold; NULL: it is not being written */
	/* Numbers of changes: the last one, the last one that is being written, and the last one
	 * that is saved or known not to be. */
	uint64_t changes, taken, settled;
	bool in_batch;
	void (*on_settled)(void *context);
	void *settled_context;
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
		free(text); /* which leaves errno alone */
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
	if (fstat(fd, &status) || !S_ISREG(status.st_mode)) {
		state->foreign = true;
		set_problem(state,
			    "cannot read '%s': found a directory or special file, allowed "
			    "is a regular file",
			    state->path);
		close(fd);
		return;
	}
	errno = ENOMEM;
	text = read_all(fd, &length);
	if (text) {
		take_text(state, text, length);
	} else {
		state->foreign = true;
		set_problem(state, "cannot read '%s': %s", state->path, strerror(errno));
	}
	free(text);
	close(fd);
}

static void retry_later(struct state *state)
{
	static const struct timeval after = { .tv_sec = RETRY_S };

	event_add(state->save, &after);
}

static void count_generation(struct state *state)
{
	struct poise_settings *settings = maps_settings(state->balancer->maps);

	state->generation++;
	state->generation += !(uint16_t)state->generation;
	__atomic_store_n(&settings->generation, (uint16_t)state->generation, __ATOMIC_RELEASE);
}

/* All changes up to that one are saved, or it is known that they are not. */
static void settle(struct state *state, uint64_t number)
{
	state->settled = number;
	if (state->on_settled)
		state->on_settled(state->settled_context);
}

static void on_failed(struct state *state, int err)
{
	set_problem(state, "cannot write '%s': %s", state->path, strerror(-err));
	if (err == -ENOENT) /* the directory is gone: it is made anew */
		drop_lock(state);
	retry_later(state);
}

static void on_saved(struct state *state)
{
	json_decref(state->saved);
	state->saved = json_incref(state->writing);
	if (state->problem[0])
		log_info("runtime changes are saved again in '%s'", state->path);
	state->problem[0] = '\0';
}

static void on_written(void *context, int err)
{
	struct state *state = context;

	FAULT_POINT("state-saved");
	event_del(state->late);
	if (err)
		on_failed(state, err);
	else
		on_saved(state);
	json_decref(state->writing);
	state->writing = NULL;
	if (state->changes != state->taken)
		event_active(state->save, EV_TIMEOUT, 0);
	settle(state, state->taken);
}

/* Takes the reference to changes. */
static void save_changes(struct state *state, json_t *changes)
{
	static const struct timeval late = { .tv_sec = LATE_S };
	char *text;

	count_generation(state);
	FAULT_POINT("state-generation-written");
	text = state_format(changes, state->generation);
	state->writing = changes;
	state->taken = state->changes;
	event_add(state->late, &late);
	if (text)
		state_writer_begin(state->writer, text);
	else
		on_written(state, -ENOMEM);
}

/* A disk that hangs holds no answer up. */
static void late_cb(evutil_socket_t fd, short what, void *context)
{
	struct state *state = context;

	(void)fd;
	(void)what;
	set_problem(state, "writing '%s' takes longer than %d s", state->path, LATE_S);
	settle(state, state->changes);
}

/* Begins to write what changed. Returns whether the file is to be heard of. */
static bool begin_save(struct state *state)
{
	json_t *changes;

	if (state->lock < 0 && !state->foreign)
		take_lock(state);
	if (state->foreign)
		return false;
	changes = state->lock < 0 ? NULL : state_collect(state->balancer);
	if (!changes) {
		if (state->lock >= 0)
			set_problem(state, "not enough memory");
		retry_later(state);
		return false;
	}
	if (state->saved && !state->problem[0] && json_equal(changes, state->saved)) {
		json_decref(changes);
		return false;
	}
	save_changes(state, changes);
	return true;
}

/* What changes while the file is being written is saved after it. */
static void save(struct state *state)
{
	bool busy = state_writer_is_busy(state->writer);

	if (!state->balancer)
		return;
	if (busy ? state->problem[0] : !begin_save(state))
		settle(state, state->changes);
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

	state->changes++;
	event_active(state->save, EV_TIMEOUT, 0);
}

int state_new(struct event_base *base, const char *directory, struct state **out)
{
	struct state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->lock = -1;
	state->save = event_new(base, -1, 0, save_cb, state);
	state->late = evtimer_new(base, late_cb, state);
	if (!state->save || !state->late ||
	    state_writer_new(base, state->path, on_written, state, &state->writer)) {
		state_free(state);
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
		else if (!balancer->empty)
			log_warning("poised died while several changes were made as one: '%s' "
				    "counts, none of them is in it",
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
	state_writer_wait(state->writer); /* what follows may give root up, and its files away */
}

bool state_is_settled(const struct state *state)
{
	return !state || state->settled == state->changes;
}

uint64_t state_last_change(const struct state *state)
{
	return state->changes;
}

uint64_t state_last_settled(const struct state *state)
{
	return state->settled;
}

void state_on_settled(struct state *state, void (*settled)(void *context), void *context)
{
	state->on_settled = settled;
	state->settled_context = context;
}

void state_begin_batch(struct state *state)
{
	if (!state || !state->saved || state->problem[0] || !state_is_settled(state))
		return;
	state->in_batch = true;
	__atomic_store_n(&maps_settings(state->balancer->maps)->generation, 0, __ATOMIC_RELEASE);
}

void state_end_batch(struct state *state)
{
	FAULT_POINT("batch-made");
	if (state && state->in_batch)
		count_generation(state);
	if (state)
		state->in_batch = false;
}

const char *state_problem(const struct state *state)
{
	return state->problem[0] ? state->problem : NULL;
}

const char *state_path(const struct state *state)
{
	return state->path;
}

/* Until nothing is left, or it cannot be saved. */
static void save_rest(struct state *state)
{
	state_writer_wait(state->writer);
	if (event_pending(state->save, EV_TIMEOUT, NULL))
		save(state);
	state_writer_wait(state->writer);
}

void state_free(struct state *state)
{
	if (!state)
		return;
	if (state->balancer) {
		save_rest(state);
		state->balancer->changed = NULL;
	}
	if (state->save)
		event_free(state->save);
	if (state->late)
		event_free(state->late);
	state_writer_free(state->writer);
	state_changes_clear(&state->found);
	json_decref(state->saved);
	drop_lock(state);
	free(state);
}
