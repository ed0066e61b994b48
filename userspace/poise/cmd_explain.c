/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise explain: what would become of a packet, told line by line. */
#include "commands.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "endpoint.h"
#include "format.h"
#include "poise.h"
#include "show.h"
#include "text.h"
#include "view.h"

enum { LABEL_WIDTH = 9 };

/* One line of the story. */
static void tell(const char *label, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void tell(const char *label, const char *format, ...)
{
	va_list arguments;
	char *text;

	va_start(arguments, format);
	text = text_vformat(format, arguments);
	va_end(arguments);
	say("%-*s %s\n", LABEL_WIDTH, label, text);
	free(text);
}

/*
 * The question.
 */

static json_t *flag_list(const struct invocation *invocation)
{
	const struct {
		bool given;
		const char *name;
	} flags[] = { { invocation->syn, "syn" },
		      { invocation->ack, "ack" },
		      { invocation->fin, "fin" },
		      { invocation->rst, "rst" } };
	json_t *list = require_memory(json_array());

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].given)
			json_array_append_new(list, json_string(flags[i].name));
	return list;
}

static bool add_endpoint(json_t *arguments, const char *text, const char *key, const char *port_key)
{
	struct endpoint endpoint;

	if (!endpoint_parse(text, &endpoint)) {
		complain("%s \"%s\": allowed is ADDRESS:PORT, of IPv6 [ADDRESS]:PORT", key, text);
		return false;
	}
	json_object_set_new(arguments, key, json_string(endpoint.address));
	json_object_set_new(arguments, port_key, json_integer(endpoint.port));
	return true;
}

static bool add_flow(json_t *arguments, const struct invocation *invocation)
{
	const char *const *operands = invocation->operands;
	json_t *flags = flag_list(invocation);

	json_object_set_new(arguments, "protocol", json_string(operands[0]));
	if (json_array_size(flags))
		json_object_set(arguments, "tcp_flags", flags);
	json_decref(flags);
	return add_endpoint(arguments, operands[1], "source", "source_port") &&
	       add_endpoint(arguments, operands[2], "destination", "destination_port");
}

/* A QUIC packet with a short header, which begins with the server's connection id. */
static void add_payload(json_t *arguments, const struct invocation *invocation)
{
	char *payload;

	if (invocation->quic_id) {
		payload = text_format("40%s", invocation->quic_id);
		json_object_set_new(arguments, "payload", json_string(payload));
		free(payload);
	} else if (invocation->payload) {
		json_object_set_new(arguments, "payload", json_string(invocation->payload));
	}
}

static bool suits(const struct invocation *invocation)
{
	bool whole = invocation->frame != NULL;

	if (whole == (invocation->operand_count == 0) &&
	    (whole || invocation->operand_count == 3)) {
		if (!invocation->payload || !invocation->quic_id)
			return true;
		complain("--payload and --quic-id exclude each other");
		return false;
	}
	complain("usage: poise explain tcp|udp SOURCE:PORT DESTINATION:PORT [OPTIONS], or poise "
		 "explain --frame HEX");
	return false;
}

/* NULL after a complaint. */
static json_t *make_arguments(const struct invocation *invocation)
{
	json_t *arguments;

	if (!suits(invocation))
		return NULL;
	arguments = require_memory(json_object());
	if (!invocation->frame && !add_flow(arguments, invocation)) {
		json_decref(arguments);
		return NULL;
	}
	if (invocation->frame)
		json_object_set_new(arguments, "frame", json_string(invocation->frame));
	add_payload(arguments, invocation);
	if (invocation->given & OPTION_LENGTH)
		json_object_set_new(arguments, "length", json_integer(invocation->length));
	if (invocation->dont_fragment)
		json_object_set_new(arguments, "dont_fragment", json_true());
	if (invocation->interface)
		json_object_set_new(arguments, "interface", json_string(invocation->interface));
	return arguments;
}

/*
 * The answer.
 */

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "?";
}

