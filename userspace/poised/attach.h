/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The program on its interfaces, through libxdp: attached, replaced without a gap, taken off.
 * "Ours" is a program named poise that uses the pinned settings map, whichever poised loaded it.
 */
#ifndef POISE_ATTACH_H
#define POISE_ATTACH_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config.h"

struct bpf_object;

enum { ATTACH_ERROR_BYTES = 256 };

struct attachment {
	char interface[IF_NAMESIZE]; /* as the configuration names it */
	char name_now[IF_NAMESIZE];  /* it was renamed, and the program is on it still; "": no */
	bool unnamed;	     /* the configuration does not name it, but the program is on it */
	uint32_t ifindex;    /* 0: the interface is not there */
	bool native;	     /* else generic */
	bool dispatcher;     /* libxdp's dispatcher: other programs can share the interface */
	bool replaced;	     /* an earlier program of ours ran there */
	uint32_t program_id; /* of what the kernel ran there, ours or a dispatcher; 0: not known */
	char problem[ATTACH_ERROR_BYTES]; /* why it is not attached now, or not as configured */
};

/* The name of now. */
static inline const char *attachment_name(const struct attachment *attachment)
{
	return attachment->name_now[0] ? attachment->name_now : attachment->interface;
}

/* Is the program missing there? */
static inline bool attachment_is_lost(const struct attachment *attachment)
{
	return attachment->problem[0] && !attachment->name_now[0] && !attachment->unnamed;
}

/* Sends libxdp's and libbpf's own messages to print (NULL: nowhere). */
void attach_set_print(void (*print)(const char *text));

/* Programs with this settings map are ours, too: of maps that were, or are being, replaced. */
void attach_add_former(uint32_t settings_id);

/* What there is to attach. */
struct attach_program {
	int fd;		      /* loaded, of type XDP */
	uint32_t settings_id; /* of its settings map: how it is known for ours */
	/* Opens the object once more, with the same maps, not loaded: libxdp's dispatcher takes a
	 * program that is loaded for it. NULL on an error. */
	struct bpf_object *(*open_copy)(void *context);
	void *context;
};

/*
 * Attaches the program to the interface, or puts it in the place of ours that is there. 0, or a
 * negative errno with error written.
 */
int attach_interface(const struct attach_program *program, const struct config_interface *interface,
		     struct attachment *out, char error[ATTACH_ERROR_BYTES]);

/* Is a program of ours on the interface? */
bool attach_is_there(uint32_t ifindex, uint32_t settings_id);

/* Takes ours off one interface. How many there were (0: none), or a negative errno. */
int attach_remove(uint32_t ifindex, uint32_t settings_id);

/* Takes ours off every interface of this network namespace, named on out (NULL: silent). */
int attach_remove_all(uint32_t settings_id, FILE *out);

#endif
