/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* A thread lives as long as one file takes, as in lib/parallel.c. It touches nothing but its job.
 */
#include "state_writer.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "file_replace.h"

struct state_writer {
	const char *path;
	void (*done)(void *context, int err);
	void *context;
	int ended; /* an eventfd: the job has */
	struct event *event;
	bool busy, threaded;
	pthread_t thread;
	char *text; /* of the job under way */
	int err;
};

static void *work(void *context)
{
	struct state_writer *writer = context;

	writer->err =
		file_replace(writer->path, writer->text, strlen(writer->text), 0600, FILE_MODE_SET);
	eventfd_write(writer->ended, 1);
	return NULL;
}

static void finish(struct state_writer *writer)
{
	eventfd_t count;

	if (writer->threaded)
		pthread_join(writer->thread, NULL);
	eventfd_read(writer->ended, &count);
	free(writer->text);
	writer->text = NULL;
	writer->busy = false;
	writer->done(writer->context, writer->err);
}

static void on_ended(evutil_socket_t fd, short what, void *context)
{
	struct state_writer *writer = context;

	(void)fd;
	(void)what;
	if (writer->busy)
		finish(writer);
}

int state_writer_new(struct event_base *base, const char *path,
		     void (*done)(void *context, int err), void *context, struct state_writer **out)
{
	struct state_writer *writer = calloc(1, sizeof(*writer));
	int err = -ENOMEM;

	if (!writer)
		return -ENOMEM;
	*writer = (struct state_writer){ .path = path, .done = done, .context = context };
	writer->ended = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (writer->ended < 0) {
		err = -errno;
		goto err;
	}
	writer->event = event_new(base, writer->ended, EV_READ | EV_PERSIST, on_ended, writer);
	if (!writer->event || event_add(writer->event, NULL))
		goto err;
	*out = writer;
	return 0;
err:
	state_writer_free(writer);
	return err;
}

/* Signals are the first thread's. */
void state_writer_begin(struct state_writer *writer, char *text)
{
	sigset_t all, before;

	writer->text = text;
	writer->busy = true;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	writer->threaded = pthread_create(&writer->thread, NULL, work, writer) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!writer->threaded)
		work(writer);
}

bool state_writer_is_busy(const struct state_writer *writer)
{
	return writer->busy;
}

void state_writer_wait(struct state_writer *writer)
{
	if (writer->busy)
		finish(writer);
}

void state_writer_free(struct state_writer *writer)
{
	if (!writer)
		return;
	if (writer->event)
		event_free(writer->event);
	if (writer->ended >= 0)
		close(writer->ended);
	free(writer);
}
