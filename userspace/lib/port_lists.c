/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "port_lists.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

uint8_t address_bits(const struct address *address)
{
	return address->family == 4 ? 32 : 128;
}

bool prefix_is_address(const struct prefix *prefix)
{
	return prefix->length == address_bits(&prefix->address);
}

bool port_service_is_exact(const struct port_service *service)
{
	return service->first == service->last && prefix_is_address(&service->prefix);
}

int port_prefix_compare(const struct prefix *a, const struct prefix *b)
{
	int order = (int)a->address.family - b->address.family;

	if (!order)
		order = memcmp(a->address.bytes, b->address.bytes, sizeof(a->address.bytes));
	return order ? order : (int)a->length - b->length;
}

bool prefix_holds(const struct prefix *outer, const struct prefix *inner)
{
	const uint8_t *a = outer->address.bytes, *b = inner->address.bytes;
	unsigned int bytes = outer->length / 8, bits = outer->length % 8;

	if (outer->address.family != inner->address.family || outer->length > inner->length ||
	    memcmp(a, b, bytes) != 0)
		return false;
	return bits == 0 || (a[bytes] ^ b[bytes]) >> (8 - bits) == 0;
}

/* By prefix, then in the order in which services of one prefix take a port. */
static int compare_services(const void *left, const void *right)
{
	const struct port_service *a = left, *b = right;
	int order = port_prefix_compare(&a->prefix, &b->prefix);

	if (!order)
		order = (a->last - a->first) - (b->last - b->first);
	return order ? order : (int)a->first - b->first;
}

static int compare_cuts(const void *left, const void *right)
{
	uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;

	return a < b ? -1 : a > b;
}

/* Services of one prefix, in the order in which they take a port. */
struct group {
	const struct port_service *services;
	size_t count;
	uint8_t protocol;
};

static bool is_listed(const struct group *group, const struct port_service *service)
{
	return service->protocol == group->protocol && !port_service_is_exact(service);
}

/* Where the answer may change from one port to the next. Returns how many. */
static size_t find_cuts(const struct group *own, const struct port_list *outer, uint32_t *cuts)
{
	size_t count = 0;

	for (size_t i = 0; i < own->count; i++) {
		if (!is_listed(own, &own->services[i]))
			continue;
		cuts[count++] = own->services[i].first;
		cuts[count++] = own->services[i].last + 1;
	}
	for (size_t i = 0; i < outer->count; i++) {
		cuts[count++] = outer->ranges[i].first;
		cuts[count++] = outer->ranges[i].last + 1;
	}
	qsort(cuts, count, sizeof(*cuts), compare_cuts);
	return count;
}

/* The service that answers on a port; 0 for none. */
static uint16_t answers(const struct group *own, const struct port_list *outer, uint32_t port)
{
	for (size_t i = 0; i < own->count; i++)
		if (is_listed(own, &own->services[i]) && own->services[i].first <= port &&
		    port <= own->services[i].last)
			return own->services[i].index;
	for (size_t i = 0; i < outer->count; i++)
		if (outer->ranges[i].first <= port && port <= outer->ranges[i].last)
			return outer->ranges[i].service;
	return 0;
}

static void append(struct port_list *list, uint32_t first, uint32_t last, uint16_t service)
{
	struct poise_port_range *end = list->count ? &list->ranges[list->count - 1] : NULL;

	if (end && end->service == service && end->last + 1U == first)
		end->last = last;
	else
		list->ranges[list->count++] = (struct poise_port_range){ .first = first,
									 .last = last,
									 .service = service };
}

/* Lays a prefix's own services over the list of what holds it. */
static int lay_over(const struct group *own, const struct port_list *outer, struct port_list *out)
{
	size_t room = 2 * (own->count + outer->count), count;
	uint32_t *cuts = calloc(room + 1, sizeof(*cuts));

	out->ranges = calloc(room + 1, sizeof(*out->ranges));
	if (!cuts || !out->ranges) {
		free(cuts);
		return -ENOMEM;
	}
	count = find_cuts(own, outer, cuts);
	for (size_t i = 0; i + 1 < count; i++) {
		uint16_t service = answers(own, outer, cuts[i]);

		if (service && cuts[i] != cuts[i + 1])
			append(out, cuts[i], cuts[i + 1] - 1, service);
	}
	free(cuts);
	return 0;
}

/* The entry before 'at' that holds it most closely, or NULL. outer[i]: that of entry i, plus 1. */
static const struct port_entry *find_outer(const struct port_lists *lists, size_t at,
					   const size_t *outer)
{
	for (size_t i = at; i > 0; i = outer[i - 1])
		if (prefix_holds(&lists->entries[i - 1].prefix, &lists->entries[at].prefix))
			return &lists->entries[i - 1];
	return NULL;
}

/* Makes the entry of services[0, count), which are of one prefix. */
static int add_entry(struct port_lists *lists, const struct port_service *services, size_t count,
		     size_t *outer)
{
	static const uint8_t protocols[PORT_PROTOCOLS] = { IPPROTO_TCP, IPPROTO_UDP };
	static const struct port_list none;
	struct port_entry *entry = &lists->entries[lists->count];
	const struct port_entry *holder;
	int err = 0;

	entry->prefix = services->prefix;
	holder = find_outer(lists, lists->count, outer);
	outer[lists->count++] = holder ? holder - lists->entries + 1 : 0;
	for (int i = 0; i < PORT_PROTOCOLS && !err; i++) {
		struct group own = { services, count, protocols[i] };

		err = lay_over(&own, holder ? &holder->lists[i] : &none, &entry->lists[i]);
	}
	return err;
}

int port_lists_build(const struct port_service *services, size_t count, struct port_lists *out)
{
	struct port_service *sorted = calloc(count + 1, sizeof(*sorted));
	size_t *outer = calloc(count + 1, sizeof(*outer));
	int err = -ENOMEM;

	*out = (struct port_lists){ .entries = calloc(count + 1, sizeof(*out->entries)) };
	if (!sorted || !outer || !out->entries)
		goto out_free;
	for (size_t i = 0; i < count; i++)
		sorted[i] = services[i];
	qsort(sorted, count, sizeof(*sorted), compare_services);
	err = 0;
	for (size_t i = 0, next; i < count && !err; i = next) {
		for (next = i + 1; next < count; next++)
			if (port_prefix_compare(&sorted[i].prefix, &sorted[next].prefix) != 0)
				break;
		err = add_entry(out, &sorted[i], next - i, outer);
	}
out_free:
	free(sorted);
	free(outer);
	if (err)
		port_lists_free(out);
	return err;
}

void port_lists_free(struct port_lists *lists)
{
	for (size_t i = 0; i < lists->count; i++)
		for (int j = 0; j < PORT_PROTOCOLS; j++)
			free(lists->entries[i].lists[j].ranges);
	free(lists->entries);
	*lists = (struct port_lists){};
}
