/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who may do what on the control socket: the configuration's groups of readers and writers against
 * a peer's credentials. Without either group the socket's file decides, and whoever may connect
 * may do everything. root, and the user that poised runs as, always may.
 */
#ifndef POISE_ACCESS_H
#define POISE_ACCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct config;
struct peer;

enum { ACCESS_ERROR_BYTES = 512, ACCESS_GROUP_BYTES = 64 };

/* Each includes the one before. */
enum access_right { ACCESS_NONE, ACCESS_READ, ACCESS_WRITE };

struct access_group {
	bool set;
	gid_t id;
	char name[ACCESS_GROUP_BYTES]; /* as configured */
};

struct access {
	struct access_group readers, writers; /* neither set: everyone may do everything */
	uint64_t refused;		      /* by access_check() */
};

/* Looks the configuration's groups up; refused stays. 0; or with error written -ENOENT, there is no
 * such group, or another negative errno. On an error out is as it was. */
int access_resolve(const struct config *config, struct access *out, char error[ACCESS_ERROR_BYTES]);

bool access_is_restricted(const struct access *access);

enum access_right access_right(const struct access *access, const struct peer *peer);

/*
 * May the peer do what needs this right? If not, that is counted and logged, and text says why:
 * "user 'alice' may read only: 'backend-drain' needs group 'poise-admin'". what: a command, or
 * NULL.
 */
bool access_check(struct access *access, const struct peer *peer, enum access_right needed,
		  const char *what, char text[ACCESS_ERROR_BYTES]);

#endif
