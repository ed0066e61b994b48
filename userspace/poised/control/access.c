/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "access.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "log.h"
#include "peer.h"

enum { FIRST_ROOM_BYTES = 4096, MAX_ROOM_BYTES = 16 << 20 };
enum { NEEDED_BYTES = 2 * ACCESS_GROUP_BYTES + 32 };

/* An entry holds the names of all members, so that its size is known only by trying. */
static int look_up(const char *name, gid_t *id)
{
	struct group entry, *found = NULL;
	char *room = NULL, *larger;
	int err = ERANGE;

	for (size_t size = FIRST_ROOM_BYTES; err == ERANGE && size <= MAX_ROOM_BYTES; size *= 4) {
		larger = realloc(room, size);
		if (!larger) {
			err = ENOMEM;
			break;
		}
		room = larger;
		err = getgrnam_r(name, &entry, room, size, &found);
	}
	if (!err && found)
		*id = found->gr_gid;
	free(room);
	return err ? -err : found ? 0 : -ENOENT;
}

/* All digits: a group's number, which needs no name. (gid_t)-1 stands for 'none' in system calls.
 */
static bool parse_id(const char *text, gid_t *id)
{
	unsigned long value;

	if (text[strspn(text, "0123456789")] || strlen(text) > 10)
		return false;
	value = strtoul(text, NULL, 10);
	*id = value;
	return value < (gid_t)-1;
}

static int resolve(const char *key, const char *name, struct access_group *out,
		   char error[ACCESS_ERROR_BYTES])
{
	int err;

	*out = (struct access_group){};
	if (!name)
		return 0;
	snprintf(out->name, sizeof(out->name), "%s", name);
	err = parse_id(name, &out->id) ? 0 : look_up(name, &out->id);
	out->set = !err;
	if (err)
		snprintf(error, ACCESS_ERROR_BYTES,
			 "control.%s: found '%s', allowed is a group of this host, by name or "
			 "number%s%s",
			 key, name, err == -ENOENT ? "" : ": ",
			 err == -ENOENT ? "" : strerror(-err));
	return err;
}

int access_resolve(const struct config *config, struct access *out, char error[ACCESS_ERROR_BYTES])
{
	struct access found = { .refused = out->refused };
	int err = resolve("readers", config->control_readers, &found.readers, error);

	if (!err)
		err = resolve("writers", config->control_writers, &found.writers, error);
	if (!err)
		*out = found;
	return err;
}

bool access_is_restricted(const struct access *access)
{
	return access->readers.set || access->writers.set;
}

static bool is_in(const struct peer *peer, const struct access_group *group)
{
	return group->set && peer_in_group(peer, group->id);
}

enum access_right access_right(const struct access *access, const struct peer *peer)
{
	if (!access_is_restricted(access) || peer->uid == 0 || peer->uid == geteuid() ||
	    is_in(peer, &access->writers))
		return ACCESS_WRITE;
	return is_in(peer, &access->readers) ? ACCESS_READ : ACCESS_NONE;
}

/* "group 'a' or 'b'": who has the right. */
static const char *describe_needed(const struct access *access, enum access_right needed,
				   char text[NEEDED_BYTES])
{
	const struct access_group *groups[2];
	int count = 0;

	if (access->readers.set && needed == ACCESS_READ)
		groups[count++] = &access->readers;
	if (access->writers.set)
		groups[count++] = &access->writers;
	if (!count)
		return "root";
	snprintf(text, NEEDED_BYTES, count == 2 ? "group '%s' or '%s'" : "group '%s'",
		 groups[0]->name, groups[count - 1]->name);
	return text;
}

bool access_check(struct access *access, const struct peer *peer, enum access_right needed,
		  const char *what, char text[ACCESS_ERROR_BYTES])
{
	enum access_right has = access_right(access, peer);
	struct log_fields fields = { .event = "refused", .what = what, .peer = peer };
	char name[PEER_NAME_BYTES], groups[NEEDED_BYTES];

	if (has >= needed)
		return true;
	fields.by = peer_name(peer, name);
	snprintf(text, ACCESS_ERROR_BYTES, "user '%s' may %s: %s%s%s needs %s", name,
		 has == ACCESS_READ ? "read only" : "do nothing here", what ? "'" : "",
		 what ? what : "that", what ? "'" : "", describe_needed(access, needed, groups));
	access->refused++;
	log_event(LOG_LEVEL_WARNING, &fields, "%s", text);
	return false;
}
