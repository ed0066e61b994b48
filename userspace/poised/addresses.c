/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "addresses.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "fault.h"
#include "log.h"
#include "maps.h"
#include "port_lists.h"

struct planned {
	struct service_address address;
	const struct service_address *before; /* NULL: it is new */
};

struct address_plan {
	struct planned *list;
	size_t count;
	bool *kept;			   /* of the entries before, those that the list has */
	struct service_address *addresses; /* room for the entries after */
};

static struct poise_service entry_of(const struct service_address *address)
{
	struct poise_service entry = { .family = address->prefix.address.family,
				       .flags = POISE_SERVICE_ADDRESS,
				       .prefix = address->prefix.length,
				       .ranges = { address->ranges[0], address->ranges[1] } };

	memcpy(entry.address, address->prefix.address.bytes, sizeof(entry.address));
	return entry;
}

static const struct service_address *find(const struct balancer *balancer,
					  const struct prefix *prefix)
{
	for (size_t low = 0, high = balancer->address_count; low < high;) {
		size_t middle = (low + high) / 2;
		int order = port_prefix_compare(&balancer->addresses[middle].prefix, prefix);

		if (order == 0)
			return &balancer->addresses[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

static bool is_same_list(struct maps *maps, uint32_t ranges, const struct port_list *list)
{
	return (ranges & 0xff) == list->count && memcmp(maps_ranges(maps, ranges), list->ranges,
							list->count * sizeof(*list->ranges)) == 0;
}

/* Finds space for a list, unless it is as before. */
static int plan_list(struct balancer *balancer, struct planned *planned, int which,
		     const struct port_list *list, struct lines *errors)
{
	static const char *const protocols[] = { "tcp", "udp" };
	char text[ADDRESS_TEXT_BYTES];
	int err;

	if (planned->before && is_same_list(balancer->maps, planned->before->ranges[which], list)) {
		planned->address.ranges[which] = planned->before->ranges[which];
		return 0;
	}
	err = maps_ranges_write(balancer->maps, list->ranges, list->count,
				&planned->address.ranges[which]);
	if (!err)
		return 0;
	prefix_format(&planned->address.prefix, text);
	if (err == -E2BIG)
		lines_add(errors,
			  "services: %s has %zu %s port ranges, those of shorter prefixes and cuts "
			  "among them included, allowed are %d",
			  text, list->count, protocols[which], POISE_MAX_RANGES);
	else
		lines_add(errors, "services: no room for the %s port ranges of %s: %s",
			  protocols[which], text, strerror(-err));
	return err;
}

/* An index for a new entry. */
static int plan_index(struct balancer *balancer, struct planned *planned, struct lines *errors)
{
	struct poise_service entry = entry_of(&planned->address);
	char text[ADDRESS_TEXT_BYTES];

	planned->address.index = balancer_take_service_index(
		balancer, &entry, prefix_is_address(&planned->address.prefix));
	if (planned->address.index)
		return 0;
	lines_add(errors,
		  "services: no room in the service table for %s: too many others have the same "
		  "place by chance; another address has another",
		  prefix_format(&planned->address.prefix, text));
	return -ENOSPC;
}

static int plan_entry(struct balancer *balancer, struct address_plan *plan,
		      const struct port_entry *entry, struct lines *errors)
{
	struct planned *planned = &plan->list[plan->count++];
	int err = 0;

	planned->address.prefix = entry->prefix;
	planned->before = find(balancer, &entry->prefix);
	if (planned->before) {
		plan->kept[planned->before - balancer->addresses] = true;
		planned->address.index = planned->before->index;
	} else {
		err = plan_index(balancer, planned, errors);
	}
	for (int i = 0; i < PORT_PROTOCOLS && !err; i++)
		err = plan_list(balancer, planned, i, &entry->lists[i], errors);
	return err;
}

static struct port_service port_service_of(const struct service *service)
{
	const struct config_service *config = &service->config;

	return (struct port_service){ .prefix = { config->address, config->prefix_length },
				      .first = config->port,
				      .last = config->last_port,
				      .protocol = config->protocol,
				      .index = service->index };
}

static int plan_entries(struct balancer *balancer, const struct port_lists *lists,
			struct address_plan *plan, struct lines *errors)
{
	int err = 0;

	plan->list = calloc(lists->count + 1, sizeof(*plan->list));
	plan->kept = calloc(balancer->address_count + 1, sizeof(*plan->kept));
	plan->addresses = calloc(lists->count + 1, sizeof(*plan->addresses));
	if (!plan->list || !plan->kept || !plan->addresses)
		return -ENOMEM;
	for (size_t i = 0; i < lists->count && !err; i++)
		err = plan_entry(balancer, plan, &lists->entries[i], errors);
	return err;
}

int addresses_plan(struct balancer *balancer, struct service *const *services, size_t count,
		   struct address_plan **out, struct lines *errors)
{
	struct port_service *ports = calloc(count + 1, sizeof(*ports));
	struct address_plan *plan = calloc(1, sizeof(*plan));
	struct port_lists lists = {};
	int err = -ENOMEM;

	if (!ports || !plan)
		goto out_free;
	for (size_t i = 0; i < count; i++)
		ports[i] = port_service_of(services[i]);
	err = port_lists_build(ports, count, &lists);
	if (err)
		goto out_free;
	err = plan_entries(balancer, &lists, plan, errors);
out_free:
	free(ports);
	port_lists_free(&lists);
	if (err == -ENOMEM)
		lines_add(errors, "services: not enough memory");
	if (err)
		addresses_cancel(balancer, plan);
	*out = err ? NULL : plan;
	return err;
}

static void plan_free(struct address_plan *plan)
{
	free(plan->list);
	free(plan->kept);
	free(plan->addresses);
	free(plan);
}

void addresses_cancel(struct balancer *balancer, struct address_plan *plan)
{
	if (!plan)
		return;
	for (size_t i = 0; i < plan->count; i++) {
		struct planned *planned = &plan->list[i];
		const struct service_address *before = planned->before;

		for (int j = 0; j < PORT_PROTOCOLS; j++)
			if (!before || before->ranges[j] != planned->address.ranges[j])
				maps_ranges_release(balancer->maps, planned->address.ranges[j]);
		if (!before && planned->address.index)
			balancer->service_used[planned->address.index] = false;
	}
	plan_free(plan);
}

static void open_entry(struct balancer *balancer, const struct service_address *address)
{
	struct poise_service entry = entry_of(address);
	char text[ADDRESS_TEXT_BYTES];
	int err = 0;

	if (prefix_is_address(&address->prefix))
		maps_service_publish(balancer->maps, address->index, &entry);
	else
		err = maps_prefix_publish(balancer->maps, address->index, &entry);
	if (err)
		log_error("services of %s: cannot be reached: %s",
			  prefix_format(&address->prefix, text), strerror(-err));
}

static void change_lists(struct balancer *balancer, const struct planned *planned)
{
	for (int i = 0; i < PORT_PROTOCOLS; i++)
		if (planned->address.ranges[i] != planned->before->ranges[i])
			maps_service_set_ranges(balancer->maps, planned->address.index, i,
						planned->address.ranges[i]);
}

static bool any_prefix(const struct address_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!prefix_is_address(&plan->list[i].address.prefix))
			return true;
	return false;
}

static void set_prefix_flag(struct balancer *balancer, bool on)
{
	struct poise_settings *settings = maps_settings(balancer->maps);
	uint32_t flags = settings->flags & ~(uint32_t)POISE_SETTING_PREFIXES;

	__atomic_store_n(&settings->flags, flags | (on ? POISE_SETTING_PREFIXES : 0),
			 __ATOMIC_RELEASE);
}

void addresses_open(struct balancer *balancer, struct address_plan *plan)
{
	if (any_prefix(plan))
		set_prefix_flag(balancer, true);
	/* a new entry is the more specific one: it is complete before packets turn to it */
	for (size_t i = 0; i < plan->count; i++)
		if (!plan->list[i].before)
			open_entry(balancer, &plan->list[i].address);
	FAULT_POINT("address-entries-open");
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].before)
			change_lists(balancer, &plan->list[i]);
}

