// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "memory_limit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct version {
	const char *directory, *limit, *used, *caches[2];
} version_1 = { "/sys/fs/cgroup/memory",
		"memory.limit_in_bytes",
		"memory.usage_in_bytes",
		{ "total_inactive_file", "total_active_file" } },
  version_2 = {
	  "/sys/fs/cgroup", "memory.max", "memory.current", { "inactive_file", "active_file" }
  };

/* Version 1 writes its "no limit" as a number: what a long holds, down to whole pages. */
static const int64_t no_limit = INT64_MAX / 2;

/* Is it among the names that commas separate? */
static bool lists(const char *names, size_t length, const char *name)
{
	size_t size = strlen(name);

	for (const char *end = names + length; names < end; names += strcspn(names, ",:") + 1)
		if (!strncmp(names, name, size) && strchr(",:", names[size]))
			return true;
	return false;
}

/* A line is "number:controllers:path"; version 2 has the number 0 and no controllers. */
static const struct version *version_of(const char *line, const char **path)
{
	const char *names = strchr(line, ':');
	size_t length = names ? strcspn(++names, ":\n") : 0;

	if (!names || names[length] != ':')
		return NULL;
	*path = names + length + 1;
	if (!length && !strncmp(line, "0:", 2))
		return &version_2;
	return lists(names, length, "memory") ? &version_1 : NULL;
}

/* Where both versions are there, memory is version 1's if that has it. */
static const struct version *find_group(const char *text, char path[PATH_MAX])
{
	const struct version *found = NULL, *version;
	const char *at;

	for (const char *line = text; *line; line += *line == '\n') {
		version = version_of(line, &at);
		if (version && found != &version_1) {
			found = version;
			snprintf(path, PATH_MAX, "%.*s", (int)strcspn(at, "\n"), at);
		}
		line += strcspn(line, "\n");
	}
	return found;
}

static bool read_number(const char *path, char *(*read)(const char *path), int64_t *out)
{
	char *text = read(path), *end;
	bool whole;

	if (!text)
		return false;
	*out = strtoll(text, &end, 10);
	whole = end != text && (*end == '\n' || !*end);
	free(text);
	return whole && *out >= 0;
}

/* The value of a line "name value"; 0: there is none. */
static int64_t value_of(const char *text, const char *name)
{
	size_t length = strlen(name);

	for (const char *line = text; *line; line += *line == '\n') {
		if (!strncmp(line, name, length) && line[length] == ' ') {
			int64_t value = strtoll(line + length, NULL, 10);

			return value > 0 ? value : 0;
		}
		line += strcspn(line, "\n");
	}
	return 0;
}

static int64_t read_cache(const struct version *version, const char *group,
			  char *(*read)(const char *path), int64_t used)
{
	char file[PATH_MAX], *text = NULL;
	int64_t cache = 0;

	if (snprintf(file, sizeof(file), "%s%s/memory.stat", version->directory, group) <
	    (int)sizeof(file))
		text = read(file);
	for (int i = 0; text && i < 2; i++) {
		int64_t part = value_of(text, version->caches[i]);

		cache += part < used - cache ? part : used - cache;
	}
	free(text);
	return cache;
}

static void look_at(const struct version *version, const char *group,
		    char *(*read)(const char *path), struct memory_limit *least)
{
	char file[PATH_MAX];
	int64_t bytes;

	if (snprintf(file, sizeof(file), "%s%s/%s", version->directory, group, version->limit) >=
		    (int)sizeof(file) ||
	    !read_number(file, read, &bytes) || bytes >= least->bytes)
		return;
	least->bytes = bytes;
	strcpy(least->file, file);
	if (snprintf(file, sizeof(file), "%s%s/%s", version->directory, group, version->used) >=
		    (int)sizeof(file) ||
	    !read_number(file, read, &least->used))
		least->used = -1;
	least->cache = least->used > 0 ? read_cache(version, group, read, least->used) : 0;
}

bool memory_limit_find(const char *of, char *(*read)(const char *path), struct memory_limit *out)
{
	const struct version *version;
	char group[PATH_MAX], *text = read(of), *end;

	*out = (struct memory_limit){ .bytes = no_limit };
	version = text ? find_group(text, group) : NULL;
	free(text);
	if (!version)
		return false;
	end = group + strlen(group);
	do { /* "/a/b", "/a", "": in a container the last is its own group */
		*end = 0;
		if (strcmp(group, "/") != 0)
			look_at(version, group, read, out);
		end = strrchr(group, '/');
	} while (end);
	return out->bytes < no_limit;
}
