/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "apply_backends.h"

#include <stdio.h>
#include <string.h>

#include "availability.h"
#include "balancer.h"
#include "bytes_text.h"
#include "log.h"
#include "overlay.h"
#include "service_text.h"

enum {
	ID_TEXT_BYTES = 2 * POISE_QUIC_ID_BYTES + 1,
	WHAT_BYTES = 32,
	NUMBER_BYTES = 12,
	WORDS_BYTES = POISE_NAME_BYTES + 64
};

static struct audit_change change_of(const struct backend *backend, const char *what,
				     const char *before, const char *after)
{
	return (struct audit_change){ .service = backend->service->config.name,
				      .backend = backend->name,
				      .what = what,
				      .before = before,
				      .after = after };
}

static const char *backend_text(const struct backend *backend, char text[BACKEND_TEXT_BYTES])
{
	return backend_format(&backend->address, backend->weight, backend->encapsulation, text);
}

/* A key's value is another one. stays: what the text says of that which a command set and which
 * goes on instead, so that this is of the declaration alone; or NULL. */
static void tell_key(struct audit_list *changes, const struct backend *backend, const char *key,
		     const char *before, const char *after, const char *stays)
{
	char what[WHAT_BYTES];
	const struct audit_change change = change_of(backend, what, before, after);

	snprintf(what, sizeof(what), "%s%s", stays ? "declared " : "", key);
	audit_list_add(changes, &change, "backend '%s/%s': %s %s -> %s%s%s", change.service,
		       change.backend, key, before, after, stays ? " in the configuration, " : "",
		       stays ? stays : "");
}

static void tell_added(struct audit_list *changes, const struct backend *backend)
{
	char text[BACKEND_TEXT_BYTES];
	const struct audit_change added =
		change_of(backend, "added", NULL, backend_text(backend, text));

	audit_list_add(changes, &added, "service '%s': backend '%s' added", added.service,
		       added.backend);
}

static void tell_removed(struct audit_list *changes, const struct backend *backend)
{
	char text[BACKEND_TEXT_BYTES];
	const struct audit_change removed =
		change_of(backend, "removed", backend_text(backend, text), NULL);

	audit_list_add(changes, &removed, "service '%s': backend '%s' removed", removed.service,
		       removed.backend);
}

void apply_tell_overruled(struct audit_list *changes, const struct backend *backend)
{
	char words[OVERLAY_WORDS_BYTES];
	const struct audit_change overruled =
		change_of(backend, "overruled", overlay_words(backend, words), NULL);

	if (words[0])
		audit_list_add(changes, &overruled,
			       "backend '%s/%s': overruled, what was set by command: %s",
			       overruled.service, overruled.backend, words);
}

static void add_backend(struct balancer *balancer, struct service *service,
			const struct config_backend *declared, struct audit_list *changes)
{
	struct backend_spec spec = { .name = declared->name,
				     .address = declared->address,
				     .weight = declared->weight,
				     .declared_weight = declared->weight,
				     .declared_drain = declared->drain,
				     .encapsulation = declared->encapsulation,
				     .server_id = declared->server_id,
				     .server_id_length = declared->server_id_length };

	struct backend *backend = backend_new(service, balancer, &spec);

	if (backend) {
		availability_note(backend, HISTORY_LIFE, "added by the configuration");
		tell_added(changes, backend);
	} else {
		log_event(LOG_LEVEL_ERROR,
			  &(struct log_fields){ .service = service->config.name,
						.backend = declared->name },
			  "cannot be added: not enough memory");
	}
}

static void return_backend(struct balancer *balancer, struct backend *backend,
			   struct audit_list *changes)
{
	const struct audit_change back = change_of(backend, "back", NULL, NULL);

	if (backend->state != POISE_RECORD_REMOVING || (backend->record & POISE_RECORD_OUT))
		return;
	backend->state = POISE_RECORD_ACTIVE;
	availability_note(backend, HISTORY_LIFE, "declared by the configuration again");
	backend_refresh(balancer, backend);
	audit_list_add(changes, &back, "service '%s': backend '%s' is back", back.service,
		       back.backend);
}

static const char *id_text(const uint8_t *id, uint8_t length, char text[ID_TEXT_BYTES])
{
	return length ? bytes_format(id, length, text) : "(none)";
}

