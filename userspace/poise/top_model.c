/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "top_model.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { FIRST_ROOM = 64 };

void top_counter_feed(struct top_counter *counter, int64_t value, double at)
{
	bool grew = counter->fed && value >= counter->value && at > counter->at;

	counter->rate = grew ? ((double)value - counter->value) / (at - counter->at) : NAN;
	counter->value = value;
	counter->at = at;
	counter->fed = true;
}

void top_model_init(struct top_model *model)
{
	*model = (struct top_model){ .lists = { { .kind = TOP_SERVICES } } };
	for (int kind = 0; kind < TOP_KINDS; kind++)
		model->lists[kind].kind = kind;
}

static void free_item(enum top_kind kind, struct top_item *item)
{
	switch (kind) {
	case TOP_SERVICES:
		free(item->as_service.endpoint);
		free(item->as_service.protocol);
		break;
	case TOP_BACKENDS:
		free(item->as_backend.address);
		free(item->as_backend.state);
		free(item->as_backend.reason);
		free(item->as_backend.check);
		break;
	default:
		free(item->as_event.verdict);
		free(item->as_event.meaning);
		break;
	}
	free(item->service);
	free(item->name);
	free(item);
}

void top_model_fini(struct top_model *model)
{
	for (int kind = 0; kind < TOP_KINDS; kind++) {
		struct top_list *list = &model->lists[kind];

		top_list_begin(list);
		top_list_end(list);
		free(list->items);
		free(list->buckets);
		*list = (struct top_list){ .kind = list->kind };
	}
}

void top_list_begin(struct top_list *list)
{
	list->generation++;
	list->put = 0;
}

/* FNV-1a, of both names and what parts them. */
static struct top_item **bucket(const struct top_list *list, const char *service, const char *name)
{
	uint32_t hash = 2166136261;

	for (; *service; service++)
		hash = (hash ^ (uint8_t)*service) * 16777619;
	hash *= 16777619;
	for (; *name; name++)
		hash = (hash ^ (uint8_t)*name) * 16777619;
	return &list->buckets[hash % list->room];
}

struct top_item *top_list_find(const struct top_list *list, const char *service, const char *name)
{
	struct top_item *item = list->room ? *bucket(list, service, name) : NULL;

	while (item && (strcmp(item->name, name) || strcmp(item->service, service)))
		item = item->next;
	return item;
}

static void link_item(struct top_list *list, struct top_item *item)
{
	struct top_item **head = bucket(list, item->service, item->name);

	item->next = *head;
	*head = item;
}

static void unlink_item(struct top_list *list, struct top_item *item)
{
	struct top_item **at = bucket(list, item->service, item->name);

	while (*at != item)
		at = &(*at)->next;
	*at = item->next;
}

static void grow(struct top_list *list)
{
	size_t bytes;

	list->room = list->room ? list->room * 2 : FIRST_ROOM;
	bytes = list->room * sizeof(*list->items);
	list->items = require_memory(realloc(list->items, bytes));
	list->buckets = require_memory(realloc(list->buckets, bytes));
	memset(list->buckets, 0, bytes);
	for (size_t i = 0; i < list->count; i++)
		link_item(list, list->items[i]);
}

static struct top_item *add_item(struct top_list *list, const char *service, const char *name)
{
	struct top_item *item = require_memory(calloc(1, sizeof(*item)));

	if (list->count == list->room)
		grow(list);
	item->service = require_memory(strdup(service));
	item->name = require_memory(strdup(name));
	for (int i = 0; i < TOP_COUNTERS; i++)
		item->counters[i].rate = NAN;
	list->items[list->count++] = item;
	link_item(list, item);
	return item;
}

struct top_item *top_list_put(struct top_list *list, const char *service, const char *name)
{
	struct top_item *item = top_list_find(list, service, name);

	if (!item)
		item = add_item(list, service, name);
	item->generation = list->generation;
	item->place = list->put++;
	return item;
}

