/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What must be true of the balancer, kept beside it: services, their backends with all that was
 * declared and commanded, which of them can be reached, and connections with the backend that each
 * began at. model_fault() compares; the rest of this file says what each operation means.
 * Comes after balancer_fixture.h and balancer_packets.h.
 */
#ifndef POISE_BALANCER_MODEL_H
#define POISE_BALANCER_MODEL_H

enum {
	SITES = 5, /* services, by their names and addresses; each may be declared or not */
	FLOWS = 540,
	FAULT_BYTES = 384,
	FIRST_PORT = 20000,
};

enum server_standing { ABSENT, ACTIVE, REMOVING, REMOVED };

/* A backend of a service. */
struct server {
	enum server_standing standing;
	char letter; /* its name is this and its number in the pool */
	bool declared, drained, runtime, out, overridden;
	uint16_t weight, declared_weight;
};

struct site {
	bool running, keep;
	uint16_t port;
	uint32_t ring_size;
	struct server servers[POOL];
};

/* A configuration. */
struct plan {
	struct {
		bool present, keep;
		uint16_t port;
		uint32_t ring_size;
		struct {
			bool present;
			char letter;
			uint16_t weight;
		} servers[POOL];
	} sites[SITES];
	unsigned int source; /* the tunnel's */
	const char *settle;
};

struct flow {
	bool open, closing;
	uint8_t site, member;
	struct tuple tuple;
};

struct model {
	struct site sites[SITES];
	struct plan plan; /* as applied last */
	bool up[POOL];
	uint8_t mac[POOL]; /* the last but one byte of each neighbour's */
	struct flow flows[FLOWS];
	bool forgets; /* settle is short: connections of a backend that is down are lost */
};

/* What kind of service a site is. */
static const struct kind_of_site {
	const char *address; /* or prefix */
	uint16_t ports;	     /* one, or a range of so many */
	const char *lines;   /* further ones of the configuration */
} site_kinds[SITES] = {
	{ "203.0.113.10", 1, "" },
	{ "2001:db8:f::10", 1, "" },
	{ "203.0.113.12", 1, "" },
	{ "203.0.113.64/28", 10, "" },
	{ "203.0.113.14", 1, "  affinity: source/30\n" },
};

/* Where the packets of a flow of a site go: some address and port of it, always the same. */
static void flow_aim(struct tuple *tuple, int number, int site, uint16_t port)
{
	const struct kind_of_site *kind = &site_kinds[site];
	struct prefix prefix;

	assert_int_equal(prefix_parse(kind->address, &prefix), 0);
	tuple->vip = prefix.address;
	tuple->vport = port;
	if (kind->ports == 1)
		return;
	tuple->vip.bytes[3] += number % 16;
	tuple->vport += number % kind->ports;
}

/* Plans. */

static struct config *plan_config(const struct plan *plan)
{
	char address[ADDRESS_TEXT_BYTES], source[32];
	struct text text;

	snprintf(source, sizeof(source), "172.%u.0.0/16", 16 + plan->source);
	text_begin(&text, plan->settle, source);
	for (int i = 0; i < SITES; i++) {
		unsigned int port = plan->sites[i].port;

		if (!plan->sites[i].present)
			continue;
		fprintf(text.stream,
			"- name: s%d\n  address: \"%s\"\n  port: \"%u-%u\"\n  ring_size: %u\n"
			"  on_down: %s\n%s  backends:\n",
			i, site_kinds[i].address, port, port + site_kinds[i].ports - 1,
			plan->sites[i].ring_size, plan->sites[i].keep ? "keep" : "rehash",
			site_kinds[i].lines);
		for (int k = 0; k < POOL; k++) {
			if (!plan->sites[i].servers[k].present)
				continue;
			host_text(k, address);
			fprintf(text.stream, "  - { name: %c%d, address: \"%s\", weight: %u }\n",
				plan->sites[i].servers[k].letter, k, address,
				plan->sites[i].servers[k].weight);
		}
	}
	return text_parse(&text);
}

/* What follows from the model. */

static bool is_serving(const struct server *server)
{
	return server->standing == ACTIVE || server->standing == REMOVING;
}

