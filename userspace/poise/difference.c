/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_compare.h"
#include "kept_text.h"
#include "local_config.h"
#include "text.h"

struct differences {
	json_t *list;
	json_t *by_command; /* what commands changed: keys of places */
};

/* What a difference is about, as one word. */
static char *place_of(const struct config_difference *difference)
{
	return text_format("%s/%s/%s", difference->service ? difference->service : "",
			   difference->backend ? difference->backend : "",
			   difference->key ? difference->key : "");
}

static void note_command(void *context, const struct config_difference *difference)
{
	char *place = place_of(difference);

	json_object_set_new(context, place, json_true());
	free(place);
}

static bool is_noted(const struct differences *all, const struct config_difference *difference)
{
	char *place = place_of(difference);
	bool noted = json_object_get(all->by_command, place) != NULL;

	free(place);
	return noted;
}

/* A backend that was added by command keeps its weight and drain when a file declares it. */
static bool was_by_command(const struct differences *all,
			   const struct config_difference *difference)
{
	struct config_difference whole = *difference;

	if (is_noted(all, difference))
		return true;
	whole.key = NULL;
	return difference->change == CONFIG_CHANGED && difference->backend &&
	       (!strcmp(difference->key, "weight") || !strcmp(difference->key, "drain")) &&
	       is_noted(all, &whole);
}

static void add(void *context, const struct config_difference *difference)
{
	static const char *const words[] = { "added", "removed", "changed" };
	struct differences *all = context;
	json_t *entry = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:b}", "change",
				  words[difference->change], "service", difference->service,
				  "backend", difference->backend, "field", difference->key,
				  "running", difference->before, "file", difference->after,
				  "by_command", was_by_command(all, difference));

	json_array_append_new(all->list, require_memory(entry));
}

bool difference_list(const json_t *answer, const struct config *config, json_t **out)
{
	struct config *running = local_config_of(answer, "running");
	struct config *declared = running ? local_config_of(answer, "declared") : NULL;
	struct differences all = { require_memory(json_array()), require_memory(json_object()) };

	if (declared && (config_compare(declared, running, note_command, all.by_command) ||
			 config_compare(running, config, add, &all)))
		require_memory(NULL);
	config_free(running);
	config_free(declared);
	json_decref(all.by_command);
	if (declared) {
		*out = all.list;
		return true;
	}
	json_decref(all.list);
	return false;
}

static const char *text_of(const json_t *entry, const char *name)
{
	return json_string_value(json_object_get(entry, name)); /* NULL where it is null */
}

/* "service web: ", "backend web/app-01: ", or "" for what concerns the whole. */
static char *describe_place(const json_t *entry)
{
	const char *service = text_of(entry, "service"), *backend = text_of(entry, "backend");

	if (!service)
		return text_format("%s", "");
	if (!backend)
		return text_format("service %s: ", service);
	return text_format("backend %s/%s: ", service, backend);
}

static bool is_by_command(const json_t *entry)
{
	return json_is_true(json_object_get(entry, "by_command"));
}

static void say_value(const json_t *entry, char sign)
{
	const char *running = text_of(entry, "running"), *file = text_of(entry, "file");

	if (sign == '~')
		say("%s -> %s", running ? running : "(none)", file ? file : "(none)");
	else
		say("%s", sign == '+' ? file : running);
	if (!is_by_command(entry))
		return;
	say(" (%s by command)", sign == '+' ? "removed" : sign == '-' ? "added" : "set");
}

static void say_difference(const json_t *entry)
{
	const char *field = text_of(entry, "field"), *change = text_of(entry, "change");
	char *place = describe_place(entry);
	enum color color = COLOR_YELLOW;
	char sign = '~';

	if (!strcmp(change, "added")) {
		color = COLOR_GREEN;
		sign = '+';
	} else if (!strcmp(change, "removed")) {
		color = COLOR_RED;
		sign = '-';
	}
	fputs(text_color(color), stdout);
	say("%c %s%s%s", sign, place, field ? field : "", field ? " " : "");
	say_value(entry, sign);
	fputs(text_color_end(color), stdout);
	say("\n");
	free(place);
}

void difference_say(const json_t *list)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		say_difference(json_array_get(list, i));
	if (!json_array_size(list))
		say("no differences\n");
}

static enum config_change change_of(const json_t *entry)
{
	const char *change = text_of(entry, "change");

	return !strcmp(change, "added")	    ? CONFIG_ADDED
	       : !strcmp(change, "removed") ? CONFIG_REMOVED
					    : CONFIG_CHANGED;
}

static void say_kept(const json_t *entry)
{
	const struct config_difference difference = {
		change_of(entry),	 text_of(entry, "service"), text_of(entry, "backend"),
		text_of(entry, "field"), text_of(entry, "running"), text_of(entry, "file"),
	};
	char text[KEPT_TEXT_BYTES];

	say("kept: %s\n", kept_text(&difference, text));
}

/* Is it that a service goes, or becomes another one? */
static bool ends_service(const json_t *entry)
{
	const char *field = text_of(entry, "field");

	if (!text_of(entry, "service") || text_of(entry, "backend"))
		return false;
	if (!strcmp(text_of(entry, "change"), "removed"))
		return true;
	return field &&
	       (!strcmp(field, "address") || !strcmp(field, "port") || !strcmp(field, "protocol"));
}

/* The names of the services whose backends lose what commands set. */
static json_t *services_that_end(const json_t *list)
{
	json_t *names = require_memory(json_object());

	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *entry = json_array_get(list, i);

		if (ends_service(entry))
			json_object_set_new(names, text_of(entry, "service"), json_true());
	}
	return names;
}

static bool stays(const json_t *entry, const json_t *ending)
{
	const char *service = text_of(entry, "service");

	return is_by_command(entry) && !(service && json_object_get(ending, service));
}

void difference_say_applied(const json_t *list)
{
	json_t *ending = services_that_end(list);
	size_t changes = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (stays(json_array_get(list, i), ending))
			continue;
		say_difference(json_array_get(list, i));
		changes++;
	}
	if (!changes)
		say("nothing would change\n");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (stays(json_array_get(list, i), ending))
			say_kept(json_array_get(list, i));
	json_decref(ending);
}
