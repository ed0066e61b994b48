/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "bytes_text.h"
#include "explain.h"
#include "poise_flow.h"
#include "poise_wire.h"
#include "reason_text.h"
#include "report.h"
#include "traced.h"

enum {
	LINK_BYTES = 14,
	TAG_BYTES = 4,
	MAX_TAGS = 2,
	IP4_BYTES = 20,
	IP6_BYTES = 40,
	UDP_BYTES = 8,
	GUE_SHIM_BYTES = 12, /* UDP and GUE */
	GRE_SHIM_BYTES = 4,
};

static const struct service *find_service(const struct balancer *balancer, uint32_t index)
{
	for (size_t i = 0; i < balancer->service_count && index; i++)
		if (balancer->services[i]->index == index)
			return balancer->services[i];
	return NULL;
}

static const struct backend *find_backend(const struct balancer *balancer, uint32_t index)
{
	return index && index < POISE_MAX_BACKENDS ? balancer->by_index[index] : NULL;
}

static json_t *backend_name(const struct balancer *balancer, uint32_t index)
{
	const struct backend *backend = find_backend(balancer, index);

	return backend ? json_string(backend->name) : json_null();
}

static json_t *address_of(uint8_t family, const void *bytes)
{
	struct address address = { .family = family };
	char text[ADDRESS_TEXT_BYTES];

	memcpy(address.bytes, bytes, family == 4 ? 4 : 16);
	return json_string(address_format(&address, text));
}

/* In the protocol's words where it is one of a service's. */
static json_t *protocol_of(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return json_string("tcp");
	case IPPROTO_UDP:
		return json_string("udp");
	case IPPROTO_ICMP:
		return json_string("icmp");
	case IPPROTO_ICMPV6:
		return json_string("icmpv6");
	default:
		return json_integer(protocol);
	}
}

static json_t *tcp_flags_of(uint8_t flags)
{
	static const char *const names[] = {
		"fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"
	};
	json_t *list = json_array();

	for (int i = 0; i < 8; i++)
		if (flags & 1 << i)
			json_array_append_new(list, json_string(names[i]));
	return list;
}

/* The flow: that of the packet, or the one that it quotes. */
static json_t *report_packet(const struct explain_frame *frame, const struct poise_trace *trace)
{
	bool has_ip = trace->family == 4 || trace->family == 6;
	json_t *out = json_pack("{s:s, s:I}", "interface", frame->interface, "frame_bytes",
				(json_int_t)frame->length);

	if (!has_ip)
		return out;
	json_object_set_new(out, "protocol", protocol_of(trace->protocol));
	json_object_set_new(out, "source", address_of(trace->family, trace->source));
	json_object_set_new(out, "source_port", json_integer(ntohs(trace->ports & 0xffff)));
	json_object_set_new(out, "destination", address_of(trace->family, trace->destination));
	json_object_set_new(out, "destination_port", json_integer(ntohs(trace->ports >> 16)));
	json_object_set_new(out, "bytes", json_integer(trace->length));
	json_object_set_new(out, "quoted", json_boolean(trace->flags & POISE_TRACE_QUOTED));
	if (trace->protocol == IPPROTO_TCP && !(trace->flags & POISE_TRACE_QUOTED))
		json_object_set_new(out, "tcp_flags", tcp_flags_of(trace->tcp_flags));
	return out;
}

static json_int_t ticks_ms(uint16_t ticks)
{
	return ((json_int_t)ticks << POISE_TICK_SHIFT) / 1000000;
}

static bool is_moving(const struct poise_trace *trace)
{
	return trace->flags & POISE_TRACE_SLOT && trace->slot_word & POISE_SLOT_MOVING;
}

static const char *move_state(const struct poise_trace *trace)
{
	return trace->move.owner & POISE_MOVE_NAMED ? "named" : "recorded";
}

static json_t *report_slot(const struct balancer *balancer, const struct service *service,
			   const struct poise_trace *trace)
{
	json_t *out;

	if (!service || !(trace->flags & POISE_TRACE_SLOT))
		return json_null();
	out = json_pack("{s:I, s:I, s:b, s:o}", "number", (json_int_t)trace->slot, "slots",
			(json_int_t)service->ring.size, "moving", is_moving(trace), "owner",
			backend_name(balancer, trace->slot_word & POISE_SLOT_OWNER));
	if (!(trace->flags & POISE_TRACE_MOVE))
		return out;
	json_object_set_new(out, "state", json_string(move_state(trace)));
	json_object_set_new(out, "previous", backend_name(balancer, trace->move.previous));
	json_object_set_new(out, "earlier",
			    backend_name(balancer, trace->move.earlier & POISE_MOVE_EARLIER));
	json_object_set_new(out, "stamp_age_ms",
			    json_integer(ticks_ms(poise_age(trace->now, trace->move.stamp))));
	return out;
}

static const char *record_state(uint64_t word)
{
	switch (poise_exception_state(word)) {
	case POISE_EXCEPTION_HALF_OPEN:
		return "half_open";
	case POISE_EXCEPTION_ESTABLISHED:
		return "established";
	default:
		return "closing";
	}
}

