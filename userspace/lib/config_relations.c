// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * Names, addresses and ids that must differ, and what backends need of their service. Everything
 * that must differ is brought into one form (an identity), and sorted: n log n for any file. Where
 * services live is config_endpoints.c's.
 */
#include "config_relations.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "config_endpoints.h"
#include "yaml_tree.h"

enum { IDENTITY_BYTES = POISE_NAME_BYTES };

struct identity {
	unsigned char bytes[IDENTITY_BYTES]; /* a name, an address or a server id */
	size_t index;			     /* of the item in its list */
};

static struct identity identity_of_name(const char *name, size_t index)
{
	struct identity identity = { .index = index };

	memcpy(identity.bytes, name, strlen(name));
	return identity;
}

static struct identity identity_of_address(const struct address *address, size_t index)
{
	struct identity identity = { .index = index };

	identity.bytes[0] = address->family;
	memcpy(identity.bytes + 1, address->bytes, sizeof(address->bytes));
	return identity;
}

static struct identity identity_of_server_id(const struct config_backend *backend, size_t index)
{
	struct identity identity = { .index = index };

	identity.bytes[0] = backend->server_id_length;
	memcpy(identity.bytes + 1, backend->server_id, sizeof(backend->server_id));
	return identity;
}

static int compare_bytes(const void *a, const void *b)
{
	return memcmp(a, b, IDENTITY_BYTES);
}

static int compare_identities(const void *a, const void *b)
{
	const struct identity *x = a, *y = b;
	int order = compare_bytes(x->bytes, y->bytes);

	if (order)
		return order;
	return x->index < y->index ? -1 : 1;
}

static void sort_identities(struct identity *identities, size_t count)
{
	qsort(identities, count, sizeof(*identities), compare_identities);
}

/* Reports, at the key of the list's item, every identity that an earlier item has. Sorts them. */
static void report_duplicates(struct config_report *report, const struct config_place *list,
			      const char *key, const char *what, struct identity *identities,
			      size_t count)
{
	const struct identity *first = identities;
	struct config_place item, at, before;
	size_t i;

	if (!count)
		return;
	sort_identities(identities, count);
	for (i = 1; i < count; i++) {
		if (compare_bytes(first->bytes, identities[i].bytes)) {
			first = &identities[i];
			continue;
		}
		item = config_place_item(list, first->index);
		before = config_place_key(&item, key);
		item = config_place_item(list, identities[i].index);
		at = config_place_key(&item, key);
		config_report_value(report, &at,
				    "allowed is %s of its own: %s[%zu] on line %u has it", what,
				    list->key, first->index, before.node->line);
	}
}

static void check_interfaces(struct config_report *report, const struct config_place *list,
			     const struct config *config, struct identity *identities)
{
	size_t count = 0, i;

	for (i = 0; i < config->interface_count; i++)
		if (config->interfaces[i].name[0])
			identities[count++] = identity_of_name(config->interfaces[i].name, i);
	report_duplicates(report, list, "name", "a name", identities, count);
}

static void check_services(struct config_report *report, const struct config_place *list,
			   const struct config *config, struct identity *identities)
{
	size_t count = 0, i;

	for (i = 0; i < config->service_count; i++)
		if (config->services[i].name[0])
			identities[count++] = identity_of_name(config->services[i].name, i);
	report_duplicates(report, list, "name", "a name", identities, count);
}

static void check_backends(struct config_report *report, const struct config_place *list,
			   const struct config_service *service, struct identity *identities)
{
	size_t count = 0, i;

	for (i = 0; i < service->backend_count; i++)
		if (service->backends[i].name[0])
			identities[count++] = identity_of_name(service->backends[i].name, i);
	report_duplicates(report, list, "name", "a name", identities, count);
	count = 0;
	for (i = 0; i < service->backend_count; i++)
		if (service->backends[i].address.family)
			identities[count++] = identity_of_address(&service->backends[i].address, i);
	report_duplicates(report, list, "address", "an address", identities, count);
	count = 0;
	for (i = 0; i < service->backend_count; i++)
		if (service->backends[i].server_id_length)
			identities[count++] = identity_of_server_id(&service->backends[i], i);
	report_duplicates(report, list, "server_id", "a server id", identities, count);
}

