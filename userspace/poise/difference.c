/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "difference.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "config_compare.h"
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

static void add(void *context, const struct config_difference *difference)
{
	static const char *const words[] = { "added", "removed", "changed" };
	struct differences *all = context;
	char *place = place_of(difference);
	json_t *entry = json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:s?, s:b}", "change",
				  words[difference->change], "service", difference->service,
				  "backend", difference->backend, "field", difference->key,
				  "running", difference->before, "file", difference->after,
				  "by_command", json_object_get(all->by_command, place) != NULL);

	json_array_append_new(all->list, require_memory(entry));
	free(place);
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

static void say_kept(const json_t *entry)
{
	const char *field = text_of(entry, "field"), *change = text_of(entry, "change");
	const char *running = text_of(entry, "running"), *file = text_of(entry, "file");
	char *place = describe_place(entry);

	say("kept: %s", place);
	if (!strcmp(change, "added"))
		say("removed by command, although the file declares it\n");
	else if (!strcmp(change, "removed"))
		say("added by command, the file does not declare it\n");
	else
		say("%s%s%s by command stays over %s of the file\n", field ? field : "",
		    field ? " " : "", running ? running : "(none)", file ? file : "(none)");
	free(place);
}

void difference_say_applied(const json_t *list)
{
	size_t changes = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		if (is_by_command(json_array_get(list, i)))
			continue;
		say_difference(json_array_get(list, i));
		changes++;
	}
	if (!changes)
		say("nothing would change\n");
	for (size_t i = 0; i < json_array_size(list); i++)
		if (is_by_command(json_array_get(list, i)))
			say_kept(json_array_get(list, i));
}
