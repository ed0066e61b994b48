/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The BPF object's life: opened, its maps pinned or adopted, its program attached. What the maps
 * hold is the business of maps.c.
 */
#ifndef POISE_LOADER_H
#define POISE_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include "attach.h"
#include "config.h"

struct bpf_object;
struct loader;
struct maps;
struct traced;

enum { LOADER_ERROR_BYTES = 512 };

struct loader_options {
	const char *pin_path; /* NULL: nothing is pinned (tests, measurements) */
	uint64_t seed;
	uint32_t flow_entries; /* of recorded flows, a power of two; 0: the default */
	const struct config_interface *interfaces;
	size_t interface_count; /* 0: the program is loaded, not attached */
};

/*
 * Loads the object, adopting the maps pinned in pin_path, and attaches it to the interfaces, in the
 * place of the program of an earlier poised; those that are not there are waited for
 * (loader_restore()). 0, or a negative errno with error written, after loader_undo().
 */
int loader_new(const struct loader_options *options, struct loader **out,
	       char error[LOADER_ERROR_BYTES]);
/* Frees what this process holds; pinned maps and attached programs stay. Takes NULL. */
void loader_free(struct loader *loader);
/* For a start that is refused: takes back what it attached and pinned, unless there were pins
 * before, which go on forwarding. Takes NULL. */
void loader_undo(struct loader *loader);

/* Before this process gives root up: from then on another one attaches and detaches. 0 or a
 * negative errno. */
int loader_keep_root(struct loader *loader);

struct maps *loader_maps(struct loader *loader);
int loader_program_fd(const struct loader *loader);
bool loader_adopted(const struct loader *loader); /* maps of an earlier poised were found */

/* What a further object over the same maps needs (traced.c). */
int loader_share_maps(const struct loader *loader, struct bpf_object *with); /* or -errno */
uint64_t loader_seed(const struct loader *loader);
uint32_t loader_flow_mask(const struct loader *loader);
uint32_t loader_settings_id(const struct loader *loader); /* the map's */

size_t loader_attachment_count(const struct loader *loader);
const struct attachment *loader_attachment(const struct loader *loader, size_t i);
/* Is the program still there? Others may take it off, or the interface may be gone. */
bool loader_is_attached(const struct loader *loader, size_t i);

/* Attaches to one more interface, or, where it is not there, waits for it (loader_restore()): the
 * others serve meanwhile. 0 or a negative errno with error written. */
int loader_attach_or_wait(struct loader *loader, const struct config_interface *interface,
			  char error[LOADER_ERROR_BYTES]);
/*
 * Looks at the i-th interface, and brings its attachment up to date: attaches where the program is
 * missing, as configured by interface; one that was renamed keeps the program as long as no other
 * has its name. What changed is logged. Returns whether it attached.
 */
bool loader_restore(struct loader *loader, size_t i, const struct config_interface *interface);
/* The same of one that the configuration does not name (unnamed): it is forgotten when the program
 * is not on it any more, or it is named, and the last one has its place. */
void loader_restore_unnamed(struct loader *loader, size_t i);
/*
 * Puts a capturing program over the same maps in the place of the one that is attached, on every
 * interface, and has it attached to those to come; NULL: the loader's own again. Packets go on
 * meanwhile. 0, or a negative errno with error written: what was attached then still is.
 */
int loader_use(struct loader *loader, struct traced *capturing, char error[LOADER_ERROR_BYTES]);
/* Forgets the i-th interface, whose place the last one gets, and takes the program off it, unless
 * another attachment is of the same interface. Returns whether it did, or tried to. */
bool loader_detach(struct loader *loader, size_t i);

/* Takes the program off every interface and removes the pins, named on out. */
int loader_remove_all(struct loader *loader, FILE *out);

#endif