/* Null: neither table was asked. */
static json_t *report_record(const struct balancer *balancer, const struct poise_trace *trace)
{
	bool flow = trace->flags & POISE_TRACE_FLOW;
	json_t *out;

	if (!(trace->flags & (POISE_TRACE_FLOW | POISE_TRACE_EXCEPTION)))
		return json_null();
	out = json_pack("{s:s, s:b}", "table", flow ? "flows" : "exceptions", "found",
			trace->record != 0);
	if (!trace->record)
		return out;
	json_object_set_new(out, "backend",
			    backend_name(balancer, poise_exception_backend(trace->record)));
	json_object_set_new(out, "state", json_string(record_state(trace->record)));
	json_object_set_new(out, "age_ms",
			    json_integer(ticks_ms(
				    poise_age(trace->now, poise_exception_stamp(trace->record)))));
	return out;
}

/* A service that records every flow. */
static const char *why_flow(const struct poise_trace *trace, const struct service *service)
{
	bool scheduled = service && service->schedule_extent.size;

	if (trace->events & 1U << POISE_EVENT_FLOW_RECORDED)
		return scheduled ? "a new flow: the scheduler's choice, to be recorded"
				 : "a new flow: its slot's owner, to be recorded";
	if (!trace->record)
		return "the flow is not recorded: its slot's owner";
	return poise_exception_backend(trace->record) == trace->backend
		       ? "the flow is recorded there"
		       : "where the flow is recorded takes no packets: its slot's owner";
}

/* A slot that keeps no exceptions. */
static const char *why_named(const struct poise_trace *trace)
{
	if (trace->backend == (trace->slot_word & POISE_SLOT_OWNER))
		return "the moving slot's owner: no exceptions are kept for it";
	return "the moving slot has no owner: the latest of its former ones that takes the packet";
}

static const char *why_moving(const struct poise_trace *trace)
{
	if (trace->events & 1U << POISE_EVENT_EXCEPTION_RECORDED)
		return "a new connection: the moving slot's owner, to be recorded as an exception";
	if (trace->record && poise_exception_backend(trace->record) == trace->backend)
		return "the connection is recorded there as an exception";
	if (trace->record)
		return "where the connection is recorded takes no packets: the moving slot's owner";
	if (trace->backend == trace->move.previous &&
	    trace->backend != (trace->slot_word & POISE_SLOT_OWNER))
		return "an unrecorded connection of a moving slot: the previous backend";
	return "the moving slot's owner: the previous backend takes no packets";
}

/* Why this backend. */
static const char *report_because(const struct poise_trace *trace, const struct service *service)
{
	if (trace->flags & POISE_TRACE_FRAGMENT)
		return trace->backend ? "a later fragment: where the first one went"
				      : "a later fragment, and where the first one went is not "
					"known";
	if (!service)
		return "";
	if (trace->events & 1U << POISE_EVENT_QUIC_ROUTED)
		return "its QUIC connection id names it";
	if (trace->flags & POISE_TRACE_FLOW)
		return why_flow(trace, service);
	if (!trace->backend)
		return "no backend of the service takes new connections: its slot has no owner";
	if (trace->flags & POISE_TRACE_EXCEPTION)
		return why_moving(trace);
	if (trace->flags & POISE_TRACE_MOVE)
		return why_named(trace);
	return is_moving(trace) ? "UDP knows no connections: the slot's owner"
				: "the settled slot's owner";
}

/* What the tunnel puts before the client's packet, bytes. */
static uint32_t tunnel_bytes(const struct backend *backend)
{
	uint32_t ip = backend->address.family == 4 ? IP4_BYTES : IP6_BYTES;

	switch (backend->encapsulation) {
	case POISE_ENCAP_L2:
		return 0;
	case POISE_ENCAP_GUE:
		return ip + GUE_SHIM_BYTES;
	case POISE_ENCAP_GRE:
		return ip + GRE_SHIM_BYTES;
	default:
		return ip;
	}
}

/* What the chain adds, bytes. */
static uint32_t chain_bytes(const struct balancer *balancer, const struct poise_trace *trace)
{
	uint32_t bytes = 0;

	for (int i = 0; i < POISE_CHAIN_HOPS; i++) {
		const struct backend *hop = find_backend(balancer, trace->hops[i]);

		if (hop)
			bytes += hop->address.family == 4 ? 4 : 16;
	}
	return bytes ? bytes + sizeof(struct poise_chain) : 0;
}

/* The way's MTU is that of the entry and the room that it leaves for chains. */
static json_t *report_size(const struct balancer *balancer, const struct backend *backend,
			   const struct poise_trace *trace)
{
	uint32_t added, chain, room;

	if (!backend || !backend->entry.mtu)
		return json_null();
	added = tunnel_bytes(backend);
	chain = chain_bytes(balancer, trace);
	room = service_chain_room(backend->service, backend->address.family);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:b}", "packet", (json_int_t)trace->length,
			 "added", (json_int_t)added, "chain", (json_int_t)chain, "chain_room",
			 (json_int_t)room, "total", (json_int_t)trace->length + added + chain,
			 "mtu", (json_int_t)backend->entry.mtu + room, "fits",
			 trace->length + added <= backend->entry.mtu);
}

