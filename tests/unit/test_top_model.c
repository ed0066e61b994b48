/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise top's model: rates from counters, what comes and goes, order and filter of rows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "top_columns.h"
#include "top_model.h"

enum { MANY = 20000 };

static void assert_rate(double expected, double got)
{
	if (isnan(expected) ? !isnan(got) : !(fabs(got - expected) <= 1e-6 * fabs(expected)))
		fail_msg("expected a rate of %f, got %f", expected, got);
}

static void a_rate_takes_two_values(void **state)
{
	static const struct {
		int64_t value;
		double at, rate;
	} steps[] = {
		{ 1000, 10, NAN },	{ 3000, 12, 1000 },
		{ 3000, 13, 0 },	{ 3001, 17, 0.25 },
		{ 5, 18, NAN },				  /* the maps were made anew */
		{ 105, 19, 100 },	{ 200, 19, NAN }, /* no time has passed */
		{ 300, 20, 100 },	{ INT64_MAX, 21, (double)INT64_MAX },
		{ INT64_MIN, 22, NAN }, { INT64_MAX, 23, 2.0 * (double)INT64_MAX },
	};
	struct top_counter counter = { .rate = NAN };

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		top_counter_feed(&counter, steps[i].value, steps[i].at);
		assert_rate(steps[i].rate, counter.rate);
		assert_true(counter.value == steps[i].value);
	}
}

static struct top_item *put(struct top_list *list, const char *service, const char *name,
			    int64_t packets, double at)
{
	struct top_item *item = top_list_put(list, service, name);

	top_counter_feed(&item->counters[TOP_PACKETS], packets, at);
	return item;
}

static void what_is_not_heard_of_is_forgotten(void **state)
{
	struct top_model model;
	struct top_list *list = &model.lists[TOP_BACKENDS];

	(void)state;
	top_model_init(&model);
	top_list_begin(list);
	put(list, "web", "a", 100, 1);
	put(list, "web", "b", 100, 1);
	put(list, "mail", "a", 100, 1);
	top_list_end(list);
	assert_int_equal(list->count, 3);

	top_list_begin(list);
	put(list, "mail", "a", 150, 2);
	put(list, "web", "b", 300, 2);
	top_list_end(list);
	assert_int_equal(list->count, 2);
	assert_null(top_list_find(list, "web", "a"));
	assert_null(top_list_find(list, "", "b"));
	assert_rate(200, top_list_find(list, "web", "b")->counters[TOP_PACKETS].rate);
	assert_rate(250, top_list_rate(list, TOP_PACKETS));

	/* one that comes back begins anew, whatever it had counted */
	top_list_begin(list);
	put(list, "web", "a", 900, 3);
	top_list_end(list);
	assert_int_equal(list->count, 1);
	assert_rate(NAN, top_list_find(list, "web", "a")->counters[TOP_PACKETS].rate);
	assert_rate(NAN, top_list_rate(list, TOP_PACKETS));
	top_model_fini(&model);
}

/* Names that differ only in where the service's ends are not the same. */
static void names_are_kept_apart(void **state)
{
	struct top_model model;
	struct top_list *list = &model.lists[TOP_BACKENDS];

	(void)state;
	top_model_init(&model);
	top_list_begin(list);
	assert_ptr_not_equal(top_list_put(list, "a", "bc"), top_list_put(list, "ab", "c"));
	assert_ptr_equal(top_list_put(list, "a", "bc"), top_list_find(list, "a", "bc"));
	top_list_end(list);
	assert_int_equal(list->count, 2);
	top_model_fini(&model);
}

static void a_service_has_the_connections_of_its_backends(void **state)
{
	static const struct {
		const char *service, *name;
		int64_t first, second;
	} backends[] = { { "web", "a", 0, 10 }, { "web", "b", 5, 25 }, { "gone", "c", 0, 99 } };
	struct top_model model;

	(void)state;
	top_model_init(&model);
	for (int at = 1; at <= 2; at++) {
		for (int kind = 0; kind < TOP_KINDS; kind++)
			top_list_begin(&model.lists[kind]);
		top_list_put(&model.lists[TOP_SERVICES], "", "web");
		top_list_put(&model.lists[TOP_SERVICES], "", "empty");
		for (size_t i = 0; i < sizeof(backends) / sizeof(*backends); i++)
			top_counter_feed(&top_list_put(&model.lists[TOP_BACKENDS],
						       backends[i].service, backends[i].name)
						  ->counters[TOP_CONNECTIONS],
					 at == 1 ? backends[i].first : backends[i].second, at);
		top_model_sum_connections(&model);
	}
	assert_rate(30, top_list_find(&model.lists[TOP_SERVICES], "", "web")
				->counters[TOP_CONNECTIONS]
				.rate);
	assert_rate(NAN, top_list_find(&model.lists[TOP_SERVICES], "", "empty")
				 ->counters[TOP_CONNECTIONS]
				 .rate);
	top_model_fini(&model);
}

static void only_drops_count_as_drops(void **state)
{
	static const char *const verdicts[] = { "drop", "pass", "event", "drop" };
	struct top_model model;
	struct top_list *list = &model.lists[TOP_EVENTS];
	char name[2] = "a";

	(void)state;
	top_model_init(&model);
	assert_rate(NAN, top_drop_rate(&model));
	for (int at = 1; at <= 2; at++)
		for (int i = 0; i < 4; i++) {
			name[0] = 'a' + i;
			top_text_set(&put(list, "", name, at * (i + 1) * 10, at)->as_event.verdict,
				     verdicts[i]);
		}
	assert_rate(10 + 40, top_drop_rate(&model));
	top_model_fini(&model);
}

