/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poised may do once it runs: with 'user' in the configuration it becomes that user, for good,
 * and keeps the capabilities that its work needs. Owns nothing; keeper.h is what stays root.
 */
#ifndef POISE_PRIVILEGE_H
#define POISE_PRIVILEGE_H

#include <stdbool.h>
#include <sys/types.h>

struct config;

enum { PRIVILEGE_ERROR_BYTES = 512 };

struct privilege_user {
	bool set;
	uid_t uid;
	gid_t gid;
};

/* Looks the configuration's user up, if there is one. 0 or a negative errno with error written. */
int privilege_find_user(const struct config *config, struct privilege_user *out,
			char error[PRIVILEGE_ERROR_BYTES]);

/* Is this process another user, so that becoming that one has something to give up? */
bool privilege_is_other(const struct privilege_user *user);

/*
 * Becomes the user, of its groups, with CAP_NET_ADMIN, CAP_BPF and CAP_PERFMON (the kernel wants it
 * of those who load such a program), CAP_NET_RAW and CAP_SETUID, CAP_SETGID, CAP_KILL where the
 * configuration's checks need them; no program that it starts gets more. 0 or a negative errno with
 * error written; this process should end then.
 */
int privilege_drop(const struct privilege_user *user, const struct config *config,
		   char error[PRIVILEGE_ERROR_BYTES]);

/*
 * Gives a directory that only its owner may enter, and the plain files in it, to the user. 0;
 * -EACCES: others may enter it, so that it may be meant for more, and nothing was changed; or
 * another negative errno.
 */
int privilege_give(const struct privilege_user *user, const char *directory);

/* Do the checks of a configuration need more than this process has kept? False with error written:
 * they do. */
bool privilege_suffices(const struct config *config, char error[PRIVILEGE_ERROR_BYTES]);

#endif
