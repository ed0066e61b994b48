/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pins.h"

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "fault.h"

static bool is_bpffs(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && (unsigned long)fs.f_type == BPF_FS_MAGIC;
}

/* Makes parent directories, and a bpffs where the pin directory is to be. */
static int make_parent(const char *pin_path, char error[PINS_ERROR_BYTES])
{
	char parent[PATH_MAX];

	if (snprintf(parent, sizeof(parent), "%s", pin_path) >= (int)sizeof(parent))
		return -ENAMETOOLONG;
	dirname(parent);
	for (char *slash = parent + 1; (slash = strchr(slash, '/')); *slash++ = '/') {
		*slash = 0;
		mkdir(parent, 0755);
	}
	if (mkdir(parent, 0755) && errno != EEXIST) {
		snprintf(error, PINS_ERROR_BYTES, "cannot make '%.200s': %s", parent,
			 strerror(errno));
		return -errno;
	}
	if (is_bpffs(parent))
		return 0;
	if (mount("bpf", parent, "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700")) {
		snprintf(error, PINS_ERROR_BYTES, "cannot mount bpffs on '%.200s': %s", parent,
			 strerror(errno));
		return -errno;
	}
	return 0;
}

int pins_open(const char *pin_path, bool *made, char error[PINS_ERROR_BYTES])
{
	int err = make_parent(pin_path, error), fd;
	bool is_new;

	if (err)
		return err;
	is_new = mkdir(pin_path, 0700) == 0;
	if (!is_new && errno != EEXIST)
		goto err_path;
	if (made)
		*made = is_new;
	fd = open(pin_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		goto err_path;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = -errno;
		snprintf(error, PINS_ERROR_BYTES, "'%.200s' is in use by another poised%s%s",
			 pin_path, err == -EWOULDBLOCK ? "" : ": ",
			 err == -EWOULDBLOCK ? "" : strerror(-err));
		close(fd);
		return err;
	}
	return fd;

err_path:
	err = -errno;
	snprintf(error, PINS_ERROR_BYTES, "cannot open '%.200s': %s", pin_path, strerror(errno));
	return err;
}

