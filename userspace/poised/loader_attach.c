/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The loader's programs on interfaces: attached, exchanged, restored where they were lost. */
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "fault.h"
#include "keeper.h"
#include "loader_private.h"
#include "log.h"
#include "pins.h"
#include "traced.h"

static void log_attached(const struct attachment *attachment, enum interface_mode mode)
{
	const struct log_fields fields = { .interface = attachment->interface };

	log_event(LOG_LEVEL_INFO, &fields, "program %s, mode %s, %s",
		  attachment->replaced ? "replaced" : "attached",
		  attachment->native ? "native" : "generic",
		  attachment->dispatcher ? "in libxdp's dispatcher"
					 : "alone (no dispatcher is to be had here)");
	if (attachment->replaced && mode != INTERFACE_AUTO &&
	    (mode == INTERFACE_NATIVE) != attachment->native)
		log_event(LOG_LEVEL_WARNING, &fields,
			  "the mode stays %s, for traffic goes on; it changes after "
			  "'poise detach'",
			  attachment->native ? "native" : "generic");
	if (!attachment->native && mode == INTERFACE_AUTO)
		log_event(LOG_LEVEL_WARNING, &fields,
			  "the driver has no native XDP, generic mode is several "
			  "times slower");
}

/* By the keeper, once this process has given root up. */
int loader_attach(struct loader *loader, const struct config_interface *interface,
		  struct attachment *out, char error[LOADER_ERROR_BYTES])
{
	int err;

	if (loader->keeper)
		err = keeper_attach_interface(loader->keeper, interface, out, error);
	else
		err = attach_interface(&loader->program, interface, out, error);
	if (!err)
		log_attached(out, interface->mode);
	return err;
}

static int attach_one_more(struct loader *loader, const struct config_interface *interface,
			   char error[LOADER_ERROR_BYTES])
{
	int err = loader_attach(loader, interface, &loader->attachments[loader->attachment_count],
				error);
	if (err)
		return err;
	loader->attachment_count++;
	FAULT_POINT("attached");
	return 0;
}

int loader_attach_or_wait(struct loader *loader, const struct config_interface *interface,
			  char error[LOADER_ERROR_BYTES])
{
	struct attachment *attachment;

	if (loader->attachment_count == LOADER_MAX_ATTACHMENTS) {
		snprintf(error, LOADER_ERROR_BYTES,
			 "cannot attach to interface '%s': the program "
			 "is on %d others",
			 interface->name, LOADER_MAX_ATTACHMENTS);
		return -ENOSPC;
	}
	if (if_nametoindex(interface->name))
		return attach_one_more(loader, interface, error);
	attachment = &loader->attachments[loader->attachment_count++];
	*attachment = (struct attachment){};
	memcpy(attachment->interface, interface->name, sizeof(attachment->interface));
	loader_set_missing(attachment);
	return 0;
}

/* Puts the loader's program in the place of the one that is on the first count interfaces. */
static int replace_programs(struct loader *loader, size_t count, size_t *done,
			    char error[LOADER_ERROR_BYTES])
{
	int err = 0;

	for (*done = 0; *done < count && !err; ++*done) {
		const struct attachment *attachment = &loader->attachments[*done];
		struct attachment now;
		struct config_interface interface = { .mode = INTERFACE_AUTO };

		memcpy(interface.name, attachment_name(attachment), sizeof(interface.name));
		if (loader_is_attached(loader, *done))
			err = loader->keeper
				      ? keeper_attach_interface(loader->keeper, &interface, &now,
								error)
				      : attach_interface(&loader->program, &interface, &now, error);
	}
	return err;
}

/* What is attached from now on; NULL: the loader's own. */
static int choose_program(struct loader *loader, struct traced *capturing,
			  char error[LOADER_ERROR_BYTES])
{
	int err = loader->keeper ? keeper_use(loader->keeper, capturing) : 0;

	if (err)
		snprintf(error, LOADER_ERROR_BYTES,
			 "the process that keeps root cannot load that program: %s",
			 strerror(-err));
	else
		loader->program =
			capturing ? traced_program(capturing) : loader_own_program(loader);
	return err;
}

int loader_use(struct loader *loader, struct traced *capturing, char error[LOADER_ERROR_BYTES])
{
	char ignored[LOADER_ERROR_BYTES];
	size_t done;
	int err = choose_program(loader, capturing, error);

	if (err)
		return err;
	err = replace_programs(loader, loader->attachment_count, &done, error);
	if (!err || !capturing)
		return err;
	choose_program(loader, NULL, ignored);
	replace_programs(loader, done, &done, ignored);
	return err;
}

size_t loader_attachment_count(const struct loader *loader)
{
	return loader->attachment_count;
}

const struct attachment *loader_attachment(const struct loader *loader, size_t i)
{
	return &loader->attachments[i];
}

bool loader_is_attached(const struct loader *loader, size_t i)
{
	uint32_t ifindex = loader->attachments[i].ifindex;

	if (!ifindex)
		return false;
	if (loader->keeper)
		return keeper_attach_is_there(loader->keeper, ifindex);
	return attach_is_there(ifindex, loader->program.settings_id);
}

/* Is the interface that of another attachment, too? So it is for a moment while a reload names one
 * that was renamed. */
static bool is_shared(const struct loader *loader, size_t i)
{
	uint32_t ifindex = loader->attachments[i].ifindex;

	for (size_t k = 0; k < loader->attachment_count && ifindex; k++)
		if (k != i && loader->attachments[k].ifindex == ifindex)
			return true;
	return false;
}

bool loader_detach(struct loader *loader, size_t i)
{
	struct attachment *attachment = &loader->attachments[i];
	bool shared = is_shared(loader, i);
	int removed = 0;

	if (!shared && loader->keeper)
		removed = keeper_attach_remove(loader->keeper, attachment->ifindex);
	else if (!shared)
		removed = attach_remove(attachment->ifindex, loader->program.settings_id);
	if (removed < 0)
		log_error("cannot detach from interface '%s': %s", attachment_name(attachment),
			  strerror(-removed));
	*attachment = loader->attachments[--loader->attachment_count];
	return !shared;
}

void loader_undo(struct loader *loader)
{
	int err;

	if (!loader || !loader->made_pins || loader->lock_fd < 0)
		return;
	/* without an id nothing was loaded, nor attached */
	err = loader->program.settings_id ? loader_remove_all(loader, NULL)
					  : pins_remove(loader->pin_path, NULL);
	if (err)
		log_warning("'%s' is left: %s", loader->pin_path, strerror(-err));
}

int loader_remove_all(struct loader *loader, FILE *out)
{
	int err;

	loader->attachment_count = 0;
	if (loader->keeper)
		return keeper_remove_all(loader->keeper, out);
	err = attach_remove_all(loader->program.settings_id, out);
	return err || !loader->pin_path ? err : pins_remove(loader->pin_path, out);
}
