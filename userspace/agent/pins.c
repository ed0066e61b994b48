// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Pins in bpffs: see pins.h. */
#include "pins.h"

#include <dirent.h>
#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "lock.h"

static const char BPFFS[] = "/sys/fs/bpf";

/* What opens tunnels; what does so for XDP's leavings; what makes segments smaller. */
static const char PROGRAM[] = "program", PROGRAM_TC[] = "program_tc", PROGRAM_MSS[] = "program_mss";

enum {
	DIRECTORY_MODE = 0700,
	KEEP_WAIT_SECONDS = 2, /* for one that ends */
};

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

static int mount_bpffs(void)
{
	if (is_bpffs(BPFFS))
		return 0;
	if (mount("bpf", BPFFS, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700"))
		return -errno;
	return 0;
}

/* Whether path is in a bpffs, or would be once it is made: asks its nearest parent that exists. */
static bool belongs_to_bpffs(const char *path)
{
	char parent[PATH_MAX];
	char *slash;

	snprintf(parent, sizeof(parent), "%s", path);
	while (access(parent, F_OK) && (slash = strrchr(parent, '/')) && slash != parent)
		*slash = 0;
	return is_bpffs(parent);
}

/* mkdir -p */
static int make_directories(char *path)
{
	for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		int failed;

		*slash = 0;
		failed = mkdir(path, DIRECTORY_MODE) && errno != EEXIST;
		*slash = '/';
		if (failed)
			return -errno;
	}
	return mkdir(path, DIRECTORY_MODE) && errno != EEXIST ? -errno : 0;
}

int pins_open(const char *path, const char *interface, struct pins *pins)
{
	int length = snprintf(pins->directory, sizeof(pins->directory), "%s", path), err;
	char *name;

	pins->lock = -1;
	if (length < 0 || (size_t)length + strlen(interface) + 2 > sizeof(pins->directory))
		return -ENAMETOOLONG;
	err = !strncmp(path, BPFFS, strlen(BPFFS)) ? mount_bpffs() : 0;
	if (!err && !belongs_to_bpffs(path))
		err = -EMEDIUMTYPE;
	if (!err)
		err = make_directories(pins->directory);
	if (err)
		return err;
	pins->lock = lock_directory(pins->directory, PINS_WAIT_SECONDS, &pins->holder);
	if (pins->lock < 0)
		return pins->lock;
	name = pins->directory + length;
	sprintf(name, "/%s", interface);
	while ((name = strchr(name, '.')))
		*name = ':'; /* which no interface's name has */
	return 0;
}

void pins_close(struct pins *pins)
{
	if (pins->lock >= 0)
		close(pins->lock);
	pins->lock = -1;
}

int pins_keep(struct pins *pins)
{
	return lock_directory(pins->directory, KEEP_WAIT_SECONDS, &pins->holder);
}

static int pin_path(const struct pins *pins, const char *name, char path[PATH_MAX])
{
	int length = snprintf(path, PATH_MAX, "%s/%s", pins->directory, name);

	return length < 0 || length >= PATH_MAX ? -ENAMETOOLONG : 0;
}

static int pin_one(const struct pins *pins, const char *name, int fd)
{
	char path[PATH_MAX];
	int err = pin_path(pins, name, path);

	if (err)
		return err;
	if (unlink(path) && errno != ENOENT)
		return -errno;
	return bpf_obj_pin(fd, path);
}

static bool is_pinned(const char *name)
{
#define PINS_IS(map)                                                                               \
	if (!strcmp(name, #map))                                                                   \
		return true;
	MAPS(PINS_IS)
#undef PINS_IS
	return !strcmp(name, PROGRAM) || !strcmp(name, PROGRAM_TC) || !strcmp(name, PROGRAM_MSS);
}

/* What another version pinned, and this one does not know. */
static int remove_strangers(const struct pins *pins)
{
	DIR *directory = opendir(pins->directory);
	struct dirent *entry;
	int err = 0;

	if (!directory)
		return -errno;
	while (!err && (entry = readdir(directory)))
		if (entry->d_name[0] != '.' && !is_pinned(entry->d_name) &&
		    unlinkat(dirfd(directory), entry->d_name, 0))
			err = -errno;
	closedir(directory);
	return err;
}

/* Program 0: there is none, and no pin. */
static int pin_program(const struct pins *pins, const char *name, uint32_t id)
{
	char path[PATH_MAX];
	int program, err;

	if (!id) {
		err = pin_path(pins, name, path);
		return !err && unlink(path) && errno != ENOENT ? -errno : err;
	}
	program = bpf_prog_get_fd_by_id(id);
	if (program < 0)
		return program;
	err = pin_one(pins, name, program);
	close(program);
	return err;
}

int pins_set(const struct pins *pins, const struct maps *maps, const struct attachment *attachment)
{
	bool in_tc = attachment_in_tc(attachment);
	int err = 0;

	if (mkdir(pins->directory, DIRECTORY_MODE) && errno != EEXIST)
		err = -errno;
#define PINS_MAP(name)                                                                             \
	if (!err)                                                                                  \
		err = pin_one(pins, #name, maps->name);
	MAPS(PINS_MAP)
#undef PINS_MAP
	if (!err)
		err = pin_program(pins, PROGRAM, attachment->program_id);
	if (!err)
		err = pin_program(pins, PROGRAM_TC, in_tc ? 0 : attachment->tc.ingress_id);
	if (!err)
		err = pin_program(pins, PROGRAM_MSS, attachment->tc.egress_id);
	return err ? err : remove_strangers(pins);
}

int pins_remove(const struct pins *pins, bool *found)
{
	DIR *directory = opendir(pins->directory);
	struct dirent *entry;
	int err = 0;

	*found = directory;
	if (!directory)
		return errno == ENOENT ? 0 : -errno;
	while (!err && (entry = readdir(directory))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		if (unlinkat(dirfd(directory), entry->d_name, 0))
			err = -errno;
	}
	closedir(directory);
	if (!err && rmdir(pins->directory))
		err = -errno;
	return err;
}
