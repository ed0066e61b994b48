/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The process that stays root when poised gives root up: attaches the program to interfaces, takes
 * it off, removes pins, and does nothing else. For that the kernel asks for CAP_SYS_ADMIN (what
 * runs on an interface is known by its id, and opened by it) and libxdp for root's directory on
 * bpffs, while all that poised reads from others, checks, control socket, configuration, is read
 * without. It is a child of poised, and ends with it.
 */
#ifndef POISE_KEEPER_H
#define POISE_KEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "attach.h"

struct keeper;
struct loader;
struct traced;

/* loader, program and pin_path (NULL: no pins) are copied, as fork() does. 0 or a negative errno.
 */
int keeper_new(struct loader *loader, const struct attach_program *program, const char *pin_path,
	       struct keeper **out);
void keeper_free(struct keeper *keeper); /* it ends; takes NULL */

/*
 * As the functions of attach.h without 'keeper_'. -ESRCH: the keeper has died, -ETIMEDOUT: it did
 * not answer; it is asked no more then.
 */
int keeper_attach_interface(struct keeper *keeper, const struct config_interface *interface,
			    struct attachment *out, char error[ATTACH_ERROR_BYTES]);
bool keeper_attach_is_there(struct keeper *keeper, uint32_t ifindex);
int keeper_attach_remove(struct keeper *keeper, uint32_t ifindex);
/* It attaches a capturing program from now on: one that it loads itself, over that one's maps.
 * NULL: the plain one again. 0 or a negative errno. */
int keeper_use(struct keeper *keeper, const struct traced *capturing);
/* Off every interface, and every pin. */
int keeper_remove_all(struct keeper *keeper, FILE *out);

#endif
