/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise capture: packets, with what became of each, as a pcapng file. */
#include "commands.h"

#include <errno.h>
#include <net/if.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bytes_text.h"
#include "pcapng.h"
#include "poise.h"
#include "poise_abi.h"
#include "poise_version.h"
#include "stream.h"
#include "text.h"
#include "view.h"

enum { MAX_INTERFACES = 4096 };

struct capture {
	FILE *file;
	uint32_t snap;
	char (*interfaces)[IF_NAMESIZE];
	size_t interface_count;
	json_int_t packets, lost;
	bool ended; /* poised said so */
};

static volatile sig_atomic_t stopped;

/* Interrupts the waiting as well. */
static void on_signal(int number)
{
	stopped = number;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal };

	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	signal(SIGPIPE, SIG_IGN);
}

static void add_number(json_t *arguments, const struct invocation *invocation, unsigned bit,
		       const char *key, unsigned value)
{
	if (invocation->given & bit)
		json_object_set_new(arguments, key, json_integer(value));
}

static void add_flag(json_t *arguments, const char *key, bool on)
{
	if (on)
		json_object_set_new(arguments, key, json_true());
}

static json_t *make_arguments(const struct invocation *invocation)
{
	json_t *arguments = require_memory(json_object());

	add_flag(arguments, "drops", invocation->drops);
	add_flag(arguments, "all", invocation->all);
	add_flag(arguments, "sent", invocation->sent);
	add_number(arguments, invocation, OPTION_SAMPLE, "sample", invocation->sample);
	add_number(arguments, invocation, OPTION_BYTES, "bytes", invocation->bytes);
	add_number(arguments, invocation, OPTION_COUNT, "count", invocation->count);
	add_number(arguments, invocation, OPTION_SECONDS, "seconds", invocation->seconds);
	if (invocation->service)
		json_object_set_new(arguments, "service", json_string(invocation->service));
	return arguments;
}

/* The interface's number in the file; it is written when it is seen first. */
static uint32_t interface_number(struct capture *capture, const char *name)
{
	size_t i = 0;

	while (i < capture->interface_count && strcmp(capture->interfaces[i], name) != 0)
		i++;
	if (i < capture->interface_count || i == MAX_INTERFACES)
		return i < capture->interface_count ? (uint32_t)i : 0;
	capture->interfaces = require_memory(
		realloc(capture->interfaces, (i + 1) * sizeof(*capture->interfaces)));
	snprintf(capture->interfaces[i], sizeof(*capture->interfaces), "%s", name);
	pcapng_interface(capture->file, capture->interfaces[i], capture->snap);
	capture->interface_count++;
	return (uint32_t)i;
}

static char *make_comment(const char *verdict, const char *reason, const char *service,
			  const char *backend)
{
	char *text = text_format("%s, %s%s%s%s%s", verdict, reason, service ? ", service " : "",
				 service ? service : "", backend ? ", backend " : "",
				 backend ? backend : "");
	char *clean = text_clean(text);

	free(text);
	return clean;
}

static bool write_packet(struct capture *capture, json_t *json)
{
	const char *interface, *direction, *verdict, *reason, *data;
	json_t *service, *backend; /* names, or null */
	uint8_t bytes[POISE_CAPTURE_MAX_BYTES];
	struct pcapng_packet packet;
	json_int_t time_ns, length;
	ssize_t captured;
	char *comment;

	if (!view_unpack(json, "a packet", "{s:I, s:s, s:s, s:o, s:o, s:s, s:s, s:I, s:s}",
			 "time_ns", &time_ns, "interface", &interface, "direction", &direction,
			 "service", &service, "backend", &backend, "verdict", &verdict, "reason",
			 &reason, "frame_bytes", &length, "data", &data))
		return false;
	captured = bytes_parse(data, bytes, sizeof(bytes));
	if (captured < 0 || length < captured || length > UINT32_MAX) {
		complain("the answer is not understood: a packet's bytes");
		return false;
	}
	comment = make_comment(verdict, reason, json_string_value(service),
			       json_string_value(backend));
	packet = (struct pcapng_packet){ .interface = interface_number(capture, interface),
					 .time_ns = (uint64_t)time_ns,
					 .data = bytes,
					 .captured = (uint32_t)captured,
					 .length = (uint32_t)length,
					 .outbound = !strcmp(direction, "went"),
					 .comment = comment };
	pcapng_packet(capture->file, &packet);
	free(comment);
	capture->packets++;
	return true;
}

static bool write_line(struct capture *capture, json_t *line)
{
	json_t *packet = json_object_get(line, "packet"), *end = json_object_get(line, "end");

	if (packet)
		return write_packet(capture, packet);
	if (!end) /* of a later release */
		return true;
	capture->ended = true;
	return view_unpack(end, "the end", "{s:I}", "lost", &capture->lost);
}

/* To be asked right after the write that may have failed. */
static bool is_written(const struct capture *capture)
{
	if (!ferror(capture->file))
		return true;
	if (errno != EPIPE)
		complain("writing the capture: %s", strerror(errno));
	return false;
}

/* Whoever reads the file through a pipe gets what there is, while there is no more. */
static bool flush(const struct capture *capture, const struct stream *stream)
{
	if (!stream_has_line(stream))
		fflush(capture->file);
	return is_written(capture);
}

static int copy(struct capture *capture, struct stream *stream)
{
	const char *why = NULL;
	json_t *line;
	bool good = true;

	while (good && !stopped && (line = stream_next(stream, &why))) {
		good = write_line(capture, line) && flush(capture, stream);
		json_decref(line);
	}
	if (good && why)
		complain("the capture ended: %s", why);
	return good && !why ? EXIT_DONE : EXIT_REFUSED;
}

static FILE *open_file(const char *path)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "wbe") : stdout;

	if (!file)
		complain("cannot write \"%s\": %s", path, strerror(errno));
	return file;
}

static int run(struct capture *capture, const struct invocation *invocation)
{
	struct client_answer answer;
	struct stream *stream = NULL;
	int code = stream_open(invocation->socket, "capture", make_arguments(invocation), &answer,
			       &stream);

	if (code) {
		client_complain(&answer);
	} else {
		pcapng_begin(capture->file, "poise " POISE_VERSION);
		fflush(capture->file);
		code = is_written(capture) ? copy(capture, stream) : EXIT_REFUSED;
	}
	stream_close(stream);
	client_answer_free(&answer);
	return code;
}

int cmd_capture(const struct invocation *invocation)
{
	struct capture capture = { .snap = POISE_CAPTURE_BYTES };
	int code;

	if (!invocation->write) {
		complain("usage: poise capture [OPTIONS] -w FILE");
		return EXIT_USAGE;
	}
	if (invocation->given & OPTION_BYTES)
		capture.snap = invocation->bytes;
	capture.file = open_file(invocation->write);
	if (!capture.file)
		return EXIT_REFUSED;
	catch_signals();
	code = run(&capture, invocation);
	if (capture.file != stdout && fclose(capture.file) && code == EXIT_DONE) {
		complain("writing \"%s\": %s", invocation->write, strerror(errno));
		code = EXIT_REFUSED;
	}
	free(capture.interfaces);
	if (code == EXIT_DONE && capture.ended)
		fprintf(stderr, "%lld packets, %lld lost\n", (long long)capture.packets,
			(long long)capture.lost);
	else if (code == EXIT_DONE)
		fprintf(stderr, "%lld packets\n", (long long)capture.packets);
	return code;
}
