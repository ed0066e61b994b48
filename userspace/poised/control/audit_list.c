/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "audit_list.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* All the texts of a change are in one piece of memory, which begins with 'text'. */
static const char *put(char **end, const char *text)
{
	char *begin = *end;

	if (!text)
		return NULL;
	*end = stpcpy(begin, text) + 1;
	return begin;
}

static size_t room(const char *text)
{
	return text ? strlen(text) + 1 : 0;
}

/* False: no memory. */
static bool copy(struct audit_change *to, const struct audit_change *from, const char *text)
{
	char *end = malloc(room(text) + room(from->service) + room(from->backend) +
			   room(from->interface) + room(from->what) + room(from->before) +
			   room(from->after));

	if (!end)
		return false;
	*to = (struct audit_change){};
	to->text = put(&end, text);
	to->service = put(&end, from->service);
	to->backend = put(&end, from->backend);
	to->interface = put(&end, from->interface);
	to->what = put(&end, from->what);
	to->before = put(&end, from->before);
	to->after = put(&end, from->after);
	return true;
}

void audit_list_add(struct audit_list *list, const struct audit_change *change, const char *format,
		    ...)
{
	struct audit_change *changes =
		realloc(list->changes, (list->count + 1) * sizeof(*list->changes));
	va_list arguments;
	char *text;
	int length;

	if (!changes)
		return;
	list->changes = changes;
	va_start(arguments, format);
	length = vasprintf(&text, format, arguments);
	va_end(arguments);
	if (length < 0)
		return;
	if (copy(&changes[list->count], change, text))
		list->count++;
	free(text);
}

void audit_list_log(const struct audit_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		audit_change(&list->changes[i]);
}

void audit_list_free(struct audit_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free((char *)list->changes[i].text);
	free(list->changes);
	*list = (struct audit_list){};
}