static bool is_eligible(const struct model *model, int site, int k)
{
	const struct server *server = &model->sites[site].servers[k];

	return model->sites[site].running && server->standing == ACTIVE && !server->drained &&
	       server->weight > 0 && model->up[k];
}

static bool any_eligible(const struct model *model, int site)
{
	for (int k = 0; k < POOL; k++)
		if (is_eligible(model, site, k))
			return true;
	return false;
}

/* Is got, the answer to a SYN, right? */
static bool may_open(const struct model *model, int site, int got)
{
	if (!model->sites[site].running)
		return got == PASSED;
	if (got == DROPPED)
		return !any_eligible(model, site);
	return got >= 0 && is_eligible(model, site, got);
}

/* Is got, where another packet of an open flow went, right? */
static bool may_continue(const struct model *model, const struct flow *flow, int got)
{
	const struct site *site = &model->sites[flow->site];

	if (model->up[flow->member])
		return got == flow->member;
	if (site->keep)
		return got == DROPPED; /* it has no next hop */
	return got == DROPPED || (got >= 0 && is_eligible(model, flow->site, got));
}

/* Operations. Each returns whether poised must accept it, and changes the model when it must. */

static void close_flows(struct model *model, int site, int k)
{
	for (int i = 0; i < FLOWS; i++)
		if (model->flows[i].site == site && (k < 0 || model->flows[i].member == k))
			model->flows[i].open = false;
}

static void set_server_weight(struct server *server, uint16_t weight)
{
	server->weight = weight;
	server->overridden = server->declared && server->declared_weight != weight;
}

static bool model_add(struct model *model, int site, int k, char letter, uint16_t weight)
{
	struct server *server = &model->sites[site].servers[k];

	if (server->standing == ACTIVE)
		return false;
	if (server->standing != ABSENT && server->letter != letter)
		return false; /* the address is one that is known by another name */
	if (server->standing == ABSENT)
		*server = (struct server){ .letter = letter };
	server->standing = ACTIVE;
	server->out = server->drained = false;
	server->runtime = !server->declared;
	set_server_weight(server, weight);
	return true;
}

/* What commands set goes with it. */
static void leave(struct server *server)
{
	server->standing = REMOVING;
	server->runtime = server->drained = server->overridden = false;
	if (server->declared)
		server->weight = server->declared_weight;
}

static bool model_remove(struct model *model, int site, int k, bool now)
{
	struct server *server = &model->sites[site].servers[k];

	if (server->standing == REMOVED || (server->standing == REMOVING && !now))
		return false;
	server->out = server->declared;
	leave(server);
	if (!now)
		return true;
	server->standing = server->declared ? REMOVED : ABSENT;
	close_flows(model, site, k);
	return true;
}

static bool model_drain(struct model *model, int site, int k, bool drain)
{
	struct server *server = &model->sites[site].servers[k];

	if (server->standing != ACTIVE)
		return false;
	server->drained = drain;
	return true;
}

static bool model_weight(struct model *model, int site, int k, uint16_t weight)
{
	struct server *server = &model->sites[site].servers[k];

	if (server->standing != ACTIVE)
		return false;
	set_server_weight(server, weight);
	return true;
}

static void undeclare(struct server *server)
{
	server->declared = false;
	if (server->runtime)
		return;
	server->out = false;
	if (server->standing == REMOVED)
		server->standing = ABSENT;
	else if (server->standing == ACTIVE)
		leave(server);
}

static void declare(struct server *server, char letter, uint16_t weight)
{
	if (server->standing == ABSENT) {
		*server = (struct server){ .standing = ACTIVE, .weight = weight };
	} else if (server->runtime) {
		server->overridden = true; /* what was set by command stays */
		server->runtime = false;
	}
	if (server->standing == REMOVING && !server->out)
		server->standing = ACTIVE;
	server->declared = true;
	server->letter = letter;
	server->declared_weight = weight;
	if (!server->overridden)
		server->weight = weight;
	server->overridden = server->weight != weight;
}