/* What l2 delivers is the client's packet as it is: of the service's family. */
static void check_families(struct config_report *report, const struct config_place *list,
			   const struct config_service *service)
{
	struct config_place item, at;
	size_t i;

	for (i = 0; service->address.family && i < service->backend_count; i++) {
		const struct config_backend *backend = &service->backends[i];

		if (backend->encapsulation != POISE_ENCAP_L2 || !backend->address.family ||
		    backend->address.family == service->address.family)
			continue;
		item = config_place_item(list, i);
		at = config_place_key(&item, "address");
		config_report_value(report, &at,
				    "allowed is an IPv%u address like the service's: encapsulation "
				    "l2 leaves packets as they are",
				    service->address.family);
	}
}

/* Chains travel in the header of GUE; who sends one must be able to name every backend. */
static void check_chains(struct config_report *report, const struct config_place *place,
			 const struct config_place *list, const struct config_service *service)
{
	struct config_place at = config_place_key(place, "second_chance"), item;
	size_t i;

	if (!service->second_chance || service->protocol != IPPROTO_TCP)
		return;
	if (service->encapsulation != POISE_ENCAP_GUE) {
		config_report_value(report, &at,
				    "allowed is true only with encapsulation: gue, in whose header "
				    "the next backends are named");
		return;
	}
	for (i = 0; i < service->backend_count; i++) {
		if (service->backends[i].encapsulation == POISE_ENCAP_GUE)
			continue;
		item = config_place_item(list, i);
		at = config_place_key(&item, "encapsulation");
		config_report_value(report, &at,
				    "allowed is gue only, in a service with second_chance");
	}
}

/* The first service, at place, whose backends are too many with those of all services before it. */
static void check_total(struct config_report *report, const struct config_place *place,
			size_t before, size_t total)
{
	if (before < POISE_MAX_BACKENDS && total >= POISE_MAX_BACKENDS)
		config_report_place(report, place,
				    "found %zu backends in the services up to this one, "
				    "allowed are %d in all",
				    total, POISE_MAX_BACKENDS - 1);
}

static void check_all_backends(struct config_report *report, const struct config_place *list,
			       const struct config *config, struct identity *identities)
{
	size_t total = 0, before, i;
	struct config_place item, backends;

	for (i = 0; i < config->service_count; i++) {
		item = config_place_item(list, i);
		backends = config_place_key(&item, "backends");
		before = total;
		total += config->services[i].backend_count;
		check_total(report, &backends, before, total);
		check_backends(report, &backends, &config->services[i], identities);
		check_families(report, &backends, &config->services[i]);
		check_chains(report, &item, &backends, &config->services[i]);
	}
}

/* The data plane looks for packets of its own that came back where backends' GUE would come: there
 * is no service of that port alone. */
static void check_gue_ports(struct config_report *report, const struct config_place *list,
			    const struct config *config)
{
	struct config_place item, at;
	size_t i;

	for (i = 0; i < config->service_count; i++) {
		const struct config_service *service = &config->services[i];

		if (service->protocol != IPPROTO_UDP || service->port != config->gue_port ||
		    service->last_port != service->port)
			continue;
		item = config_place_item(list, i);
		at = config_place_key(&item, "port");
		config_report_value(report, &at,
				    "allowed is any other UDP port than tunnel.gue_port, which may "
				    "be another one");
	}
}

/* The longest list of all whose items are compared. */
static size_t longest_list(const struct config *config)
{
	size_t longest = CONFIG_MAX_INTERFACES, i;

	if (longest < config->service_count)
		longest = config->service_count;
	for (i = 0; i < config->service_count; i++)
		if (longest < config->services[i].backend_count)
			longest = config->services[i].backend_count;
	return longest;
}

void config_relations_check(struct config_report *report, const struct config_place *root,
			    const struct config *config)
{
	struct config_place interfaces = config_place_key(root, "interfaces");
	struct config_place services = config_place_key(root, "services");
	size_t longest = longest_list(config);
	struct identity *identities = calloc(longest, sizeof(*identities));

	if (identities) {
		check_interfaces(report, &interfaces, config, identities);
		check_services(report, &services, config, identities);
		check_all_backends(report, &services, config, identities);
	} else {
		config_report_nomem(report);
	}
	free(identities);
	check_gue_ports(report, &services, config);
	config_endpoints_check(report, &services, config);
}
