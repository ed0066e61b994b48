/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Lists of port ranges against a model that asks every service about every port: services of
 * addresses and prefixes within one another, of ports and ranges, drawn at random.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "poise_flow.h"
#include "port_lists.h"

enum { MAX_SERVICES = 48, PORTS = 65536, HISTORIES = 60 };

static uint64_t dice;

static uint32_t pick(uint32_t limit)
{
	dice = poise_mix(dice + 0x9e3779b97f4a7c15ULL);
	return (dice >> 32) % limit;
}

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix))
		fail_msg("not a prefix: %s", text);
	return prefix;
}

/* The model. */

static uint32_t width(const struct port_service *service)
{
	return service->last - service->first;
}

/* Does a answer before b, both holding the address and port? */
static bool is_before(const struct port_service *a, const struct port_service *b)
{
	if (a->prefix.length != b->prefix.length)
		return a->prefix.length > b->prefix.length;
	if (width(a) != width(b))
		return width(a) < width(b);
	return a->first < b->first;
}

static bool holds_bits(const struct prefix *outer, const struct address *address)
{
	if (outer->address.family != address->family)
		return false;
	for (int i = 0; i < outer->length; i++)
		if ((outer->address.bytes[i / 8] ^ address->bytes[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

static uint16_t model_answer(const struct port_service *services, size_t count,
			     const struct address *address, uint8_t protocol, uint32_t port)
{
	const struct port_service *best = NULL;

	for (size_t i = 0; i < count; i++)
		if (services[i].protocol == protocol && services[i].first <= port &&
		    port <= services[i].last && holds_bits(&services[i].prefix, address) &&
		    (!best || is_before(&services[i], best)))
			best = &services[i];
	return best ? best->index : 0;
}

/* What the data plane does: exactly this address and port, else the closest entry's list. */

static const struct port_entry *closest(const struct port_lists *lists,
					const struct address *address)
{
	const struct port_entry *found = NULL;

	for (size_t i = 0; i < lists->count; i++)
		if (holds_bits(&lists->entries[i].prefix, address) &&
		    (!found || lists->entries[i].prefix.length > found->prefix.length))
			found = &lists->entries[i];
	return found;
}

static void fill(const struct port_service *services, size_t count, const struct port_lists *lists,
		 const struct address *address, int protocol, uint16_t answers[PORTS])
{
	const struct port_entry *entry = closest(lists, address);
	const struct port_list *list = entry ? &entry->lists[protocol] : NULL;
	uint8_t number = protocol == PORT_TCP ? IPPROTO_TCP : IPPROTO_UDP;

	memset(answers, 0, PORTS * sizeof(*answers));
	for (size_t i = 0; list && i < list->count; i++)
		for (uint32_t port = list->ranges[i].first; port <= list->ranges[i].last; port++)
			answers[port] = list->ranges[i].service;
	for (size_t i = 0; i < count; i++)
		if (port_service_is_exact(&services[i]) && services[i].protocol == number &&
		    address_equal(&services[i].prefix.address, address))
			answers[services[i].first] = services[i].index;
}

static void expect_well_formed(const struct port_list *list)
{
	for (size_t i = 0; i < list->count; i++) {
		assert_true(list->ranges[i].first <= list->ranges[i].last);
		assert_int_not_equal(list->ranges[i].service, 0);
		assert_int_equal(list->ranges[i].reserved, 0);
		if (!i)
			continue;
		assert_true(list->ranges[i - 1].last < list->ranges[i].first);
		if (list->ranges[i - 1].last + 1 == list->ranges[i].first)
			assert_int_not_equal(list->ranges[i - 1].service, list->ranges[i].service);
	}
}

static void expect_like_model(const struct port_service *services, size_t count,
			      const struct address *address)
{
	static uint16_t answers[PORTS];
	struct port_lists lists;

	assert_int_equal(port_lists_build(services, count, &lists), 0);
	for (size_t i = 0; i < lists.count; i++)
		for (int j = 0; j < PORT_PROTOCOLS; j++)
			expect_well_formed(&lists.entries[i].lists[j]);
	for (int j = 0; j < PORT_PROTOCOLS; j++) {
		uint8_t number = j == PORT_TCP ? IPPROTO_TCP : IPPROTO_UDP;

		fill(services, count, &lists, address, j, answers);
		for (uint32_t port = 0; port < PORTS; port++) {
			uint16_t expected = model_answer(services, count, address, number, port);

			if (answers[port] != expected)
				fail_msg("port %u: expected service %u, got %u", port, expected,
					 answers[port]);
		}
	}
	port_lists_free(&lists);
}

/* Few prefixes, so that many lie over one another. */
static const char *const places[] = {
	"203.0.113.10",	  "203.0.113.11",   "203.0.113.8/30",  "203.0.113.0/25",
	"203.0.112.0/22", "2001:db8::1",    "2001:db8::/64",   "2001:db8::/47",
	"2001:db8::/111", "2001:db8:0:1::", "203.0.113.10/31",
};

static void draw_ports(struct port_service *service)
{
	uint32_t a = 1 + pick(PORTS - 1), b = 1 + pick(PORTS - 1);

	switch (pick(6)) {
	case 0:
		service->first = 1;
		service->last = PORTS - 1;
		break;
	case 1:
	case 2:
		service->first = service->last = 80 + pick(8);
		break;
	case 3:
		service->first = 76 + pick(8);
		service->last = service->first + pick(8);
		break;
	default:
		service->first = a < b ? a : b;
		service->last = a < b ? b : a;
	}
}

static bool is_taken(const struct port_service *services, size_t count,
		     const struct port_service *one)
{
	for (size_t i = 0; i < count; i++)
		if (services[i].protocol == one->protocol && services[i].first == one->first &&
		    services[i].last == one->last &&
		    port_prefix_compare(&services[i].prefix, &one->prefix) == 0)
			return true;
	return false;
}

static size_t draw(struct port_service *services)
{
	size_t count = 0, wanted = 1 + pick(MAX_SERVICES);

	while (wanted--) {
		struct port_service *service = &services[count];

		*service = (struct port_service){
			.prefix = prefix_of(places[pick(sizeof(places) / sizeof(places[0]))]),
			.protocol = pick(3) ? IPPROTO_TCP : IPPROTO_UDP,
			.index = count + 1,
		};
		draw_ports(service);
		count += !is_taken(services, count, service);
	}
	return count;
}

static void the_most_specific_service_answers(void **state)
{
	static const char *const addresses[] = {
		"203.0.113.10", "203.0.113.11", "203.0.113.9", "203.0.113.77",	 "203.0.114.1",
		"198.51.100.1", "2001:db8::1",	"2001:db8::2", "2001:db8:0:1::", "2001:db9::1"
	};
	struct port_service services[MAX_SERVICES];

	(void)state;
	for (dice = 1; dice <= HISTORIES; dice++) {
		uint64_t seed = dice;
		size_t count = draw(services);
		struct prefix address = prefix_of(addresses[pick(10)]);

		expect_like_model(services, count, &address.address);
		dice = seed;
	}
}

static void expect_list(const struct port_list *list, const struct poise_port_range *expected,
			size_t count)
{
	assert_int_equal(list->count, count);
	if (count)
		assert_memory_equal(list->ranges, expected, count * sizeof(*expected));
}

static void a_list_has_no_more_ranges_than_it_needs(void **state)
{
	const struct port_service services[] = {
		{ prefix_of("192.0.2.0/24"), 1, 65535, IPPROTO_TCP, 1 },
		{ prefix_of("192.0.2.1"), 80, 80, IPPROTO_TCP, 2 },
		{ prefix_of("192.0.2.1"), 8000, 8100, IPPROTO_TCP, 3 },
		{ prefix_of("192.0.2.1"), 8050, 8060, IPPROTO_TCP, 4 },
		{ prefix_of("192.0.2.1"), 8101, 8200, IPPROTO_UDP, 5 },
	};
	static const struct poise_port_range tcp[] = { { 1, 7999, 1, 0 },
						       { 8000, 8049, 3, 0 },
						       { 8050, 8060, 4, 0 },
						       { 8061, 8100, 3, 0 },
						       { 8101, 65535, 1, 0 } };
	static const struct poise_port_range udp[] = { { 8101, 8200, 5, 0 } };
	struct port_lists lists;

	(void)state;
	assert_int_equal(port_lists_build(services, 5, &lists), 0);
	assert_int_equal(lists.count, 2);
	expect_list(&lists.entries[0].lists[PORT_TCP],
		    (struct poise_port_range[]){ { 1, 65535, 1, 0 } }, 1);
	expect_list(&lists.entries[0].lists[PORT_UDP], NULL, 0);
	expect_list(&lists.entries[1].lists[PORT_TCP], tcp, 5);
	expect_list(&lists.entries[1].lists[PORT_UDP], udp, 1);
	port_lists_free(&lists);
}

static void services_of_single_ports_need_no_lists(void **state)
{
	const struct port_service services[] = {
		{ prefix_of("192.0.2.1"), 80, 80, IPPROTO_TCP, 1 },
		{ prefix_of("192.0.2.1"), 443, 443, IPPROTO_UDP, 2 },
	};
	struct port_lists lists;

	(void)state;
	assert_int_equal(port_lists_build(services, 2, &lists), 0);
	assert_int_equal(lists.count, 1);
	assert_int_equal(lists.entries[0].lists[PORT_TCP].count, 0);
	assert_int_equal(lists.entries[0].lists[PORT_UDP].count, 0);
	port_lists_free(&lists);
	assert_int_equal(port_lists_build(NULL, 0, &lists), 0);
	assert_int_equal(lists.count, 0);
	port_lists_free(&lists);
}

/* Text in the order in which a later one does not hold an earlier one. */
static void a_prefix_comes_before_what_it_holds(void **state)
{
	static const char *const ordered[] = { "10.0.0.0/8",	 "10.0.0.0/16",	   "10.0.0.0",
					       "10.0.1.0/24",	 "10.1.0.0/16",	   "2001:db8::/32",
					       "2001:db8::/128", "2001:db8:1::/48" };

	(void)state;
	for (int i = 0; i < 8; i++)
		for (int j = 0; j < 8; j++) {
			struct prefix a = prefix_of(ordered[i]), b = prefix_of(ordered[j]);
			int order = port_prefix_compare(&a, &b);

			assert_int_equal(order < 0 ? -1 : order > 0, i < j ? -1 : i > j);
			if (i > j)
				assert_false(prefix_holds(&a, &b));
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_most_specific_service_answers),
		cmocka_unit_test(a_list_has_no_more_ranges_than_it_needs),
		cmocka_unit_test(services_of_single_ports_need_no_lists),
		cmocka_unit_test(a_prefix_comes_before_what_it_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
