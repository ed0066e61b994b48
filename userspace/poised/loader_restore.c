/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The loader's attachments, brought up to date with what became of the interfaces: gone, back,
 * reset, renamed. A program stays with the interface, the configuration names it by its name.
 */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "loader_private.h"
#include "log.h"

static void log_line(const struct attachment *attachment, enum log_level level, const char *text)
{
	log_event(level, &(struct log_fields){ .interface = attachment->interface }, "%s", text);
}

/* Says it once. */
static void set_problem(struct attachment *attachment, enum log_level level, const char *problem)
{
	char text[sizeof(attachment->problem)];

	snprintf(text, sizeof(text), "%s", problem);
	if (strcmp(attachment->problem, text) == 0)
		return;
	memcpy(attachment->problem, text, sizeof(text));
	log_line(attachment, level, text);
}

void loader_set_missing(struct attachment *attachment)
{
	attachment->ifindex = attachment->program_id = 0;
	attachment->name_now[0] = '\0';
	set_problem(attachment, LOG_LEVEL_WARNING,
		    "it is not there: what comes by it is not balanced; the program is attached as "
		    "soon as it is there");
}

static uint32_t query_program(uint32_t ifindex)
{
	__u32 program = 0;

	return bpf_xdp_query_id(ifindex, 0, &program) ? 0 : program;
}

/* Has the interface another name now, with the program on it still? */
static bool goes_on_elsewhere(const struct loader *loader, size_t i, char name[IF_NAMESIZE])
{
	uint32_t ifindex = loader->attachments[i].ifindex;

	return ifindex && if_indextoname(ifindex, name) && loader_is_attached(loader, i);
}

static void set_renamed(struct attachment *attachment, const char *name)
{
	char problem[ATTACH_ERROR_BYTES];

	snprintf(problem, sizeof(problem),
		 "its name is '%s' now: the program is on it still, what comes by it is balanced; "
		 "name it so in 'interfaces' and reload, or rename it back",
		 name);
	snprintf(attachment->name_now, sizeof(attachment->name_now), "%s", name);
	attachment->program_id = query_program(attachment->ifindex);
	set_problem(attachment, LOG_LEVEL_WARNING, problem);
}

static void add_unnamed(struct loader *loader, const struct attachment *of, const char *name)
{
	struct attachment *added;

	for (size_t i = 0; i < loader->attachment_count; i++)
		if (strcmp(loader->attachments[i].interface, name) == 0)
			return; /* it is named, and looks after itself */
	if (loader->attachment_count == LOADER_MAX_ATTACHMENTS)
		return;
	added = &loader->attachments[loader->attachment_count++];
	*added = *of;
	added->unnamed = true;
	added->name_now[0] = added->problem[0] = '\0';
	snprintf(added->interface, sizeof(added->interface), "%s", name);
	set_problem(added, LOG_LEVEL_WARNING,
		    "the configuration does not name it, but the program is on it, what comes by "
		    "it is balanced; a reload takes it off, once all that it names are there");
}

/* It is there under its own name. Is the program, too? */
static bool is_restored(struct loader *loader, size_t i)
{
	struct attachment *attachment = &loader->attachments[i];
	uint32_t program = query_program(attachment->ifindex);

	if (!program || !loader_is_attached(loader, i))
		return false;
	if (attachment->name_now[0])
		log_line(attachment, LOG_LEVEL_INFO, "it has its name again");
	attachment->program_id = program;
	attachment->name_now[0] = attachment->problem[0] = '\0';
	return true;
}

static bool attach_again(struct loader *loader, size_t i, const struct config_interface *interface,
			 bool was_there)
{
	struct attachment *attachment = &loader->attachments[i], now = {};
	char error[LOADER_ERROR_BYTES];

	if (was_there)
		log_line(attachment, LOG_LEVEL_WARNING,
			 "the program is not on it any more: it was taken off, or the driver "
			 "dropped it; attaching it again");
	if (loader_attach(loader, interface, &now, error)) {
		attachment->name_now[0] = '\0';
		attachment->program_id = 0;
		set_problem(attachment, LOG_LEVEL_ERROR, error);
		return false;
	}
	*attachment = now;
	return true;
}

bool loader_restore(struct loader *loader, size_t i, const struct config_interface *interface)
{
	struct attachment *attachment = &loader->attachments[i];
	uint32_t ifindex = if_nametoindex(attachment->interface), before = attachment->ifindex;
	bool was_there = before && !attachment->problem[0];
	char name[IF_NAMESIZE];

	if (ifindex != before && goes_on_elsewhere(loader, i, name)) {
		if (!ifindex) {
			set_renamed(attachment, name);
			return false;
		}
		add_unnamed(loader, attachment, name);
	}
	attachment->ifindex = ifindex;
	if (!ifindex) {
		loader_set_missing(attachment);
		return false;
	}
	if (ifindex == before && is_restored(loader, i))
		return false;
	return attach_again(loader, i, interface, was_there && ifindex == before);
}

static void forget(struct loader *loader, size_t i)
{
	loader->attachments[i] = loader->attachments[--loader->attachment_count];
}

void loader_restore_unnamed(struct loader *loader, size_t i)
{
	struct attachment *attachment = &loader->attachments[i];
	char name[IF_NAMESIZE];

	for (size_t k = 0; k < loader->attachment_count; k++)
		if (k != i && loader->attachments[k].ifindex == attachment->ifindex) {
			forget(loader, i);
			return;
		}
	if (!goes_on_elsewhere(loader, i, name)) {
		log_line(attachment, LOG_LEVEL_INFO, "the program is not on it any more");
		forget(loader, i);
		return;
	}
	memcpy(attachment->interface, name, sizeof(attachment->interface));
	attachment->program_id = query_program(attachment->ifindex);
}

static bool is_known(const struct loader *loader, uint32_t ifindex)
{
	for (size_t i = 0; i < loader->attachment_count; i++)
		if (loader->attachments[i].ifindex == ifindex)
			return true;
	return false;
}

/* The program that is there may be of an earlier release, and use maps that are given up. */
static void take_up(struct loader *loader, const char *name)
{
	struct config_interface interface = { .mode = INTERFACE_AUTO };
	char error[LOADER_ERROR_BYTES];
	struct attachment now;

	snprintf(interface.name, sizeof(interface.name), "%s", name);
	if (loader_attach(loader, &interface, &now, error))
		log_error("%s", error);
	else
		add_unnamed(loader, &now, name);
}

void loader_find_unnamed(struct loader *loader)
{
	struct if_nameindex *interfaces = if_nameindex();

	if (!interfaces)
		return;
	for (struct if_nameindex *i = interfaces; i->if_index; i++)
		if (!is_known(loader, i->if_index) &&
		    attach_is_there(i->if_index, loader->program.settings_id))
			take_up(loader, i->if_name);
	if_freenameindex(interfaces);
}
