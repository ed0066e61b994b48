/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "control_socket.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 128, PATH_BYTES = sizeof(((struct sockaddr_un *)0)->sun_path) };

/* False: it has none but the root. */
static bool find_parent(const char *path, char parent[PATH_BYTES])
{
	char *slash;

	strcpy(parent, path);
	slash = strrchr(parent, '/');
	if (!slash || slash == parent)
		return false;
	*slash = '\0';
	return true;
}

static int make_parent(const char *path, bool *made)
{
	char parent[PATH_BYTES];
	int result = 0;
	mode_t mask;

	if (!find_parent(path, parent))
		return 0;
	mask = umask(0022);
	*made = mkdir(parent, 0755) == 0;
	if (!*made && errno != EEXIST)
		result = -errno;
	umask(mask);
	return result;
}

/* Removes a socket that nobody listens on. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat stat;
	int fd, result;

	if (lstat(address->sun_path, &stat))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(stat.st_mode))
		return -ENOTSOCK;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	result = connect(fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	close(fd);
	switch (result) {
	case 0:
	case -EAGAIN:	  /* its backlog is full */
	case -EPROTOTYPE: /* it is not a stream socket */
		return -EADDRINUSE;
	case -ECONNREFUSED:
		return unlink(address->sun_path) && errno != ENOENT ? -errno : 0;
	case -ENOENT:
		return 0;
	default:
		return result;
	}
}

static int listen_on(mode_t mode, struct control_socket *out)
{
	const struct sockaddr_un *address = &out->address;
	struct stat stat;
	int result;
	mode_t mask;

	out->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (out->fd < 0)
		return -errno;
	mask = umask(0777 & ~mode);
	result = bind(out->fd, (const struct sockaddr *)address, sizeof(*address)) ? -errno : 0;
	umask(mask);
	if (result)
		return result;
	if (!lstat(address->sun_path, &stat)) {
		out->device = stat.st_dev;
		out->inode = stat.st_ino;
	}
	return listen(out->fd, BACKLOG) ? -errno : 0;
}

int control_socket_open(const char *path, mode_t mode, struct control_socket *out)
{
	int result;

	*out = (struct control_socket){ .fd = -1, .address.sun_family = AF_UNIX };
	if (!*path)
		return -EINVAL;
	if (strlen(path) >= sizeof(out->address.sun_path))
		return -ENAMETOOLONG;
	strcpy(out->address.sun_path, path);
	result = make_parent(path, &out->made_parent);
	if (!result)
		result = remove_stale(&out->address);
	if (!result)
		result = listen_on(mode, out);
	if (result)
		control_socket_close(out);
	return result;
}

static bool is_ours(const struct control_socket *socket)
{
	struct stat stat;

	return socket->inode && !lstat(socket->address.sun_path, &stat) &&
	       stat.st_dev == socket->device && stat.st_ino == socket->inode;
}

int control_socket_set_mode(const struct control_socket *socket, mode_t mode)
{
	if (!is_ours(socket))
		return -ENOENT;
	return chmod(socket->address.sun_path, mode) ? -errno : 0;
}

int control_socket_give(const struct control_socket *socket, uid_t uid, gid_t gid)
{
	char parent[PATH_BYTES];

	if (!is_ours(socket))
		return -ENOENT;
	if (lchown(socket->address.sun_path, uid, gid))
		return -errno;
	if (socket->made_parent && find_parent(socket->address.sun_path, parent) &&
	    lchown(parent, uid, gid))
		return -errno;
	return 0;
}

void control_socket_close(struct control_socket *out)
{
	if (is_ours(out))
		unlink(out->address.sun_path);
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
	out->inode = 0;
}
