/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What loader.c (maps and program) and loader_attach.c (interfaces) share, and no one else sees. */
#ifndef POISE_LOADER_PRIVATE_H
#define POISE_LOADER_PRIVATE_H

#include "loader.h"

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
	struct attachment attachments[CONFIG_MAX_INTERFACES];
	size_t attachment_count;
};

/* The program that forwards, to be attached. */
struct attach_program loader_own_program(struct loader *loader);

#endif
