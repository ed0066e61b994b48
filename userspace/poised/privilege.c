/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "privilege.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"

enum { PASSWD_BYTES = 16384 };

static bool always(const struct config *config)
{
	(void)config;
	return true;
}

/* Does a check run programs as another user? */
static bool runs_as_others(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].check.type == CHECK_EXEC && config->services[i].check.user)
			return true;
	return false;
}

/* Does a check send packets of its own making? */
static bool sends_raw(const struct config *config)
{
	for (size_t i = 0; i < config->service_count; i++)
		if (config->services[i].check.probe_mtu)
			return true;
	return false;
}

/* Capabilities that are kept where they are needed. */
static const struct {
	unsigned int capability;
	bool (*is_needed)(const struct config *config);
	bool required; /* poised cannot do without */
} kept[] = {
	{ CAP_NET_ADMIN, always, true },       { CAP_BPF, always, true },
	{ CAP_PERFMON, always, false },	       { CAP_NET_RAW, sends_raw, false },
	{ CAP_SETUID, runs_as_others, false }, { CAP_SETGID, runs_as_others, false },
	{ CAP_KILL, runs_as_others, false },
};
enum { KEPT_COUNT = sizeof(kept) / sizeof(kept[0]) };

static bool parse_id(const char *text, uid_t *id)
{
	unsigned long value;

	if (text[strspn(text, "0123456789")] || strlen(text) > 10)
		return false;
	value = strtoul(text, NULL, 10);
	*id = value;
	return value < (uid_t)-1;
}

int privilege_find_user(const struct config *config, struct privilege_user *out,
			char error[PRIVILEGE_ERROR_BYTES])
{
	struct passwd entry, *found = NULL;
	char room[PASSWD_BYTES];
	uid_t id;
	int err;

	*out = (struct privilege_user){};
	if (!config->user)
		return 0;
	if (parse_id(config->user, &id))
		err = getpwuid_r(id, &entry, room, sizeof(room), &found);
	else
		err = getpwnam_r(config->user, &entry, room, sizeof(room), &found);
	if (!err && found) {
		*out = (struct privilege_user){ true, found->pw_uid, found->pw_gid };
		return 0;
	}
	snprintf(error, PRIVILEGE_ERROR_BYTES,
		 "user: found '%s', allowed is a user of this host, by name or number%s%s",
		 config->user, err ? ": " : "", err ? strerror(err) : "");
	return err ? -err : -ENOENT;
}

bool privilege_is_other(const struct privilege_user *user)
{
	return user->set && geteuid() != user->uid;
}

/* Only what this process has can be kept; a container may have withheld some. */
static int choose(const struct config *config, char error[PRIVILEGE_ERROR_BYTES])
{
	bool keep[KEPT_COUNT];

	capng_get_caps_process();
	for (int i = 0; i < KEPT_COUNT; i++) {
		keep[i] = kept[i].is_needed(config) &&
			  capng_have_capability(CAPNG_PERMITTED, kept[i].capability);
		if (kept[i].required && !keep[i]) {
			snprintf(error, PRIVILEGE_ERROR_BYTES, "user: poised does not have cap_%s",
				 capng_capability_to_name(kept[i].capability));
			return -EPERM;
		}
	}
	capng_clear(CAPNG_SELECT_BOTH);
	for (int i = 0; i < KEPT_COUNT; i++)
		if (keep[i])
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
				     kept[i].capability);
	return 0;
}

int privilege_drop(const struct privilege_user *user, const struct config *config,
		   char error[PRIVILEGE_ERROR_BYTES])
{
	int err = choose(config, error), failed;

	if (err)
		return err;
	failed = capng_change_id(user->uid, user->gid, CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	if (!failed &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)))
		failed = -errno;
	if (!failed)
		return 0;
	snprintf(error, PRIVILEGE_ERROR_BYTES,
		 "user: cannot become '%s' (step %d): poised must start as root, with cap_setuid, "
		 "cap_setgid and cap_setpcap, or as that user",
		 config->user, -failed);
	return -EPERM;
}

/* A link to a file from elsewhere is not ours to give. */
static int give_file(const struct privilege_user *user, int directory, const char *name)
{
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC), err = 0;
	struct stat stat;

	if (fd < 0)
		return -errno;
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode) && stat.st_nlink == 1 &&
	    fchownat(fd, "", user->uid, user->gid, AT_EMPTY_PATH))
		err = -errno;
	close(fd);
	return err;
}

int privilege_give(const struct privilege_user *user, const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), err = 0;
	DIR *entries = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;
	struct stat stat;

	if (!entries) {
		err = -errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (fstat(fd, &stat) || (stat.st_mode & 077))
		err = -EACCES;
	while (!err && (entry = readdir(entries)))
		if (entry->d_name[0] != '.')
			err = give_file(user, fd, entry->d_name);
	if (!err && fchown(fd, user->uid, user->gid))
		err = -errno;
	closedir(entries);
	return err;
}

bool privilege_suffices(const struct config *config, char error[PRIVILEGE_ERROR_BYTES])
{
	capng_get_caps_process();
	for (int i = 0; i < KEPT_COUNT; i++) {
		if (kept[i].is_needed == always || !kept[i].is_needed(config) ||
		    capng_have_capability(CAPNG_EFFECTIVE, kept[i].capability))
			continue;
		snprintf(error, PRIVILEGE_ERROR_BYTES,
			 "a check needs cap_%s, which poised gave up at its start: restart poised, "
			 "traffic goes on meanwhile",
			 capng_capability_to_name(kept[i].capability));
		return false;
	}
	return true;
}