/* The backends that are asked next; empty: no chain. */
static json_t *report_chain(const struct balancer *balancer, const struct poise_trace *trace)
{
	json_t *list = json_array();

	for (int i = 0; i < POISE_CHAIN_HOPS; i++) {
		const struct backend *hop = find_backend(balancer, trace->hops[i]);

		if (hop)
			json_array_append_new(
				list,
				json_pack("{s:s, s:o}", "name", hop->name, "address",
					  address_of(hop->address.family, hop->address.bytes)));
	}
	return list;
}

/* Where the IP header is in what came out; NULL: there is none. */
static const uint8_t *outer_ip(const struct traced_result *result)
{
	const uint8_t *type = result->frame + LINK_BYTES - 2, *ip;

	for (int i = 0;
	     i < MAX_TAGS && (memcmp(type, "\x81\x00", 2) == 0 || memcmp(type, "\x88\xa8", 2) == 0);
	     i++)
		type += TAG_BYTES;
	ip = type + 2;
	return ip + IP6_BYTES + UDP_BYTES <= result->frame + result->length ? ip : NULL;
}

/* Null: there is no tunnel. */
static json_t *report_outer(const struct backend *backend, const struct traced_result *result)
{
	const uint8_t *ip = outer_ip(result), *udp;
	json_t *out;

	if (!backend || result->trace.reason != POISE_REASON_SENT || !ip ||
	    backend->encapsulation == POISE_ENCAP_L2)
		return json_null();
	udp = ip + (ip[0] >> 4 == 4 ? IP4_BYTES : IP6_BYTES);
	if (ip[0] >> 4 == 4)
		out = json_pack("{s:o, s:o}", "source", address_of(4, ip + 12), "destination",
				address_of(4, ip + 16));
	else
		out = json_pack("{s:o, s:o}", "source", address_of(6, ip + 8), "destination",
				address_of(6, ip + 24));
	if (backend->encapsulation != POISE_ENCAP_GUE)
		return out;
	json_object_set_new(out, "source_port", json_integer(udp[0] << 8 | udp[1]));
	json_object_set_new(out, "destination_port", json_integer(udp[2] << 8 | udp[3]));
	return out;
}

/* The backend as other commands show it, and what the data plane holds of it. */
static json_t *report_choice(struct balancer *balancer, const struct backend *backend)
{
	json_t *out;

	if (!backend)
		return json_null();
	out = report_backend(balancer, backend);
	json_object_set_new(out, "takes_packets",
			    json_boolean(backend->flags & POISE_BACKEND_LIVE));
	json_object_set_new(out, "takes_connections",
			    json_boolean(backend->flags & POISE_BACKEND_ELIGIBLE));
	return out;
}

static json_t *report_events(uint32_t events)
{
	json_t *list = json_array();

	for (unsigned int i = 0; i < POISE_EVENT_COUNT; i++)
		if (events & 1U << i)
			json_array_append_new(list, json_string(event_name(i)));
	return list;
}

static json_t *report_bytes(const uint8_t *bytes, size_t length)
{
	char *text = malloc(2 * length + 1);
	json_t *out = text ? json_string(bytes_format(bytes, length, text)) : NULL;

	free(text);
	return out;
}

/* Bytes that go nowhere are not shown. */
static json_t *report_out(const struct traced_result *result)
{
	if (result->verdict != XDP_TX && result->verdict != XDP_REDIRECT)
		return json_null();
	return report_bytes(result->frame, result->length);
}

json_t *explain_report(struct balancer *balancer, const struct explain_frame *frame,
		       const struct traced_result *result)
{
	const struct poise_trace *trace = &result->trace;
	const struct service *service = find_service(balancer, trace->service);
	const struct backend *backend = find_backend(balancer, trace->backend);

	return json_pack(
		"{s:o, s:b, s:o, s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:s, s:s, s:s, s:o, s:o, s:o}",
		"packet", report_packet(frame, trace), "for_service_address",
		(trace->flags & POISE_TRACE_ADDRESS) != 0, "service",
		service ? report_service(balancer, service) : json_null(), "slot",
		report_slot(balancer, service, trace), "record", report_record(balancer, trace),
		"backend", report_choice(balancer, backend), "because",
		report_because(trace, service), "outer", report_outer(backend, result), "size",
		report_size(balancer, backend, trace), "chain", report_chain(balancer, trace),
		"verdict", verdict_name(result->verdict), "reason", reason_name(trace->reason),
		"meaning", reason_meaning(trace->reason), "events", report_events(trace->events),
		"frame", report_bytes(frame->bytes, frame->length), "frame_out",
		report_out(result));
}
