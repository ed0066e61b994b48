/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "explain.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "bytes_text.h"
#include "client_packet.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "loader.h"
#include "map_memory.h"
#include "request.h"
#include "traced.h"

enum { MAX_PORT = 65535, MAX_FLAG_BYTES = 8 };

struct question {
	const struct request *request;
	struct client_packet packet;
	uint8_t payload[TRACED_MAX_BYTES];
	uint8_t frame[TRACED_MAX_BYTES];
};

/* Each reader returns false after it refused. */

static bool read_number(const struct question *question, const char *key, json_int_t standard,
			json_int_t most, json_int_t *out)
{
	const json_t *value = json_object_get(question->request->arguments, key);

	*out = value ? json_integer_value(value) : standard;
	if ((!value && standard >= 0) || (json_is_integer(value) && *out >= 0 && *out <= most))
		return true;
	if (json_is_integer(value))
		control_refuse(question->request->error,
			       "%s: found %" JSON_INTEGER_FORMAT ", allowed is an integer from 0 "
			       "to %" JSON_INTEGER_FORMAT,
			       key, *out, most);
	else
		control_refuse(question->request->error,
			       "%s: %s, allowed is an integer from 0 to %" JSON_INTEGER_FORMAT, key,
			       value ? "found another type" : "missing", most);
	return false;
}

static bool read_protocol(struct question *question)
{
	const char *text;

	if (!request_text(question->request, "protocol", &text))
		return false;
	question->packet.protocol = strcmp(text, "udp") == 0 ? IPPROTO_UDP : IPPROTO_TCP;
	if (strcmp(text, "udp") == 0 || strcmp(text, "tcp") == 0)
		return true;
	control_refuse(question->request->error, "protocol: found '%.64s', allowed are tcp, udp",
		       text);
	return false;
}

static bool read_endpoint(const struct question *question, const char *key, const char *port_key,
			  struct address *address, uint16_t *port)
{
	const char *text;
	json_int_t number;

	if (!request_text(question->request, key, &text) ||
	    !read_number(question, port_key, -1, MAX_PORT, &number))
		return false;
	*port = (uint16_t)number;
	if (address_parse(text, address) == 0)
		return true;
	control_refuse(question->request->error,
		       "%s: found '%.64s', allowed is an IPv4 or IPv6 address", key, text);
	return false;
}

static uint8_t flag_of(const char *name)
{
	static const struct {
		const char *name;
		uint8_t flag;
	} flags[] = {
		{ "syn", CLIENT_PACKET_SYN },
		{ "ack", CLIENT_PACKET_ACK },
		{ "fin", CLIENT_PACKET_FIN },
		{ "rst", CLIENT_PACKET_RST },
	};

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (strcmp(flags[i].name, name) == 0)
			return flags[i].flag;
	return 0;
}

/* A new connection's first packet unless told otherwise. */
static bool read_tcp_flags(struct question *question)
{
	const json_t *list = json_object_get(question->request->arguments, "tcp_flags"), *value;
	size_t i;

	if (!list) {
		question->packet.tcp_flags = CLIENT_PACKET_SYN;
		return true;
	}
	if (!json_is_array(list))
		goto refuse;
	json_array_foreach (list, i, value) {
		uint8_t flag = json_is_string(value) ? flag_of(json_string_value(value)) : 0;

		if (!flag)
			goto refuse;
		question->packet.tcp_flags |= flag;
	}
	return true;
refuse:
	control_refuse(question->request->error,
		       "tcp_flags: allowed is a list of syn, ack, fin, rst");
	return false;
}

/* Bytes in hexadecimal digits. */
static bool read_bytes(const struct question *question, const char *key, uint8_t *out,
		       size_t *length)
{
	const char *text;
	ssize_t count;

	if (!request_optional_text(question->request, key, &text))
		return false;
	count = bytes_parse(text ? text : "", out, TRACED_MAX_BYTES);
	*length = count < 0 ? 0 : (size_t)count;
	if (count >= 0)
		return true;
	control_refuse(question->request->error,
		       "%s: allowed are at most %d bytes as hexadecimal digits, two a byte", key,
		       TRACED_MAX_BYTES);
	return false;
}

