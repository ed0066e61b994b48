// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Duplicates, overlaps and loops of services: each has addresses, a protocol and ports of its own,
 * ranges of ports are nested or apart, and no backend has a service's address. Sorted, so that a
 * large file of plain services takes n log n.
 */
#include "config_endpoints.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "port_lists.h"
#include "yaml_tree.h"

enum { MAX_LENGTH = 128 };

struct endpoint {
	const struct config_service *service;
	size_t index; /* in the list of services */
};

struct endpoints {
	struct config_report *report;
	const struct config_place *list;
	const struct config *config;
	struct endpoint *item; /* those with an address; port 0: unknown */
	size_t count;
	bool has_length[2][MAX_LENGTH + 1]; /* prefix lengths in use, of IPv4 and IPv6 */
};

static int compare_numbers(unsigned int a, unsigned int b)
{
	return a < b ? -1 : a > b;
}

static int compare_addresses(const struct config_service *a, const struct config_service *b)
{
	int order = compare_numbers(a->address.family, b->address.family);

	if (!order)
		order = compare_numbers(a->prefix_length, b->prefix_length);
	if (!order)
		order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
	return order;
}

/* 0: the same addresses and protocol, so that ports alone tell one from the other. */
static int compare_hosts(const struct config_service *a, const struct config_service *b)
{
	int order = compare_addresses(a, b);

	return order ? order : compare_numbers(a->protocol, b->protocol);
}

static int compare_ports(const struct config_service *a, const struct config_service *b)
{
	int order = compare_numbers(a->port, b->port);

	return order ? order : compare_numbers(a->last_port, b->last_port);
}

static int compare_endpoints(const void *a, const void *b)
{
	const struct endpoint *x = a, *y = b;
	int order = compare_hosts(x->service, y->service);

	if (!order)
		order = compare_ports(x->service, y->service);
	return order ? order : compare_numbers((unsigned int)x->index, (unsigned int)y->index);
}

/* Where the value of a service's key stands; item is what it hangs from. */
static struct config_place place_of(const struct endpoints *all, const struct endpoint *endpoint,
				    const char *key, struct config_place *item)
{
	*item = config_place_item(all->list, endpoint->index);
	return config_place_key(item, key);
}

/* Services with the same ports of the same addresses: all but the first are reported. */
static void check_duplicates(const struct endpoints *all)
{
	const struct endpoint *first = all->item, *other;
	struct config_place item, at, before;

	for (other = first + 1; other < all->item + all->count; other++) {
		if (!first->service->port || compare_hosts(first->service, other->service) ||
		    compare_ports(first->service, other->service)) {
			first = other;
			continue;
		}
		before = place_of(all, first, "address", &item);
		at = place_of(all, other, "address", &item);
		config_report_value(all->report, &at,
				    "allowed is an address, port and protocol of its own: %s[%zu] "
				    "on line %u has it",
				    all->list->key, first->index, before.node->line);
	}
}

/* a begins no later than b. */
static bool cross(const struct config_service *a, const struct config_service *b)
{
	return a->port < b->port && b->port <= a->last_port && a->last_port < b->last_port;
}

static void report_crossing(const struct endpoints *all, const struct endpoint *a,
			    const struct endpoint *b)
{
	const struct endpoint *early = a->index < b->index ? a : b;
	struct config_place item, before = place_of(all, early, "port", &item);
	struct config_place at = place_of(all, early == a ? b : a, "port", &item);

	config_report_value(all->report, &at,
			    "allowed is a range within that of %s[%zu] on line %u, which is "
			    "%u-%u, or around it, or apart from it",
			    all->list->key, early->index, before.node->line, early->service->port,
			    early->service->last_port);
}

/* Of ranges that overlap one must lie within the other, and is the more specific then. */
static void check_crossings(const struct endpoints *all)
{
	const struct endpoint *end = all->item + all->count, *a, *b;

	for (a = all->item; a < end; a++)
		for (b = a + 1; b < end && !compare_hosts(a->service, b->service) &&
				b->service->port <= a->service->last_port;
		     b++)
			if (cross(a->service, b->service))
				report_crossing(all, a, b);
}

static struct port_service port_service_of(const struct endpoint *endpoint)
{
	const struct config_service *service = endpoint->service;

