/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poise top knows: services, backends, and what is counted, each with the rates of its
 * counters. Asks nobody, draws nothing. Texts are as poised sent them: to be cleaned before a
 * terminal sees them.
 */
#ifndef POISE_TOP_MODEL_H
#define POISE_TOP_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum top_counter_name { TOP_PACKETS, TOP_BYTES, TOP_CONNECTIONS, TOP_COUNTERS };

struct top_counter {
	int64_t value;
	double at;   /* seconds on any clock that only goes on */
	double rate; /* a second; NaN: not known, as after the first value and after a reset */
	bool fed;
};

/* The counter was value at that time. */
void top_counter_feed(struct top_counter *counter, int64_t value, double at);

/* What backend-list and service-list tell, and stats does not; NULL, or known false: not so far. */
struct top_service {
	char *endpoint, *protocol;
	int64_t up, total, moving_slots;
	bool panic;
	bool stateless; /* UDP whose flows are not recorded */
};

struct top_backend {
	char *address, *state, *reason, *check; /* check: its state */
	int64_t weight, effective_weight;
	int64_t declared_weight; /* -1: not declared */
	int64_t active;		 /* recorded flows; -1: the service records none */
	int64_t duration_ms;	 /* of the last check */
	double share;
	bool known;
};

struct top_event {
	char *verdict, *meaning;
};

struct top_item {
	char *service; /* of a backend; else "" */
	char *name;
	size_t place;	       /* in poised's order, which is the last resort of sorting */
	unsigned generation;   /* of the list, when it was last heard of */
	struct top_item *next; /* of the same bucket */
	struct top_counter counters[TOP_COUNTERS];
	union {
		struct top_service as_service;
		struct top_backend as_backend;
		struct top_event as_event;
	};
};

enum top_kind { TOP_SERVICES, TOP_BACKENDS, TOP_EVENTS, TOP_KINDS };

struct top_list {
	enum top_kind kind;
	unsigned generation;
	size_t put; /* items in this generation */
	struct top_item **items;
	size_t count, room;
	struct top_item **buckets; /* as many as room, by service and name */
};

struct top_model {
	struct top_list lists[TOP_KINDS];
};

void top_model_init(struct top_model *model);
void top_model_fini(struct top_model *model);

/* A whole answer: begin, put each of its items, end, which forgets those that were not put. */
void top_list_begin(struct top_list *list);
struct top_item *top_list_put(struct top_list *list, const char *service, const char *name);
void top_list_end(struct top_list *list);

/* NULL: there is none. */
struct top_item *top_list_find(const struct top_list *list, const char *service, const char *name);

/* *field becomes a copy of text. */
void top_text_set(char **field, const char *text);

/* The sum of a list's rates; NaN: none is known. */
double top_list_rate(const struct top_list *list, enum top_counter_name counter);
/* The rate at which packets are dropped, likewise. */
double top_drop_rate(const struct top_model *model);
/* Makes each service's connections those of its backends. */
void top_model_sum_connections(struct top_model *model);

/* What orders rows: a number, or a text where text is not NULL. */
struct top_key {
	const char *text;
	double number; /* NaN: not known, and last in either direction */
};

struct top_selection {
	const char *service; /* only backends of it; NULL: all */
	const char *filter;  /* rows that hold this text, whatever the case; "": all */
	struct top_key (*key)(const struct top_item *item);
	bool (*holds)(const struct top_item *item, const char *filter);
	bool descending;
};

/* Fills rows, which has room for all of the list; returns how many. Rows with the same key are in
 * poised's order. */
size_t top_list_select(const struct top_list *list, const struct top_selection *selection,
		       const struct top_item **rows);

/* Whether text holds part, whatever the case of ASCII letters. */
bool top_text_holds(const char *text, const char *part);

#endif