static void withdraw(struct balancer *balancer, const struct service_address *address)
{
	if (prefix_is_address(&address->prefix))
		maps_service_withdraw(balancer->maps, address->index);
	else
		maps_prefix_withdraw(balancer->maps, address->index);
}

static void release_old(struct balancer *balancer, const struct address_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		for (int j = 0; j < PORT_PROTOCOLS && plan->list[i].before; j++)
			if (plan->list[i].before->ranges[j] != plan->list[i].address.ranges[j])
				maps_ranges_release(balancer->maps,
						    plan->list[i].before->ranges[j]);
	for (size_t i = 0; i < balancer->address_count; i++) {
		if (plan->kept[i])
			continue;
		for (int j = 0; j < PORT_PROTOCOLS; j++)
			maps_ranges_release(balancer->maps, balancer->addresses[i].ranges[j]);
		balancer->service_used[balancer->addresses[i].index] = false;
	}
}

/* Does anything of before go? */
static bool leaves_behind(const struct balancer *balancer, const struct address_plan *plan)
{
	for (size_t i = 0; i < balancer->address_count; i++)
		if (!plan->kept[i])
			return true;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->list[i].before &&
		    memcmp(plan->list[i].before->ranges, plan->list[i].address.ranges,
			   sizeof(plan->list[i].address.ranges)) != 0)
			return true;
	return false;
}

