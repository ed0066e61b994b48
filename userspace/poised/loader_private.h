/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What loader.c (maps and program) and loader_attach.c (interfaces) share, and no one else sees. */
#ifndef POISE_LOADER_PRIVATE_H
#define POISE_LOADER_PRIVATE_H

#include "loader.h"

/* While a reload exchanges them all there are twice as many. */
enum { LOADER_MAX_ATTACHMENTS = 2 * CONFIG_MAX_INTERFACES };

struct loader {
	struct poise_bpf *object;
	struct maps *maps;
	char *pin_path; /* NULL: nothing is pinned */
	int lock_fd;
	bool made_pins; /* the directory was not there before */
	struct attach_program program;
	struct keeper *keeper; /* NULL: this process attaches */
	bool adopted;
	struct migration *migration; /* while pins of another ABI version are taken over */
	struct migration *leftover;  /* while those are that a death left half taken over */
	struct attachment attachments[LOADER_MAX_ATTACHMENTS];
	size_t attachment_count;
};

/* The program that forwards, to be attached. */
struct attach_program loader_own_program(struct loader *loader);

/* Attaches to an interface, in the place of a program of ours, and logs that. 0, or a negative
 * errno with error written. */
int loader_attach(struct loader *loader, const struct config_interface *interface,
		  struct attachment *out, char error[LOADER_ERROR_BYTES]);
/* There is no such interface: says so once. */
void loader_set_missing(struct attachment *attachment);
/* Takes up, at a start, interfaces that the configuration does not name, but that have a program
 * of ours: they go on, with the one of now. */
void loader_find_unnamed(struct loader *loader);

#endif