/* The column of that title. */
static const struct top_column *column(enum top_kind kind, const char *title)
{
	const struct top_table *table = top_table(kind, false);

	for (size_t i = 0; i < table->count; i++)
		if (!strcmp(table->columns[i].title, title))
			return &table->columns[i];
	fail_msg("no column \"%s\"", title);
	return NULL;
}

/* The names of the rows that are chosen, one behind the other. */
static const char *chosen(const struct top_model *model, const char *title, bool descending,
			  const char *service, const char *filter)
{
	static char names[256];
	const struct top_list *list = &model->lists[TOP_BACKENDS];
	const struct top_item *rows[16];
	struct top_selection selection = { service, filter, column(TOP_BACKENDS, title)->key,
					   top_item_holds_backend, descending };
	size_t count = top_list_select(list, &selection, rows);

	names[0] = '\0';
	for (size_t i = 0; i < count; i++)
		strcat(names, rows[i]->name);
	return names;
}

static void fill(struct top_model *model)
{
	static const struct {
		const char *service, *name, *state;
		int64_t first, second;
	} rows[] = {
		{ "web", "d", "up", 0, 50 },   { "web", "b", "down", 0, 50 },
		{ "mail", "c", "up", 0, 900 }, { "mail", "a", "draining", 0, 50 },
		{ "mail", "z", "up", 100, 0 }, /* its counter was reset */
	};
	struct top_list *list = &model->lists[TOP_BACKENDS];

	top_model_init(model);
	for (int at = 1; at <= 2; at++) {
		top_list_begin(list);
		for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
			top_text_set(&put(list, rows[i].service, rows[i].name,
					  at == 1 ? rows[i].first : rows[i].second, at)
					      ->as_backend.state,
				     rows[i].state);
		top_list_end(list);
	}
}

static void rows_are_ordered(void **state)
{
	struct top_model model;

	(void)state;
	fill(&model);
	/* equal ones stay in poised's order, in either direction; what is not known is last */
	assert_string_equal("cdbaz", chosen(&model, "PKT/S", true, NULL, ""));
	assert_string_equal("dbacz", chosen(&model, "PKT/S", false, NULL, ""));
	assert_string_equal("abcdz", chosen(&model, "BACKEND", false, NULL, ""));
	assert_string_equal("zdcba", chosen(&model, "BACKEND", true, NULL, ""));
	assert_string_equal("cazdb", chosen(&model, "SERVICE", false, NULL, ""));
	assert_string_equal("dbcaz", chosen(&model, "WEIGHT", true, NULL, ""));
	top_model_fini(&model);
}

/* Poised may tell its backends in another order, as after a reload. */
static void equal_rows_are_in_the_last_order(void **state)
{
	static const char *const orders[] = { "abc", "cab" };
	struct top_model model;
	struct top_list *list = &model.lists[TOP_BACKENDS];
	char name[2] = "";

	(void)state;
	top_model_init(&model);
	for (int i = 0; i < 2; i++) {
		top_list_begin(list);
		for (const char *at = orders[i]; *at; at++) {
			name[0] = *at;
			put(list, "web", name, 0, i);
		}
		top_list_end(list);
		assert_string_equal(orders[i], chosen(&model, "PKT/S", true, NULL, ""));
		assert_string_equal(orders[i], chosen(&model, "PKT/S", false, NULL, ""));
	}
	top_model_fini(&model);
}

static void rows_are_filtered(void **state)
{
	struct top_model model;

	(void)state;
	fill(&model);
	assert_string_equal("db", chosen(&model, "PKT/S", true, "web", ""));
	assert_string_equal("", chosen(&model, "PKT/S", true, "we", ""));
	assert_string_equal("caz", chosen(&model, "PKT/S", true, NULL, "MAIL"));
	assert_string_equal("dba", chosen(&model, "PKT/S", true, NULL, "d"));
	assert_string_equal("a", chosen(&model, "PKT/S", true, "mail", "drain"));
	assert_string_equal("", chosen(&model, "PKT/S", true, NULL, "nothing"));
	top_model_fini(&model);
}

static void many_items_are_found(void **state)
{
	struct top_model model;
	struct top_list *list = &model.lists[TOP_BACKENDS];
	char name[16];

	(void)state;
	top_model_init(&model);
	for (int round = 1; round <= 2; round++) {
		top_list_begin(list);
		for (int i = 0; i < MANY; i += round) {
			snprintf(name, sizeof(name), "b-%d", i);
			put(list, "s", name, i, round);
		}
		top_list_end(list);
	}
	assert_int_equal(list->count, MANY / 2);
	assert_non_null(top_list_find(list, "s", "b-19998"));
	assert_null(top_list_find(list, "s", "b-19999"));
	top_model_fini(&model);
}

static void rates_are_written_short(void **state)
{
	static const struct {
		double rate;
		const char *text;
	} rows[] = {
		{ NAN, "-" },	    { 0, "0" },	       { 0.001, "<0.1" },  { 0.25, "0.2" },
		{ 9.94, "9.9" },    { 9.96, "10" },    { 99999, "99999" }, { 123456, "123k" },
		{ 1.5e9, "1.50G" }, { 1e30, "9.22E" },
	};
	char text[FORMAT_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_string_equal(rows[i].text, top_rate_format(rows[i].rate, text));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_rate_takes_two_values),
		cmocka_unit_test(what_is_not_heard_of_is_forgotten),
		cmocka_unit_test(names_are_kept_apart),
		cmocka_unit_test(a_service_has_the_connections_of_its_backends),
		cmocka_unit_test(only_drops_count_as_drops),
		cmocka_unit_test(rows_are_ordered),
		cmocka_unit_test(equal_rows_are_in_the_last_order),
		cmocka_unit_test(rows_are_filtered),
		cmocka_unit_test(many_items_are_found),
		cmocka_unit_test(rates_are_written_short),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