static bool read_flow(struct question *question)
{
	struct client_packet *packet = &question->packet;
	json_int_t length;

	if (!read_protocol(question) ||
	    !read_endpoint(question, "source", "source_port", &packet->source,
			   &packet->source_port) ||
	    !read_endpoint(question, "destination", "destination_port", &packet->destination,
			   &packet->destination_port) ||
	    !read_tcp_flags(question) ||
	    !read_bytes(question, "payload", question->payload, &packet->payload_length) ||
	    !read_number(question, "length", 0, TRACED_MAX_BYTES, &length) ||
	    !request_flag(question->request, "dont_fragment", &packet->dont_fragment))
		return false;
	packet->payload = question->payload;
	packet->length = (size_t)length;
	if (packet->source.family == packet->destination.family)
		return true;
	control_refuse(question->request->error,
		       "source and destination are not of one address family");
	return false;
}

static bool make_frame(struct question *question, size_t *length)
{
	ssize_t made;

	if (!read_flow(question))
		return false;
	made = client_packet_write(&question->packet, question->frame, sizeof(question->frame));
	if (made == -EINVAL)
		control_refuse(question->request->error,
			       "length: found %zu, but the headers and the payload take %zu bytes",
			       question->packet.length, client_packet_least(&question->packet));
	else if (made < 0)
		control_refuse(question->request->error, "length: at most %d bytes can be run",
			       TRACED_MAX_BYTES - CLIENT_PACKET_LINK_BYTES);
	*length = made < 0 ? 0 : (size_t)made;
	return made >= 0;
}

/* The frame as it is given, or made of its flow. */
static bool read_frame(struct question *question, size_t *length)
{
	if (!json_object_get(question->request->arguments, "frame"))
		return make_frame(question, length);
	for (const char *const *key = (const char *const[]){ "protocol", "source", "destination",
							     "payload", "length", NULL };
	     *key; key++) {
		if (!json_object_get(question->request->arguments, *key))
			continue;
		control_refuse(question->request->error, "%s: not allowed beside frame", *key);
		return false;
	}
	if (!read_bytes(question, "frame", question->frame, length))
		return false;
	if (*length >= TRACED_MIN_BYTES)
		return true;
	control_refuse(question->request->error, "frame: found %zu bytes, allowed are %d to %d",
		       *length, TRACED_MIN_BYTES, TRACED_MAX_BYTES);
	return false;
}

/* NULL: none is there. */
static const struct attachment *first_that_is_there(const struct loader *loader)
{
	for (size_t i = 0; i < loader_attachment_count(loader); i++)
		if (loader_attachment(loader, i)->ifindex)
			return loader_attachment(loader, i);
	return NULL;
}

/* One that Poise is attached to; unless told otherwise the first. */
static bool read_interface(const struct question *question, const struct loader *loader,
			   const struct attachment **out)
{
	const char *name;

	*out = first_that_is_there(loader);
	if (!request_optional_text(question->request, "interface", &name))
		return false;
	if (!name)
		return true;
	for (size_t i = 0; i < loader_attachment_count(loader); i++) {
		*out = loader_attachment(loader, i);
		if (strcmp((*out)->interface, name) == 0 ||
		    strcmp(attachment_name(*out), name) == 0)
			return true;
	}
	control_refuse(question->request->error,
		       "interface: found '%.64s', allowed are those of the "
		       "configuration",
		       name);
	return false;
}

static int run(struct daemon *daemon, const struct explain_frame *frame, uint32_t ifindex,
	       struct traced_result *result)
{
	int err = 0;

	if (!daemon->dry)
		err = traced_new(daemon->loader, TRACED_DRY, &daemon->dry);
	return err ? err : traced_run(daemon->dry, frame->bytes, frame->length, ifindex, result);
}

json_t *command_explain(const struct request *request)
{
	struct daemon *daemon = request->daemon;
	struct question question = { .request = request };
	struct explain_frame frame = { .bytes = question.frame, .interface = "" };
	const struct attachment *attachment;
	struct traced_result result;
	char why[MAP_MEMORY_WHY_BYTES];
	int err;

	if (!read_frame(&question, &frame.length) ||
	    !read_interface(&question, daemon->loader, &attachment))
		return NULL;
	if (attachment)
		frame.interface = attachment_name(attachment);
	err = run(daemon, &frame, attachment ? attachment->ifindex : 0, &result);
	if (err)
		return control_refuse(request->error, "the dry run failed: %s",
				      err == -ENOMEM ? map_memory_why(why) : strerror(-err));
	return explain_report(daemon->balancer, &frame, &result);
}