static void model_apply(struct model *model, const struct plan *plan)
{
	for (int i = 0; i < SITES; i++) {
		struct site *site = &model->sites[i];
		bool present = plan->sites[i].present;

		if (site->running && (!present || site->port != plan->sites[i].port)) {
			close_flows(model, i, -1);
			*site = (struct site){ 0 };
		}
		site->running = present;
		if (!present)
			continue;
		site->keep = plan->sites[i].keep;
		site->port = plan->sites[i].port;
		site->ring_size = plan->sites[i].ring_size;
		for (int k = 0; k < POOL; k++)
			if (plan->sites[i].servers[k].present)
				declare(&site->servers[k], plan->sites[i].servers[k].letter,
					plan->sites[i].servers[k].weight);
			else if (site->servers[k].standing != ABSENT)
				undeclare(&site->servers[k]);
	}
	model->plan = *plan;
}

/* Comparing. */

static bool has_flows(const struct model *model, int site, int k)
{
	for (int i = 0; i < FLOWS; i++)
		if (model->flows[i].open && model->flows[i].site == site &&
		    model->flows[i].member == k)
			return true;
	return false;
}

/* One that left is forgotten by itself, but not before its connections are gone. */
static void notice_forgotten(struct model *model, int site, int k, const struct backend *backend)
{
	struct server *server = &model->sites[site].servers[k];

	if (server->standing != REMOVING || has_flows(model, site, k))
		return;
	if (server->out && backend && backend->state == POISE_RECORD_REMOVED)
		server->standing = REMOVED;
	else if (!server->out && !backend)
		server->standing = ABSENT;
}

static uint8_t expected_flags(const struct server *server)
{
	return (server->drained ? POISE_RECORD_DRAIN : 0) |
	       (server->overridden ? POISE_RECORD_WEIGHT : 0) |
	       (server->runtime ? POISE_RECORD_RUNTIME : 0) | (server->out ? POISE_RECORD_OUT : 0);
}

static bool same_record(const struct backend *backend)
{
	struct poise_backend_record record;

	return maps_backend_record_read(world.balancer->maps, backend->index, &record) == 0 &&
	       strcmp(record.name, backend->name) == 0 && record.state == backend->state &&
	       record.flags == backend->record && record.weight == backend->weight &&
	       record.service == backend->service->index &&
	       record.family == backend->address.family &&
	       memcmp(record.address, backend->address.bytes, 16) == 0;
}

/* What the data plane lets a backend take. */
static uint8_t expected_permissions(const struct model *model, int site, int k)
{
	uint8_t flags = 0;

	if (!is_serving(&model->sites[site].servers[k]))
		return 0;
	if (model->up[k] || model->sites[site].keep)
		flags |= POISE_BACKEND_LIVE;
	if (is_eligible(model, site, k))
		flags |= POISE_BACKEND_ELIGIBLE;
	return flags;
}

/* The entry that packets use: where to, and from which source. */
static bool same_entry(const struct model *model, int k, const struct backend *backend)
{
	const struct poise_backend *entry = maps_backend(world.balancer->maps, backend->index);

	if (!model->up[k])
		return entry->ifindex == 0;
	return entry->ifindex == world.ifindex && entry->destination_mac[4] == model->mac[k] &&
	       (entry->family == 6 || entry->source[1] == 16 + model->plan.source);
}

