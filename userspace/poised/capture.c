/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "capture.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <event2/event.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "audit.h"
#include "balancer.h"
#include "bytes_text.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "loader.h"
#include "log.h"
#include "map_memory.h"
#include "reason_text.h"
#include "request.h"
#include "traced.h"

enum {
	RECORDS_A_TURN = 256, /* then others have theirs */
	MAX_SAMPLE = 1000000000,
	MAX_SECONDS = 24 * 3600,
	NS_PER_S = 1000000000,
};

struct capture {
	struct daemon *daemon;
	struct traced *traced;
	struct ring_buffer *ring;
	struct event *readable, *deadline;
	struct control_stream *stream;	/* NULL: the client is gone */
	char service[POISE_NAME_BYTES]; /* "": packets of any */
	int64_t offset_ns;		/* from the monotonic clock to Unix time */
	json_int_t left, seconds;	/* records to come, 0: no limit */
	json_int_t told, unread;	/* records; and those lost, for the client reads slowly */
	int turn;
};

/*
 * The request.
 */

/* One that may be missing. */
static bool read_number(const struct request *request, const char *key, json_int_t standard,
			json_int_t least, json_int_t most, json_int_t *out)
{
	const json_t *value = json_object_get(request->arguments, key);

	*out = value ? json_integer_value(value) : standard;
	if (!value || (json_is_integer(value) && *out >= least && *out <= most))
		return true;
	control_refuse(request->error,
		       "%s: allowed is an integer from %" JSON_INTEGER_FORMAT
		       " to %" JSON_INTEGER_FORMAT,
		       key, least, most);
	return false;
}

static bool read_flag(const struct request *request, const char *key, uint32_t bit, uint32_t *flags)
{
	bool on;

	if (!request_flag(request, key, &on))
		return false;
	*flags |= on ? bit : 0;
	return true;
}

static bool read_service(const struct request *request, struct capture *capture,
			 struct poise_capture_options *out)
{
	struct service *service;

	if (!json_object_get(request->arguments, "service"))
		return true;
	if (!request_service(request, &service))
		return false;
	out->service = service->index;
	memcpy(capture->service, service->config.name, sizeof(capture->service));
	return true;
}

static bool read_options(const struct request *request, struct capture *capture,
			 struct poise_capture_options *out)
{
	json_int_t sample, bytes;

	if (!read_flag(request, "drops", POISE_CAPTURE_DROPS, &out->flags) ||
	    !read_flag(request, "all", POISE_CAPTURE_ALL, &out->flags) ||
	    !read_flag(request, "sent", POISE_CAPTURE_SENT, &out->flags) ||
	    !read_service(request, capture, out) ||
	    !read_number(request, "sample", 1, 1, MAX_SAMPLE, &sample) ||
	    !read_number(request, "bytes", POISE_CAPTURE_BYTES, POISE_CAPTURE_MIN_BYTES,
			 POISE_CAPTURE_MAX_BYTES, &bytes) ||
	    !read_number(request, "count", 0, 1, INT64_MAX, &capture->left) ||
	    !read_number(request, "seconds", 0, 1, MAX_SECONDS, &capture->seconds))
		return false;
	out->sample = (uint32_t)sample;
	out->bytes = (uint32_t)bytes;
	return true;
}

/*
 * What the client gets: a line for each record, and a last one.
 */

static json_t *name_of_service(const struct balancer *balancer, uint32_t index)
{
	for (size_t i = 0; i < balancer->service_count && index; i++)
		if (balancer->services[i]->index == index)
			return json_string(balancer->services[i]->config.name);
	return json_null();
}

static json_t *name_of_backend(const struct balancer *balancer, uint32_t index)
{
	const struct backend *backend =
		index && index < POISE_MAX_BACKENDS ? balancer->by_index[index] : NULL;

	return backend ? json_string(backend->name) : json_null();
}

static json_t *describe(const struct capture *capture, const struct poise_capture *record)
{
	const struct balancer *balancer = capture->daemon->balancer;
	char data[2 * POISE_CAPTURE_MAX_BYTES + 1], interface[IF_NAMESIZE];

	if (!if_indextoname(record->ifindex, interface))
		snprintf(interface, sizeof(interface), "%u", record->ifindex);
	return json_pack("{s:{s:I, s:s, s:s, s:o, s:o, s:s, s:s, s:I, s:s}}", "packet", "time_ns",
			 (json_int_t)record->time_ns + capture->offset_ns, "interface", interface,
			 "direction", record->direction == POISE_CAPTURE_WENT ? "went" : "came",
			 "service", name_of_service(balancer, record->service), "backend",
			 name_of_backend(balancer, record->backend), "verdict",
			 verdict_name(record->verdict), "reason", reason_name(record->reason),
			 "frame_bytes", (json_int_t)record->length, "data",
			 bytes_format(record->data, record->captured, data));
}

/* Another service may have the index by now. */
static bool is_wanted(const struct capture *capture, json_t *packet)
{
	const char *service =
		json_string_value(json_object_get(json_object_get(packet, "packet"), "service"));

	return !capture->service[0] || (service && strcmp(service, capture->service) == 0);
}