void addresses_close(struct balancer *balancer, struct address_plan *plan, bool withdrawn)
{
	for (size_t i = 0; i < balancer->address_count; i++)
		if (!plan->kept[i])
			withdraw(balancer, &balancer->addresses[i]);
	if (!any_prefix(plan))
		set_prefix_flag(balancer, false);
	FAULT_POINT("withdrawn");
	if (withdrawn || leaves_behind(balancer, plan))
		maps_synchronize(balancer->maps);
	FAULT_POINT("withdrawn-for-all");
	release_old(balancer, plan);
	free(balancer->addresses);
	balancer->addresses = plan->addresses;
	balancer->address_count = plan->count;
	for (size_t i = 0; i < plan->count; i++)
		plan->addresses[i] = plan->list[i].address;
	plan->addresses = NULL;
	plan_free(plan);
}

static int compare(const void *left, const void *right)
{
	const struct service_address *a = left, *b = right;

	return port_prefix_compare(&a->prefix, &b->prefix);
}

int addresses_adopt(struct balancer *balancer, uint16_t index, const struct poise_service *entry)
{
	struct service_address *list =
		realloc(balancer->addresses, (balancer->address_count + 1) * sizeof(*list));
	struct service_address address = { .index = index,
					   .ranges = { entry->ranges[0], entry->ranges[1] } };
	int err = 0;

	if (!list)
		return -ENOMEM;
	balancer->addresses = list;
	address.prefix.address.family = entry->family;
	address.prefix.length = entry->prefix;
	memcpy(address.prefix.address.bytes, entry->address, sizeof(entry->address));
	for (int i = 0; i < PORT_PROTOCOLS && !err; i++)
		err = maps_ranges_adopt(balancer->maps, address.ranges[i]);
	if (err)
		return err;
	list[balancer->address_count++] = address;
	balancer->service_used[index] = true;
	return 0;
}

void addresses_adopted(struct balancer *balancer)
{
	if (balancer->address_count)
		qsort(balancer->addresses, balancer->address_count, sizeof(*balancer->addresses),
		      compare);
}