static long long number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static bool is_set(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* A backend's, or that there is none. */
static const char *name_of(const json_t *object, const char *key)
{
	return json_is_string(json_object_get(object, key)) ? text_of(object, key) : "none";
}

/* "syn, ack"; to be free()d. */
static char *words_of(const json_t *list)
{
	char *text = text_format("%s", ""), *longer;
	const json_t *word;
	size_t i;

	json_array_foreach (list, i, word) {
		longer = text_format("%s%s%s", text, i ? ", " : "",
				     json_is_string(word) ? json_string_value(word) : "?");
		free(text);
		text = longer;
	}
	return text;
}

/* A later fragment has no ports, nor have tunnels without UDP: all are 0 or not told. */
static bool has_ports(const json_t *object)
{
	return number_of(object, "source_port") || number_of(object, "destination_port");
}

static char *endpoint_of(const json_t *object, const char *key, const char *port_key)
{
	const char *address = text_of(object, key);

	if (!has_ports(object))
		return text_format("%s", address);
	return text_format(strchr(address, ':') ? "[%s]:%lld" : "%s:%lld", address,
			   number_of(object, port_key));
}

static void tell_packet(const json_t *packet)
{
	const char *interface = text_of(packet, "interface"), *protocol;
	char *source, *destination, *flags;

	if (!json_object_get(packet, "source")) {
		tell("packet", "neither IPv4 nor IPv6: a frame of %lld bytes, in by %s",
		     number_of(packet, "frame_bytes"), *interface ? interface : "no interface");
		return;
	}
	protocol = text_of(packet, "protocol");
	source = endpoint_of(packet, "source", "source_port");
	destination = endpoint_of(packet, "destination", "destination_port");
	flags = words_of(json_object_get(packet, "tcp_flags"));
	tell("packet", "%s%s%s%s %s -> %s, %lld bytes, in by %s",
	     json_is_true(json_object_get(packet, "quoted")) ? "ICMP error about " : "", protocol,
	     *flags ? " " : "", flags, source, destination, number_of(packet, "bytes"),
	     *interface ? interface : "no interface");
	free(source);
	free(destination);
	free(flags);
}

static void tell_service(const json_t *answer)
{
	const json_t *service = json_object_get(answer, "service");
	const char *address = text_of(service, "address");

	if (json_is_object(service))
		tell("service",
		     strchr(address, ':') ? "%s, [%s]:%s %s, scheduler %s"
					  : "%s, %s:%s %s, scheduler %s",
		     text_of(service, "name"), address, text_of(service, "ports"),
		     text_of(service, "protocol"), text_of(service, "scheduler"));
	else
		tell("service", "none: %s",
		     is_set(answer, "for_service_address")
			     ? "the address has services, but this packet is not for one of them"
			     : "the address has no services");
}

static void tell_slot(const json_t *slot)
{
	bool has_earlier = json_is_string(json_object_get(slot, "earlier"));
	const char *state = json_object_get(slot, "state") ? text_of(slot, "state") : "";
	char age[FORMAT_BYTES], *where;

	if (!json_is_object(slot))
		return;
	where = text_format("%lld of %lld", number_of(slot, "number"), number_of(slot, "slots"));
	if (!is_set(slot, "moving"))
		tell("slot", "%s, settled, owner %s", where, name_of(slot, "owner"));
	else if (!json_object_get(slot, "previous"))
		tell("slot", "%s, moving, owner %s", where, name_of(slot, "owner"));
	else
		tell("slot", "%s, moving%s%s, owner %s, previous %s%s%s, last stamped %s ago",
		     where, *state ? ", " : "", state, name_of(slot, "owner"),
		     name_of(slot, "previous"), has_earlier ? ", earlier " : "",
		     has_earlier ? name_of(slot, "earlier") : "",
		     format_age(number_of(slot, "stamp_age_ms") / 1000, age));
	free(where);
}

static void tell_record(const json_t *record)
{
	const char *what = "exception";
	char age[FORMAT_BYTES];

	if (!json_is_object(record))
		return;
	if (!strcmp(text_of(record, "table"), "flows"))
		what = "flow";
	if (is_set(record, "found"))
		tell(what, "recorded: backend %s, %s, %s old", name_of(record, "backend"),
		     text_of(record, "state"), format_age(number_of(record, "age_ms") / 1000, age));
	else
		tell(what, "not recorded");
}

static void tell_way(const json_t *backend)
{
	const json_t *hop = json_object_get(backend, "next_hop"), *ids, *id;
	char *tags = text_format("%s", ""), *longer;
	size_t i;

	if (strcmp(text_of(hop, "state"), "ready") != 0) {
		tell("next hop", "none: %s", text_of(hop, "text"));
		free(tags);
		return;
	}
	ids = json_object_get(hop, "vlan");
	json_array_foreach (ids, i, id) {
		longer = text_format("%s, VLAN %lld", tags, (long long)json_integer_value(id));
		free(tags);
		tags = longer;
	}
	tell("next hop", "%s, %s, by %s%s", text_of(hop, "gateway"), text_of(hop, "mac"),
	     text_of(hop, "interface"), tags);
	free(tags);
}

static void tell_backend(const json_t *answer)
{
	const json_t *backend = json_object_get(answer, "backend");
	const char *because = text_of(answer, "because"), *why;

	if (!json_is_object(backend)) {
		if (*because)
			tell("backend", "none: %s", because);
		return;
	}
	why = text_of(backend, "reason");
	tell("backend", "%s, %s, weight %lld, %s%s%s%s", text_of(backend, "name"),
	     text_of(backend, "address"), number_of(backend, "weight"), text_of(backend, "state"),
	     *why ? " (" : "", why, *why ? ")" : "");
	tell("because", "%s", because);
	tell("takes", "packets: %s, new connections: %s",
	     is_set(backend, "takes_packets") ? "yes" : "no",
	     is_set(backend, "takes_connections") ? "yes" : "no");
	tell_way(backend);
}

static void tell_tunnel(const json_t *answer)
{
	const json_t *outer = json_object_get(answer, "outer"),
		     *backend = json_object_get(answer, "backend");
	char *source, *destination;

	if (!json_is_object(outer))
		return;
	source = endpoint_of(outer, "source", "source_port");
	destination = endpoint_of(outer, "destination", "destination_port");
	tell("tunnel", "%s, %s -> %s", text_of(backend, "encapsulation"), source, destination);
	free(source);
	free(destination);
}

/* The backends that are asked next. */
static void tell_chain(const json_t *chain)
{
	const json_t *hop;
	size_t i;

	json_array_foreach (chain, i, hop)
		tell(i ? "" : "chain", "%s %s, %s", i ? "last" : "then", text_of(hop, "name"),
		     text_of(hop, "address"));
}

static void tell_size(const json_t *size)
{
	long long room = number_of(size, "chain_room");

	if (!json_is_object(size))
		return;
	if (!room)
		tell("size", "%lld bytes, and %lld of the tunnel: %lld, %s MTU %lld",
		     number_of(size, "packet"), number_of(size, "added"), number_of(size, "total"),
		     is_set(size, "fits") ? "fits" : "more than", number_of(size, "mtu"));
	else
		tell("size",
		     "%lld bytes, and %lld of the tunnel, %lld of the chain: %lld, %s MTU %lld "
		     "less %lld for chains",
		     number_of(size, "packet"), number_of(size, "added"), number_of(size, "chain"),
		     number_of(size, "total"), is_set(size, "fits") ? "fits" : "more than",
		     number_of(size, "mtu"), room - number_of(size, "chain"));
}

static void tell_end(const json_t *answer)
{
	char *events = words_of(json_object_get(answer, "events"));

	tell("verdict", "%s, %s: %s", text_of(answer, "verdict"), text_of(answer, "reason"),
	     text_of(answer, "meaning"));
	if (*events)
		tell("events", "%s", events);
	free(events);
}

static bool tell_all(json_t *answer)
{
	json_t *packet, *backend;
	int moving;

	if (!view_unpack(answer, "the explanation", "{s:o, s:o, s:b, s:s, s:s}", "packet", &packet,
			 "backend", &backend, "for_service_address", &moving, "verdict",
			 &(const char *){ NULL }, "reason", &(const char *){ NULL }))
		return false;
	tell_packet(packet);
	tell_service(answer);
	tell_slot(json_object_get(answer, "slot"));
	tell_record(json_object_get(answer, "record"));
	tell_backend(answer);
	tell_tunnel(answer);
	tell_chain(json_object_get(answer, "chain"));
	tell_size(json_object_get(answer, "size"));
	tell_end(answer);
	return true;
}

int cmd_explain(const struct invocation *invocation)
{
	json_t *arguments = make_arguments(invocation);

	if (!arguments)
		return EXIT_USAGE;
	return show_answer(invocation, "explain", arguments, tell_all);
}