	return (struct port_service){ .prefix = { service->address, service->prefix_length },
				      .first = service->port,
				      .last = service->last_port,
				      .protocol = service->protocol,
				      .index = (uint16_t)(endpoint->index + 1) };
}

/* Reports the last range, by its ports, of the addresses' own; if they have none, those of the
 * wider prefix are too many already. */
static void report_excess(const struct endpoints *all, const struct prefix *prefix,
			  uint8_t protocol)
{
	const struct endpoint *excess = NULL;
	struct config_place item, at;
	struct port_service service;
	size_t i;

	for (i = 0; i < all->count; i++) {
		service = port_service_of(&all->item[i]);
		if (service.protocol == protocol && !port_service_is_exact(&service) &&
		    !port_prefix_compare(&service.prefix, prefix))
			excess = &all->item[i];
	}
	if (!excess)
		return;
	at = place_of(all, excess, "port", &item);
	config_report_value(all->report, &at,
			    "allowed are at most %d ranges of one address and protocol, cut up "
			    "where they overlap",
			    POISE_MAX_RANGES);
}

static void check_lists(const struct endpoints *all, struct port_service *services)
{
	static const uint8_t protocols[] = { [PORT_TCP] = IPPROTO_TCP, [PORT_UDP] = IPPROTO_UDP };
	struct port_lists lists;
	size_t count = 0, i;
	int which;

	for (i = 0; i < all->count; i++)
		if (all->item[i].service->port)
			services[count++] = port_service_of(&all->item[i]);
	if (port_lists_build(services, count, &lists)) {
		config_report_nomem(all->report);
		return;
	}
	for (i = 0; i < lists.count; i++)
		for (which = 0; which < PORT_PROTOCOLS; which++)
			if (lists.entries[i].lists[which].count > POISE_MAX_RANGES)
				report_excess(all, &lists.entries[i].prefix, protocols[which]);
	port_lists_free(&lists);
}

static int find_addresses(const void *key, const void *item)
{
	return compare_addresses(key, ((const struct endpoint *)item)->service);
}

/* Is the address one of a service? */
static bool is_virtual(const struct endpoints *all, const struct address *address)
{
	struct config_service wanted = { 0 };
	unsigned int length;

	for (length = 0; length <= MAX_LENGTH; length++) {
		if (!all->has_length[address->family == 6][length])
			continue;
		wanted.address = address_mask(address, length);
		wanted.prefix_length = (uint8_t)length;
		if (bsearch(&wanted, all->item, all->count, sizeof(*all->item), find_addresses))
			return true;
	}
	return false;
}

static void check_loops(const struct endpoints *all, size_t index)
{
	const struct config_service *service = &all->config->services[index];
	struct config_place item = config_place_item(all->list, index);
	struct config_place list = config_place_key(&item, "backends"), backend, at;
	size_t i;

	for (i = 0; i < service->backend_count; i++) {
		if (!is_virtual(all, &service->backends[i].address))
			continue;
		backend = config_place_item(&list, i);
		at = config_place_key(&backend, "address");
		config_report_value(all->report, &at,
				    "allowed is no service's address: its packets would come back");
	}
}

/* Sorts what has an address; whether its ports were read is to be looked at. */
static void collect(struct endpoints *all)
{
	const struct config_service *service;
	size_t i;

	for (i = 0; i < all->config->service_count; i++) {
		service = &all->config->services[i];
		if (!service->address.family)
			continue;
		all->has_length[service->address.family == 6][service->prefix_length] = true;
		all->item[all->count++] = (struct endpoint){ service, i };
	}
	qsort(all->item, all->count, sizeof(*all->item), compare_endpoints);
}

void config_endpoints_check(struct config_report *report, const struct config_place *list,
			    const struct config *config)
{
	struct endpoints all = { .report = report, .list = list, .config = config };
	struct port_service *ports = calloc(config->service_count + 1, sizeof(*ports));
	size_t i;

	all.item = calloc(config->service_count + 1, sizeof(*all.item));
	if (all.item && ports) {
		collect(&all);
		check_duplicates(&all);
		check_crossings(&all);
		check_lists(&all, ports);
		for (i = 0; i < config->service_count; i++)
			check_loops(&all, i);
	} else {
		config_report_nomem(report);
	}
	free(all.item);
	free(ports);
}