static bool server_fault(struct model *model, int site, int k, const struct service *service,
			 char fault[FAULT_BYTES])
{
	struct address address = host(k);
	const struct backend *backend = service_find_address(service, &address);
	struct server *server = &model->sites[site].servers[k];
	char name[POISE_NAME_BYTES];

	notice_forgotten(model, site, k, backend);
	snprintf(name, sizeof(name), "%c%d", server->letter, k);
	if (!backend != (server->standing == ABSENT))
		snprintf(fault, FAULT_BYTES, "backend %d of s%d: expected standing %d, %s", k, site,
			 server->standing, backend ? "it is there" : "it is not there");
	else if (!backend)
		return false;
	else if (backend->state != server->standing || backend->weight != server->weight ||
		 strcmp(backend->name, name) != 0 ||
		 backend->declared_weight !=
			 (server->declared ? (int)server->declared_weight : -1) ||
		 (backend->record & ~POISE_RECORD_UP) != expected_flags(server))
		snprintf(fault, FAULT_BYTES,
			 "backend %d of s%d: expected '%s', standing %d, weight %u, declared %d "
			 "%u, flags %#x; got '%s', %u, %u, %d, %#x",
			 k, site, name, server->standing, server->weight, server->declared,
			 server->declared_weight, expected_flags(server), backend->name,
			 backend->state, backend->weight, backend->declared_weight,
			 backend->record);
	else if (world.balancer->by_index[backend->index] != backend)
		snprintf(fault, FAULT_BYTES, "backend %d of s%d: its index is not its own", k,
			 site);
	else if (!same_record(backend))
		snprintf(fault, FAULT_BYTES, "backend %d of s%d: its record is not what it is", k,
			 site);
	else if (maps_backend(world.balancer->maps, backend->index)->flags !=
		 expected_permissions(model, site, k))
		snprintf(fault, FAULT_BYTES, "backend %d of s%d: expected flags %u, got %u", k,
			 site, expected_permissions(model, site, k),
			 maps_backend(world.balancer->maps, backend->index)->flags);
	else if (is_serving(server) && !same_entry(model, k, backend))
		snprintf(fault, FAULT_BYTES, "backend %d of s%d: its entry is not up to date", k,
			 site);
	else
		return false;
	return true;
}

/* Whether each slot's owner is what the configuration alone makes it. */
static bool ring_fault(const struct model *model, int site, const struct service *service,
		       char fault[FAULT_BYTES])
{
	static uint16_t owners[POISE_MAX_RING];
	struct maglev_member members[POOL];
	size_t count = 0;

	for (int k = 0; k < POOL; k++)
		if (is_eligible(model, site, k))
			members[count++] = (struct maglev_member){
				.address = host(k),
				.index = k + 1,
				.weight = model->sites[site].servers[k].weight,
			};
	assert_int_equal(maglev_build(members, count, service->ring.size, world.seed, owners), 0);
	for (uint32_t i = 0; i < service->ring.size; i++) {
		uint16_t index = service->ring.slots[i] & POISE_SLOT_OWNER;
		const struct backend *owner = world.balancer->by_index[index];
		struct address expected;

		if (!owners[i] && !index)
			continue;
		if (owners[i] && owner && owner->service == service) {
			expected = host(owners[i] - 1);
			if (address_equal(&owner->address, &expected))
				continue;
		}
		snprintf(fault, FAULT_BYTES, "s%d, slot %u: expected owner %d, got index %u", site,
			 i, owners[i] - 1, index);
		return true;
	}
	return false;
}

/* Returns whether the balancer is not what the model says, and how. */
static bool model_fault(struct model *model, char fault[FAULT_BYTES])
{
	size_t running = 0;

	for (int i = 0; i < SITES; i++) {
		const struct site *site = &model->sites[i];
		const struct service *service;
		char name[16];

		snprintf(name, sizeof(name), "s%d", i);
		service = balancer_find(world.balancer, name);
		if (!site->running != !service ||
		    (service && (!service->published || service->config.port != site->port ||
				 service->ring.size != site->ring_size))) {
			snprintf(fault, FAULT_BYTES, "service '%s' is %sthere, or not the same",
				 name, service ? "" : "not ");
			return true;
		}
		running += site->running;
		for (int k = 0; service && k < POOL; k++)
			if (server_fault(model, i, k, service, fault))
				return true;
		if (service && ring_fault(model, i, service, fault))
			return true;
	}
	if (running != world.balancer->service_count) {
		snprintf(fault, FAULT_BYTES, "expected %zu services, got %zu", running,
			 world.balancer->service_count);
		return true;
	}
	return false;
}

/* A packet of every open flow. */
static bool flows_fault(const struct model *model, char fault[FAULT_BYTES])
{
	for (int i = 0; i < FLOWS; i++) {
		const struct flow *flow = &model->flows[i];
		int got;

		if (!flow->open)
			continue;
		got = packet_sent(&flow->tuple, TH_ACK);
		if (may_continue(model, flow, got))
			continue;
		snprintf(fault, FAULT_BYTES, "flow %d of s%u: expected its backend %u (%s), got %d",
			 i, flow->site, flow->member, model->up[flow->member] ? "up" : "down", got);
		return true;
	}
	return false;
}

#endif
