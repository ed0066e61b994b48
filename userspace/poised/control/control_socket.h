/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The control socket's file: made, guarded against a second owner, and removed. */
#ifndef POISE_CONTROL_SOCKET_H
#define POISE_CONTROL_SOCKET_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

struct control_socket {
	int fd; /* listening, not blocking; -1: closed */
	struct sockaddr_un address;
	dev_t device; /* of the file made here; inode 0: none */
	ino_t inode;
	bool made_parent;
};

/* As control_new() says of its path. On an error out is closed. */
int control_socket_open(const char *path, mode_t mode, struct control_socket *out);

/* Sets the file's mode if it is still the one made here. 0 or a negative errno. */
int control_socket_set_mode(const struct control_socket *socket, mode_t mode);

/* Gives the file, and its directory if that was made here, to a user. 0 or a negative errno. */
int control_socket_give(const struct control_socket *socket, uid_t uid, gid_t gid);

/* Closes the socket, and removes its file if it is still the one made here. */
void control_socket_close(struct control_socket *out);

#endif