int pins_path(const char *pin_path, const char *name, char *path, size_t size)
{
	int n = snprintf(path, size, "%s/%s", pin_path, name);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

static int read_settings(int fd, const char *pin_path, struct pins_found *found,
			 char error[PINS_ERROR_BYTES])
{
	struct bpf_map_info info = {};
	char value[4096] = {};
	__u32 size = sizeof(info), zero = 0, version;

	if (bpf_obj_get_info_by_fd(fd, &info, &size) || info.value_size < sizeof(version) ||
	    info.value_size > sizeof(value) || bpf_map_lookup_elem(fd, &zero, value)) {
		snprintf(error, PINS_ERROR_BYTES,
			 "'%.200s/settings' is not a map of poise's: remove it, or set another "
			 "pin_path",
			 pin_path);
		return -EPROTO;
	}
	found->settings_id = info.id;
	memcpy(&version, value, sizeof(version));
	found->abi_version = version;
	if (version == 0) /* poised died before it wrote anything */
		return 0;
	if (version != POISE_ABI_VERSION || info.value_size != sizeof(found->settings)) {
		snprintf(error, PINS_ERROR_BYTES,
			 "the maps in '%.100s' have ABI version %u, this poised has %d: start the "
			 "poised that made them, or run 'poise detach --pin-path %.100s' (traffic "
			 "stops until poised starts anew)",
			 pin_path, version, POISE_ABI_VERSION, pin_path);
		return -EPROTO;
	}
	memcpy(&found->settings, value, sizeof(found->settings));
	return 0;
}

int pins_read(const char *pin_path, struct pins_found *found, char error[PINS_ERROR_BYTES])
{
	char path[PATH_MAX];
	int fd, err;

	memset(found, 0, sizeof(*found));
	err = pins_path(pin_path, "settings", path, sizeof(path));
	if (err)
		return err;
	fd = bpf_obj_get(path);
	if (fd == -ENOENT)
		return 0;
	if (fd < 0) {
		snprintf(error, PINS_ERROR_BYTES, "cannot open '%.200s': %s", path, strerror(-fd));
		return fd;
	}
	err = read_settings(fd, pin_path, found, error);
	close(fd);
	return err;
}

int pins_next(const char *pin_path, char *path, size_t size)
{
	int n = snprintf(path, size, "%s_next", pin_path); /* bpffs takes no '.' in names */

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

uint32_t pins_next_settings(const char *pin_path)
{
	char path[PATH_MAX], ignored[PINS_ERROR_BYTES];
	struct pins_found found;

	if (pins_next(pin_path, path, sizeof(path)))
		return 0;
	pins_read(path, &found, ignored);
	return found.settings_id;
}

int pins_exchange(const char *pin_path)
{
	char path[PATH_MAX];
	int err = pins_next(pin_path, path, sizeof(path));

	if (err)
		return err;
	return renameat2(AT_FDCWD, pin_path, AT_FDCWD, path, RENAME_EXCHANGE) ? -errno : 0;
}

bool pins_has_program(const char *pin_path)
{
	char path[PATH_MAX];

	return !pins_path(pin_path, "program", path, sizeof(path)) && access(path, F_OK) == 0;
}

bool pins_are_gone(const char *pin_path)
{
	char path[PATH_MAX];

	return !pins_path(pin_path, "program", path, sizeof(path)) && access(path, F_OK) != 0 &&
	       errno == ENOENT;
}

bool pins_next_lived(const char *pin_path)
{
	char path[PATH_MAX];

	return !pins_next(pin_path, path, sizeof(path)) && pins_has_program(path);
}

int pins_take_back(const char *pin_path, int *lock, char error[PINS_ERROR_BYTES])
{
	int err, other;

	if (!pins_next_lived(pin_path) || pins_has_program(pin_path))
		return 0;
	err = pins_exchange(pin_path);
	if (err) {
		snprintf(error, PINS_ERROR_BYTES, "cannot rename '%.200s': %s", pin_path,
			 strerror(-err));
		return err;
	}
	other = pins_open(pin_path, NULL, error);
	if (other < 0)
		return other;
	close(*lock);
	*lock = other;
	return 0;
}

int pins_replace(const char *pin_path, const char *name, int fd)
{
	char path[PATH_MAX], temporary[PATH_MAX];
	int err = pins_path(pin_path, name, path, sizeof(path));

	/* bpffs takes no '.' in names */
	if (!err)
		err = snprintf(temporary, sizeof(temporary), "%s_new", path) >=
				      (int)sizeof(temporary)
			      ? -ENAMETOOLONG
			      : 0;
	if (err)
		return err;
	unlink(temporary);
	err = bpf_obj_pin(fd, temporary);
	if (err)
		return err;
	FAULT_POINT("program-pinned");
	if (rename(temporary, path)) {
		err = -errno;
		unlink(temporary);
	}
	return err;
}

static int remove_pin(const char *path, FILE *out)
{
	if (unlink(path))
		return errno == ENOENT ? 0 : -errno;
	if (out)
		fprintf(out, "pin %s\n", path);
	return 0;
}

/* The settings last: they say of which ABI version the others are. */
int pins_remove(const char *pin_path, FILE *out)
{
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *dir;
	int err = 0, removed;

	if (!is_bpffs(pin_path))
		return access(pin_path, F_OK) ? 0 : -EINVAL;
	dir = opendir(pin_path);
	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		if (entry->d_name[0] == '.' || strcmp(entry->d_name, "settings") == 0 ||
		    pins_path(pin_path, entry->d_name, path, sizeof(path)))
			continue;
		removed = remove_pin(path, out);
		err = removed ? removed : err;
		FAULT_POINT("pin-removed");
	}
	closedir(dir);
	if (!err)
		err = pins_path(pin_path, "settings", path, sizeof(path));
	if (!err)
		err = remove_pin(path, out);
	if (!err && rmdir(pin_path))
		err = -errno;
	return err;
}