static void tell(struct capture *capture, const struct poise_capture *record)
{
	json_t *packet = describe(capture, record);
	char *line = packet ? json_dumps(packet, JSON_COMPACT) : NULL;

	if (!line || !is_wanted(capture, packet))
		goto out;
	if (!control_stream_send(capture->stream, line, strlen(line))) {
		capture->unread++;
		goto out;
	}
	capture->told++;
	if (capture->left && --capture->left == 0)
		capture->left = -1;
out:
	json_decref(packet);
	free(line);
}

/* The last line; the client hears no more. */
static void tell_end(struct capture *capture, const char *why)
{
	json_int_t lost = (json_int_t)traced_capture_lost(capture->traced) + capture->unread;
	json_t *end = json_pack("{s:{s:s, s:I, s:I}}", "end", "reason", why, "packets",
				capture->told, "lost", lost);
	char *line = end ? json_dumps(end, JSON_COMPACT) : NULL;

	control_stream_end(capture->stream, line, line ? strlen(line) : 0);
	capture->stream = NULL;
	json_decref(end);
	free(line);
}

/*
 * The life of a capture.
 */

void capture_free(struct capture *capture)
{
	char error[LOADER_ERROR_BYTES];

	if (!capture)
		return;
	if (capture->daemon->capture == capture) {
		capture->daemon->capture = NULL;
		if (loader_use(capture->daemon->loader, NULL, error))
			log_error("capture: cannot put the plain program back: %s", error);
		log_info("capture ended: %lld packets", (long long)capture->told);
	}
	if (capture->stream)
		tell_end(capture, "poised");
	if (capture->readable)
		event_free(capture->readable);
	if (capture->deadline)
		event_free(capture->deadline);
	ring_buffer__free(capture->ring);
	traced_free(capture->traced);
	free(capture);
}

static void on_client_gone(void *context)
{
	struct capture *capture = context;

	capture->stream = NULL;
	capture_free(capture);
}

static void on_deadline(evutil_socket_t fd, short what, void *context)
{
	(void)fd;
	(void)what;
	tell_end(context, "seconds");
	capture_free(context);
}

static int on_record(void *context, void *data, size_t size)
{
	struct capture *capture = context;
	const struct poise_capture *record = data;

	if (size >= POISE_CAPTURE_HEADER_BYTES &&
	    record->captured <= size - POISE_CAPTURE_HEADER_BYTES)
		tell(capture, record);
	return ++capture->turn == RECORDS_A_TURN || capture->left < 0 ? -ECANCELED : 0;
}

static int64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static void on_readable(evutil_socket_t fd, short what, void *context)
{
	struct capture *capture = context;

	(void)fd;
	(void)what;
	capture->turn = 0;
	capture->offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
	ring_buffer__consume(capture->ring);
	if (capture->left >= 0)
		return;
	tell_end(capture, "count");
	capture_free(capture);
}

static int listen_to_ring(struct capture *capture)
{
	struct event_base *base = capture->daemon->base;
	struct timeval after = { .tv_sec = capture->seconds };

	capture->ring =
		ring_buffer__new(traced_captures_fd(capture->traced), on_record, capture, NULL);
	if (!capture->ring)
		return -errno;
	capture->readable = event_new(base, ring_buffer__epoll_fd(capture->ring),
				      EV_READ | EV_PERSIST, on_readable, capture);
	capture->deadline = evtimer_new(base, on_deadline, capture);
	if (!capture->readable || !capture->deadline || event_add(capture->readable, NULL) ||
	    (capture->seconds && event_add(capture->deadline, &after)))
		return -ENOMEM;
	return 0;
}

/* From here on packets are captured. */
static int begin(struct capture *capture, const struct poise_capture_options *options,
		 char error[LOADER_ERROR_BYTES])
{
	int err = traced_new(capture->daemon->loader, TRACED_CAPTURING, &capture->traced);
	char why[MAP_MEMORY_WHY_BYTES];

	if (!err)
		err = listen_to_ring(capture);
	if (!err)
		err = traced_set_capture(capture->traced, options);
	if (err) {
		snprintf(error, LOADER_ERROR_BYTES, "%s",
			 err == -ENOMEM ? map_memory_why(why) : strerror(-err));
		return err;
	}
	return loader_use(capture->daemon->loader, capture->traced, error);
}

json_t *command_capture(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct capture *capture = calloc(1, sizeof(*capture));
	struct poise_capture_options options = {};
	char error[LOADER_ERROR_BYTES];

	if (!capture)
		return NULL;
	capture->daemon = daemon;
	if (daemon->capture) {
		control_refuse(request->error, "another capture runs: one at a time");
		goto err;
	}
	if (!read_options(request, capture, &options))
		goto err;
	if (begin(capture, &options, error)) {
		control_refuse(request->error, "cannot capture: %s", error);
		goto err;
	}
	daemon->capture = capture;
	capture->stream = control_stream_begin(daemon->control, on_client_gone, capture);
	if (!capture->stream)
		goto err;
	audit_line("capture: packets are captured");
	return json_pack("{s:I, s:I}", "sample", (json_int_t)options.sample, "bytes",
			 (json_int_t)options.bytes);
err:
	capture_free(capture);
	return NULL;
}