/* How its packets reach it, and which QUIC connections are its own. */
static void change_way(struct balancer *balancer, struct backend *backend,
		       const struct config_backend *declared, struct audit_list *changes)
{
	char ids[2][ID_TEXT_BYTES];

	if (backend->encapsulation != declared->encapsulation) {
		tell_key(changes, backend, "encapsulation",
			 encapsulation_text(backend->encapsulation),
			 encapsulation_text(declared->encapsulation), NULL);
		backend->encapsulation = declared->encapsulation;
		backend_recheck_way(balancer, backend);
	}
	if (declared->server_id_length && !backend_has_server_id(backend, declared))
		tell_key(changes, backend, "server_id",
			 id_text(backend->server_id, backend->server_id_length, ids[0]),
			 id_text(declared->server_id, declared->server_id_length, ids[1]), NULL);
	backend_set_server_id(balancer, backend, declared->server_id, declared->server_id_length);
}

/* What a command set is what the configuration says now. */
static void tell_declared(struct audit_list *changes, const struct backend *backend,
			  const char *what, const char *before, const char *after,
			  const char *words)
{
	const struct audit_change change = change_of(backend, what, before, after);

	audit_list_add(changes, &change, "service '%s': %s, is declared now", change.service,
		       words);
}

static const char *number(unsigned value, char text[NUMBER_BYTES])
{
	snprintf(text, NUMBER_BYTES, "%u", value);
	return text;
}

static void tell_weight_declared(struct audit_list *changes, const struct backend *backend,
				 int before, uint16_t weight)
{
	char was[NUMBER_BYTES], now[NUMBER_BYTES], words[WORDS_BYTES];

	snprintf(words, sizeof(words), "weight %u of backend '%s', set by command", weight,
		 backend->name);
	tell_declared(changes, backend, "declared weight", before < 0 ? NULL : number(before, was),
		      number(weight, now), words);
}

static void tell_weight_stays(struct audit_list *changes, const struct backend *backend,
			      uint16_t before, uint16_t weight)
{
	char was[NUMBER_BYTES], now[NUMBER_BYTES], words[WORDS_BYTES];

	snprintf(words, sizeof(words), "%u by command stays", backend->weight);
	tell_key(changes, backend, "weight", number(before, was), number(weight, now), words);
}

static void change_weight(struct balancer *balancer, struct backend *backend, uint16_t weight,
			  struct audit_list *changes)
{
	char was[NUMBER_BYTES], now[NUMBER_BYTES];

	tell_key(changes, backend, "weight", number(backend->weight, was), number(weight, now),
		 NULL);
	availability_note(backend, HISTORY_WEIGHT, "%u by the configuration, was %u", weight,
			  backend->weight);
	backend->weight = weight;
	service_touch(backend->service);
	backend_refresh(balancer, backend); /* weight 0 takes no new connection */
}

static void take_weight(struct balancer *balancer, struct backend *backend, uint16_t weight,
			struct audit_list *changes)
{
	bool by_command = backend->record & POISE_RECORD_WEIGHT;
	int before = backend->declared_weight;

	backend->declared_weight = weight;
	if (backend->weight == weight) {
		if (by_command)
			tell_weight_declared(changes, backend, before, weight);
		backend->record &= ~POISE_RECORD_WEIGHT;
	} else if (!by_command) {
		change_weight(balancer, backend, weight, changes);
	} else if (before >= 0 && before != weight && !balancer->adopting) {
		tell_weight_stays(changes, backend, before, weight);
	}
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

/* A command that says the same as the configuration is overruled by it. */
static void take_drain(struct balancer *balancer, struct backend *backend, bool drain,
		       struct audit_list *changes)
{
	uint8_t same = drain ? POISE_RECORD_DRAIN : POISE_RECORD_UNDRAIN;
	bool before = backend_drains(backend), declared = backend->declared_drain;
	char words[WORDS_BYTES];

