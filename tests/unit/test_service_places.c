// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Places in the service table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "poise_flow.h"
#include "service_places.h"

enum { LAST = POISE_SERVICE_ENTRIES - 1 };

static bool used[POISE_SERVICE_ENTRIES];

static int setup(void **state)
{
	(void)state;
	memset(used, 0, sizeof(used));
	return 0;
}

static struct poise_service entry_of(uint64_t number, uint8_t family)
{
	struct poise_service entry = { .family = family, .protocol = IPPROTO_TCP };
	uint64_t hash = poise_mix(number);

	memcpy(entry.address, &hash, family == 4 ? 4 : 8);
	entry.port = hash >> 40;
	return entry;
}

/* An entry whose home this is: the nth one. */
static struct poise_service entry_at(uint32_t home, int nth)
{
	struct poise_service entry;
	uint64_t number = 0;

	do
		entry = entry_of(number++, 4);
	while (service_home(&entry) != home || nth-- > 0);
	return entry;
}

static uint16_t take(const struct poise_service *entry, bool listed)
{
	uint16_t place = service_place(entry, listed, used);

	if (place) {
		assert_false(used[place]);
		used[place] = true;
	}
	return place;
}

static void test_neighbours(void **state)
{
	struct poise_service entry = entry_at(77, 0), other = entry_at(77, 1);

	(void)state;
	assert_int_equal(take(&entry, true), 77);
	assert_int_equal(take(&other, true), 78);
	used[77] = false;
	assert_int_equal(take(&entry, true), 77);
}

static void test_index_0_is_nobodys(void **state)
{
	struct poise_service first = entry_at(0, 0), last = entry_at(LAST, 0);

	(void)state;
	assert_int_equal(take(&first, true), 1);
	assert_int_equal(take(&last, true), LAST);
	assert_int_equal(take(&last, true), 2); /* the table is a circle */
	assert_int_equal(service_distance(LAST, 2), 3);
}

static void test_no_farther_than_the_reach(void **state)
{
	struct poise_service entry = entry_at(1000, 0);

	(void)state;
	for (uint32_t i = 0; i <= POISE_MAX_REACH; i++)
		assert_int_equal(take(&entry, true), 1000 + i);
	assert_int_equal(take(&entry, true), 0);
	assert_int_equal(take(&entry, false), 1000 + POISE_MAX_REACH + 1);
}

static void test_unlisted_go_anywhere(void **state)
{
	struct poise_service entry = entry_at(500, 0);

	(void)state;
	memset(used, true, sizeof(used));
	assert_int_equal(take(&entry, false), 0);
	used[499] = false;
	assert_int_equal(take(&entry, true), 0);
	assert_int_equal(take(&entry, false), 499);
}

/* As many as a configuration and the one before it can have. */
static void fill(uint8_t family)
{
	for (uint64_t i = 0; i < 4 * POISE_MAX_SERVICES; i++) {
		struct poise_service entry = entry_of(i, family);
		uint16_t place = take(&entry, true);

		assert_int_not_equal(place, 0);
		assert_in_range(service_distance(service_home(&entry), place), 0, POISE_MAX_REACH);
	}
}

static void test_room_for_all(void **state)
{
	fill(4);
	setup(state);
	fill(6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_neighbours, setup),
		cmocka_unit_test_setup(test_index_0_is_nobodys, setup),
		cmocka_unit_test_setup(test_no_farther_than_the_reach, setup),
		cmocka_unit_test_setup(test_unlisted_go_anywhere, setup),
		cmocka_unit_test_setup(test_room_for_all, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
