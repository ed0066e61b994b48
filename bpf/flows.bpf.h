/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Recorded flows: of services whose scheduler chooses anew for each connection (roundrobin,
 * leastconn) and of sticky UDP services. The table is one of exceptions.bpf.h's shape. A backend's
 * count of active flows is that of the words that name it and are not closing: whoever changes a
 * word changes the counts.
 */
#ifndef POISE_FLOWS_BPF_H
#define POISE_FLOWS_BPF_H

#include "exceptions.bpf.h"
#include "schedule.bpf.h"

struct flow {
	struct poise_exception_bucket *bucket;
	__u64 hash;
	__u16 now;
	__u16 idle; /* ticks after which a record of the service has expired */
	__u32 reserved;
};

/* The backend that the word counts for, 0 for none. */
static __always_inline __u32 flow_active(__u64 word)
{
	return poise_exception_state(word) == POISE_EXCEPTION_CLOSING
		       ? 0
		       : poise_exception_backend(word);
}

static __always_inline void flow_add(__u32 backend, __u32 number)
{
	struct poise_backend_load *load = bpf_map_lookup_elem(&backend_load, &backend);

	if (backend && load && !poise_dry)
		__sync_fetch_and_add(&load->active, number);
}

static __always_inline void flow_account(struct exception_change change)
{
	__u32 before = flow_active(change.before), after = flow_active(change.after);

	if (before == after)
		return;
	flow_add(after, 1);
	flow_add(before, -1);
}

/* A flow begins. */
static __always_inline __u32 flow_open(const struct flow *flow, const struct packet *packet,
				       const struct poise_service *service, __u32 owner)
{
	__u32 backend = schedule_choose(service, packet->service);

	if (!backend)
		backend = owner;
	if (backend)
		flow_account(exception_record(flow->bucket, flow->hash, backend, flow->now,
					      flow->idle, POISE_EVENT_FLOW_RECORDED));
	return backend;
}

/* Whether the packet is of a kind that begins flows. */
static __always_inline bool flow_may_open(const struct packet *packet)
{
	if (packet->flags & PACKET_QUOTED)
		return false;
	return packet->protocol != IPPROTO_TCP || packet_is_syn(packet);
}

/*
 * Whether such a packet is of the flow that was found, after all. A SYN is (a duplicate) while the
 * connection has not ended and its backend takes new ones; of UDP every packet that can go there.
 */
static __always_inline bool flow_lasts(const struct packet *packet, const struct exception *found)
{
	__u8 flags;

	if (!found->place)
		return false;
	flags = backend_flags(poise_exception_backend(found->word));
	if (packet->protocol != IPPROTO_TCP)
		return flags & POISE_BACKEND_LIVE;
	return (flags & POISE_BACKEND_ELIGIBLE) &&
	       poise_exception_state(found->word) != POISE_EXCEPTION_CLOSING;
}

static __always_inline __u32 flow_next_state(const struct packet *packet, __u32 state)
{
	if (packet->tcp_flags & (TCP_FIN | TCP_RST))
		return POISE_EXCEPTION_CLOSING;
	if (state == POISE_EXCEPTION_HALF_OPEN && !packet_is_syn(packet))
		return POISE_EXCEPTION_ESTABLISHED;
	return state;
}

/* A packet of a flow that began before; found may be of no place. */
static __always_inline __u32 flow_continue(const struct flow *flow, const struct packet *packet,
					   const struct exception *found, __u32 owner)
{
	__u32 backend = poise_exception_backend(found->word);
	__u32 state = poise_exception_state(found->word);

	if (!found->place || !(backend_flags(backend) & POISE_BACKEND_LIVE))
		return owner;
	if (!(packet->flags & PACKET_QUOTED))
		flow_account(exception_renew(found, flow->hash, flow_next_state(packet, state),
					     flow->now));
	return backend;
}

static __always_inline struct poise_exception_bucket *flow_bucket(__u64 hash)
{
	__u32 number = hash & poise_flow_mask;

	return bpf_map_lookup_elem(&flows, &number);
}

/*
 * The backend of a flow of a service with POISE_SERVICE_RECORD: where it is recorded, else the
 * scheduler's choice, recorded, when the packet opens a flow; else owner, which is what the ring
 * says. Returns its index, 0 for none.
 */
__noinline int flow_choose(const struct packet *packet, const struct poise_service *service,
			   __u32 owner)
{
	struct poise_settings *setting;
	struct exception found;
	struct flow flow = {};
	__u32 zero = 0;

	setting = bpf_map_lookup_elem(&settings, &zero);
	if (!packet || !service || !setting)
		return 0;
	flow.hash = poise_exception_hash(packet->hash, setting->exception_key);
	flow.bucket = flow_bucket(flow.hash);
	if (!flow.bucket)
		return owner;
	flow.now = clock_ticks();
	flow.idle = service->idle_ticks;
	found = exception_find(flow.bucket, flow.hash, flow.now, flow.idle);
	trace_record(POISE_TRACE_FLOW, found.place ? found.word : 0, flow.now);
	if (flow_may_open(packet) && !flow_lasts(packet, &found))
		return flow_open(&flow, packet, service, owner);
	return flow_continue(&flow, packet, &found, owner);
}

#endif
