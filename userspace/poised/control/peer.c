/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "peer.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { PASSWD_BYTES = 4096 };

/* SO_PEERGROUPS (Linux 4.13) answers ERANGE and the size that it needs. */
static int read_groups(int fd, struct peer *out)
{
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) == 0)
		return 0;
	if (errno != ERANGE)
		return -errno;
	out->groups = malloc(size);
	if (!out->groups)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, out->groups, &size)) {
		int err = -errno;

		peer_clear(out);
		return err;
	}
	out->group_count = size / sizeof(*out->groups);
	return 0;
}

int peer_read(int fd, struct peer *out)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	*out = (struct peer){};
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size))
		return -errno;
	out->pid = credentials.pid;
	out->uid = credentials.uid;
	out->gid = credentials.gid;
	return read_groups(fd, out);
}

void peer_clear(struct peer *peer)
{
	free(peer->groups);
	peer->groups = NULL;
	peer->group_count = 0;
}

bool peer_in_group(const struct peer *peer, gid_t group)
{
	if (peer->gid == group)
		return true;
	for (size_t i = 0; i < peer->group_count; i++)
		if (peer->groups[i] == group)
			return true;
	return false;
}

const char *peer_name(const struct peer *peer, char text[PEER_NAME_BYTES])
{
	struct passwd entry, *found = NULL;
	char room[PASSWD_BYTES];

	if (getpwuid_r(peer->uid, &entry, room, sizeof(room), &found) == 0 && found)
		snprintf(text, PEER_NAME_BYTES, "%s", found->pw_name);
	else
		snprintf(text, PEER_NAME_BYTES, "%u", (unsigned)peer->uid);
	return text;
}
