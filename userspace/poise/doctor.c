// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Findings: kept as JSON, printed for people. See doctor.h. */
#include "doctor.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

enum { ID_BYTES = 32, MOST_A_CHECK = 4 /* rows that are printed of one check and level */ };

static const struct {
	const char *name, *why;
} checks[] = {
#define DOCTOR_TEXT(name, why) { #name, why },
	DOCTOR_CHECKS(DOCTOR_TEXT)
#undef DOCTOR_TEXT
};

static const char *const level_names[] = { "ok", "note", "warning", "problem" };

static const char *id_of(enum doctor_check check, char id[ID_BYTES])
{
	size_t i;

	for (i = 0; checks[check].name[i] && i < ID_BYTES - 1; i++)
		id[i] = (char)tolower((unsigned char)checks[check].name[i]);
	id[i] = 0;
	return id;
}

void doctor_add(struct doctor *doctor, enum doctor_check check, enum doctor_level level,
		const char *subject, const char *format, ...)
{
	char id[ID_BYTES], *found;
	va_list arguments;

	va_start(arguments, format);
	found = text_vformat(format, arguments);
	va_end(arguments);
	json_array_append_new(doctor->findings,
			      require_memory(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "check",
						       id_of(check, id), "subject", subject,
						       "level", level_names[level], "found", found,
						       "why", checks[check].why, "mend", "")));
	free(found);
	if (level > doctor->worst)
		doctor->worst = level;
}

void doctor_mend(struct doctor *doctor, const char *format, ...)
{
	json_t *last = json_array_get(doctor->findings, json_array_size(doctor->findings) - 1);
	va_list arguments;
	char *command;

	va_start(arguments, format);
	command = text_vformat(format, arguments);
	va_end(arguments);
	json_object_set_new(last, "mend", require_memory(json_string(command)));
	free(command);
}

static const char *text_of(const json_t *finding, const char *key)
{
	return json_string_value(json_object_get(finding, key));
}

static void print_finding(const json_t *finding, enum doctor_level level)
{
	static const enum color colors[] = { COLOR_GREEN, COLOR_BOLD, COLOR_YELLOW, COLOR_RED };
	const char *subject = text_of(finding, "subject"), *mend = text_of(finding, "mend");

	printf("%s", text_color(colors[level]));
	say("%-8s", level_names[level]);
	printf("%s", text_color_end(colors[level]));
	say("%-13s %s%s%s\n", text_of(finding, "check"), subject, *subject ? ": " : "",
	    text_of(finding, "found"));
	if (level == DOCTOR_OK)
		return;
	say("  why:  %s\n", text_of(finding, "why"));
	if (*mend)
		say("  mend: %s\n", mend);
}

static void tell_rest(const char *check, size_t more)
{
	if (more)
		say("        %-13s the same of %zu others (--verbose has them)\n", check, more);
}

/* Prints a level's findings, all or the first of each check; returns how many there are. Those of
 * one check stand together: each is looked at in one place. */
static size_t print_level(const struct doctor *doctor, enum doctor_level level, bool all)
{
	const char *check = "";
	size_t count = 0, of_check = 0, more = 0;

	for (size_t i = 0; i < json_array_size(doctor->findings); i++) {
		const json_t *finding = json_array_get(doctor->findings, i);

		if (strcmp(text_of(finding, "level"), level_names[level]) != 0)
			continue;
		count++;
		if (level == DOCTOR_OK && !all)
			continue;
		if (strcmp(text_of(finding, "check"), check) != 0) {
			tell_rest(check, more);
			check = text_of(finding, "check");
			of_check = more = 0;
		}
		if (all || of_check++ < MOST_A_CHECK)
			print_finding(finding, level);
		else
			more++;
	}
	tell_rest(check, more);
	return count;
}

void doctor_print(const struct doctor *doctor, bool verbose)
{
	size_t count[DOCTOR_PROBLEM + 1];

	for (int level = DOCTOR_PROBLEM; level >= DOCTOR_OK; level--)
		count[level] = print_level(doctor, level, verbose);
	say("%zu problem%s, %zu warning%s, %zu note%s, %zu fine\n", count[DOCTOR_PROBLEM],
	    count[DOCTOR_PROBLEM] == 1 ? "" : "s", count[DOCTOR_WARNING],
	    count[DOCTOR_WARNING] == 1 ? "" : "s", count[DOCTOR_NOTE],
	    count[DOCTOR_NOTE] == 1 ? "" : "s", count[DOCTOR_OK]);
}
