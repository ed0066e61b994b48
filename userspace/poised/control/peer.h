/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who is at the other end of a unix socket, in the kernel's words: the credentials that the process
 * had when it connected. They stay what they were, whatever it becomes or whoever takes its end
 * over.
 */
#ifndef POISE_PEER_H
#define POISE_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PEER_NAME_BYTES = 64 };

struct peer {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* supplementary */
	size_t group_count;
};

/* 0, and then peer_clear() releases what out holds; or a negative errno. */
int peer_read(int fd, struct peer *out);
void peer_clear(struct peer *peer);

bool peer_in_group(const struct peer *peer, gid_t group);

/* The user's name, or its number where it has none: asks the host's user database, which may take
 * time. Returns text. */
const char *peer_name(const struct peer *peer, char text[PEER_NAME_BYTES]);

#endif