	backend->declared_drain = drain;
	if (backend->record & same) {
		snprintf(words, sizeof(words), "that backend '%s' %s, by command", backend->name,
			 drain ? "drains" : "does not drain");
		tell_declared(changes, backend, "declared drain", truth(declared), truth(drain),
			      words);
	}
	backend->record &= ~same;
	if (!balancer->adopting && declared != drain) /* an earlier poised left no word of it */
		tell_key(changes, backend, "drain", truth(declared), truth(drain),
			 backend_drains(backend) == drain ? NULL : "what was set by command stays");
	if (backend_drains(backend) == before)
		return;
	availability_note(backend, HISTORY_DRAIN, "%s by the configuration",
			  drain ? "drained" : "undrained");
	backend->valid_at_round = balancer->sweep_round + 2;
	backend_refresh(balancer, backend);
}

/* What a declaration changes in a running backend; what was set by command stays. */
static void change_backend(struct balancer *balancer, struct backend *backend,
			   const struct config_backend *declared, struct audit_list *changes)
{
	char words[WORDS_BYTES];

	if (strcmp(backend->name, declared->name) != 0) {
		tell_key(changes, backend, "name", backend->name, declared->name, NULL);
		snprintf(backend->name, sizeof(backend->name), "%s", declared->name);
	}
	if (backend->record & POISE_RECORD_RUNTIME) {
		backend->record &= ~POISE_RECORD_RUNTIME;
		if (backend->weight != declared->weight)
			backend->record |= POISE_RECORD_WEIGHT;
		snprintf(words, sizeof(words), "backend '%s', added by command", backend->name);
		tell_declared(changes, backend, "declared", NULL, NULL, words);
	}
	change_way(balancer, backend, declared, changes);
	return_backend(balancer, backend, changes);
	take_weight(balancer, backend, declared->weight, changes);
	take_drain(balancer, backend, declared->drain, changes);
	backend_write_record(balancer, backend);
}

/* The configuration does not declare this one. */
static void undeclare_backend(struct balancer *balancer, struct backend *backend,
			      struct audit_list *changes)
{
	backend->declared_weight = -1;
	backend->declared_drain = false;
	if (backend->record & POISE_RECORD_RUNTIME)
		return;
	apply_tell_overruled(changes, backend);
	backend->record &= ~POISE_RECORD_OUT;
	if (backend->state == POISE_RECORD_REMOVED) {
		backend_retire(balancer, backend);
	} else if (backend->state == POISE_RECORD_ACTIVE) {
		tell_removed(changes, backend);
		availability_note(backend, HISTORY_LIFE, "removed by the configuration");
		backend_leave(balancer, backend);
	} else {
		backend_write_record(balancer, backend);
	}
}

/* The first of NAME-2, NAME-3... that nothing else is or will be called. */
static void rename_apart(struct backend *backend, const struct config_service *config)
{
	char name[POISE_NAME_BYTES];
	bool taken = true;

	for (uint16_t n = 2; taken; n++) {
		snprintf(name, sizeof(name), "%.*s-%u", POISE_NAME_BYTES - 8, backend->name, n);
		taken = service_find(backend->service, name) != NULL;
		for (size_t i = 0; i < config->backend_count; i++)
			taken |= strcmp(config->backends[i].name, name) == 0;
	}
	memcpy(backend->name, name, sizeof(name));
}

/*
 * At a start there is nobody to ask: what the file declares has its name and server id, and a
 * backend added by command that had them before goes on under another name, and without the id.
 */
static void yield_to(struct balancer *balancer, struct backend *backend,
		     const struct config_service *config, const struct config_backend *declared)
{
	if (address_equal(&backend->address, &declared->address))
		return;
	if (strcmp(backend->name, declared->name) == 0) {
		rename_apart(backend, config);
		log_warning("backend '%s/%s', added by command, is now called '%s': the "
			    "configuration has that name for another address",
			    config->name, declared->name, backend->name);
		backend_write_record(balancer, backend);
	}
	if (backend_has_server_id(backend, declared)) {
		log_warning("backend '%s/%s', added by command, has no server id any more: the "
			    "configuration has it for '%s'",
			    config->name, backend->name, declared->name);
		backend_set_server_id(balancer, backend, NULL, 0);
		backend_write_record(balancer, backend);
	}
}

static void yield_to_declared(struct balancer *balancer, struct backend *backend,
			      const struct config_service *config)
{
	for (size_t i = 0; i < config->backend_count; i++)
		yield_to(balancer, backend, config, &config->backends[i]);
}

void apply_backends(struct balancer *balancer, struct service *service,
		    const struct config_service *config, struct audit_list *changes)
{
	struct backend *next;

	for (struct backend *b = service->backends; b && balancer->adopting; b = b->next)
		if (backend_is_added(b))
			yield_to_declared(balancer, b, config);

	service_match_backends(service, config);
	for (struct backend *b = service->backends; b; b = next) {
		next = b->next;
		if (!b->declared)
			undeclare_backend(balancer, b, changes);
	}
	for (size_t i = 0; i < config->backend_count; i++) {
		const struct config_backend *declared = &config->backends[i];
		struct backend *running = service_find_address(service, &declared->address);

		if (running)
			change_backend(balancer, running, declared, changes);
		else
			add_backend(balancer, service, declared, changes);
	}
}
