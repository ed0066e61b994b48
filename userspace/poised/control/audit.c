/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "audit.h"

#include <stdio.h>

#include "log.h"
#include "peer.h"

enum { WHAT_BYTES = 512, ACTOR_BYTES = 128 };

static const struct peer *current_peer;
static const char *current_cause;

void audit_begin(const struct peer *peer)
{
	current_peer = peer;
}

void audit_begin_cause(const char *cause)
{
	current_cause = cause;
}

void audit_end(void)
{
	current_peer = NULL;
	current_cause = NULL;
}

/* Fills the fields that tell who; name has room for what they point to. Returns the same in words.
 */
static const char *describe_actor(struct log_fields *fields, char name[PEER_NAME_BYTES],
				  char text[ACTOR_BYTES])
{
	if (fields->by)
		return fields->by;
	if (!current_peer) {
		fields->by = current_cause ? current_cause : "poised";
		return fields->by;
	}
	fields->by = peer_name(current_peer, name);
	fields->peer = current_peer;
	snprintf(text, ACTOR_BYTES, "%s (uid %u, pid %d)", name, (unsigned)current_peer->uid,
		 (int)current_peer->pid);
	return text;
}

static const char *describe_change(const struct audit_change *change, char text[WHAT_BYTES])
{
	if (change->text)
		snprintf(text, WHAT_BYTES, "%s", change->text);
	else if (change->before && change->after)
		snprintf(text, WHAT_BYTES, "%s %s -> %s", change->what, change->before,
			 change->after);
	else if (change->after)
		snprintf(text, WHAT_BYTES, "%s: %s", change->what, change->after);
	else if (change->before)
		snprintf(text, WHAT_BYTES, "%s (was %s)", change->what, change->before);
	else
		snprintf(text, WHAT_BYTES, "%s", change->what);
	return text;
}

void audit_change(const struct audit_change *change)
{
	struct log_fields fields = { .event = "change",
				     .service = change->service,
				     .backend = change->backend,
				     .interface = change->interface,
				     .what = change->what,
				     .before = change->before,
				     .after = change->after,
				     .by = change->by,
				     .named = change->text != NULL,
				     .always = true };
	char what[WHAT_BYTES], name[PEER_NAME_BYTES], actor[ACTOR_BYTES];
	const char *by = describe_actor(&fields, name, actor);

	log_event(change->warning ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, &fields, "%s%s%s, by %s",
		  describe_change(change, what), change->why ? ": " : "",
		  change->why ? change->why : "", by);
}

void audit_line(const char *text)
{
	audit_change(&(struct audit_change){ .what = text });
}
