/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What `poise-agent run` may do once the tunnels are open: next to nothing; and what the process
 * beside it may do, which keeps them open. */
#ifndef POISE_AGENT_RIGHTS_H
#define POISE_AGENT_RIGHTS_H

#include <stdbool.h>
#include <sys/types.h>

struct rights_user {
	bool set;
	uid_t uid;
	gid_t gid;
};

/* name: a user of this host, by name or number; NULL: none. 0 or a negative errno. */
int rights_find_user(const char *name, struct rights_user *out);

/*
 * Becomes the user, if one is set, for good, and gives up all capabilities; with namespaces it
 * keeps CAP_NET_ADMIN, which giving ids to them takes, and CAP_BPF, which kernels before 5.19 want
 * of who writes into a map. 0, or a negative errno: this process should end then.
 */
int rights_drop(const struct rights_user *user, bool namespaces);

/* Gives up what attaching anew does not need: all capabilities but those for BPF and the network.
 * 0 or a negative errno. */
int rights_keep(void);

#endif