void top_list_end(struct top_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->count; i++) {
		struct top_item *item = list->items[i];

		if (item->generation == list->generation) {
			list->items[kept++] = item;
			continue;
		}
		unlink_item(list, item);
		free_item(list->kind, item);
	}
	list->count = kept;
}

void top_text_set(char **field, const char *text)
{
	if (*field && !strcmp(*field, text))
		return;
	free(*field);
	*field = require_memory(strdup(text));
}

/* NaN, which is not known, counts as nothing beside what is. */
static double add(double sum, double rate)
{
	return isnan(sum) ? rate : isnan(rate) ? sum : sum + rate;
}

double top_list_rate(const struct top_list *list, enum top_counter_name counter)
{
	double sum = NAN;

	for (size_t i = 0; i < list->count; i++)
		sum = add(sum, list->items[i]->counters[counter].rate);
	return sum;
}

double top_drop_rate(const struct top_model *model)
{
	const struct top_list *events = &model->lists[TOP_EVENTS];
	double sum = NAN;

	for (size_t i = 0; i < events->count; i++)
		if (!strcmp(events->items[i]->as_event.verdict, "drop"))
			sum = add(sum, events->items[i]->counters[TOP_PACKETS].rate);
	return sum;
}

void top_model_sum_connections(struct top_model *model)
{
	const struct top_list *services = &model->lists[TOP_SERVICES];
	const struct top_list *backends = &model->lists[TOP_BACKENDS];

	for (size_t i = 0; i < services->count; i++)
		services->items[i]->counters[TOP_CONNECTIONS] = (struct top_counter){ .rate = NAN };
	for (size_t i = 0; i < backends->count; i++) {
		const struct top_item *backend = backends->items[i];
		const struct top_counter *own = &backend->counters[TOP_CONNECTIONS];
		struct top_item *service = top_list_find(services, "", backend->service);

		if (!service)
			continue;
		service->counters[TOP_CONNECTIONS].value += own->value;
		service->counters[TOP_CONNECTIONS].rate =
			add(service->counters[TOP_CONNECTIONS].rate, own->rate);
	}
}

bool top_text_holds(const char *text, const char *part)
{
	return strcasestr(text, part) != NULL;
}

/* What a row is ordered by, taken once a row. */
struct ranked {
	const struct top_item *item;
	struct top_key key;
};

static int compare_places(const struct ranked *one, const struct ranked *other)
{
	return (one->item->place > other->item->place) - (one->item->place < other->item->place);
}

static int compare_keys(const struct top_key *one, const struct top_key *other)
{
	if (one->text && other->text)
		return strcmp(one->text, other->text);
	return (one->number > other->number) - (one->number < other->number);
}

static bool unknown(const struct top_key *key)
{
	return !key->text && isnan(key->number);
}

static int compare_rows(const void *a, const void *b, void *descending)
{
	const struct ranked *one = a, *other = b;
	int order = unknown(&one->key) - unknown(&other->key);

	if (!order) {
		order = compare_keys(&one->key, &other->key);
		order = *(bool *)descending ? -order : order;
	}
	return order ? order : compare_places(one, other);
}

static bool chosen(const struct top_item *item, const struct top_selection *selection)
{
	if (selection->service && strcmp(item->service, selection->service))
		return false;
	return !*selection->filter || selection->holds(item, selection->filter);
}

size_t top_list_select(const struct top_list *list, const struct top_selection *selection,
		       const struct top_item **rows)
{
	struct ranked *ranked = require_memory(calloc(list->count + 1, sizeof(*ranked)));
	bool descending = selection->descending;
	size_t count = 0;

	for (size_t i = 0; i < list->count; i++)
		if (chosen(list->items[i], selection))
			ranked[count++] =
				(struct ranked){ list->items[i], selection->key(list->items[i]) };
	qsort_r(ranked, count, sizeof(*ranked), compare_rows, &descending);
	for (size_t i = 0; i < count; i++)
		rows[i] = ranked[i].item;
	free(ranked);
	return count;
}
