/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "runtime.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "audit.h"
#include "availability.h"
#include "balancer.h"
#include "port_lists.h"
#include "service_text.h"

enum { WEIGHT_BYTES = 8 };

static void set_flag(struct backend *backend, uint8_t flag, bool on)
{
	if (on)
		backend->record |= flag;
	else
		backend->record &= ~flag;
}

/* before and after: NULL for what was not there or is not. */
static void audit(const struct backend *backend, const char *what, const char *before,
		  const char *after)
{
	audit_change(&(struct audit_change){ .service = backend->service->config.name,
					     .backend = backend->name,
					     .what = what,
					     .before = before,
					     .after = after });
}

static void audit_weight(struct backend *backend, uint16_t before)
{
	char from[WEIGHT_BYTES], to[WEIGHT_BYTES];

	snprintf(from, sizeof(from), "%u", before);
	snprintf(to, sizeof(to), "%u", backend->weight);
	availability_note(backend, HISTORY_WEIGHT, "%s by command, was %s", to, from);
	audit(backend, "weight", from, to);
}

static void audit_added(struct backend *backend)
{
	char text[BACKEND_TEXT_BYTES];

	audit(backend, "added", NULL,
	      backend_format(&backend->address, backend->weight, backend->encapsulation, text));
	availability_note(backend, HISTORY_LIFE, "added by command");
}

static void audit_removed(struct backend *backend, bool now)
{
	char text[BACKEND_TEXT_BYTES];

	audit_change(
		&(struct audit_change){ .service = backend->service->config.name,
					.backend = backend->name,
					.what = "removed",
					.before = backend_format(&backend->address, backend->weight,
								 backend->encapsulation, text),
					.why = now ? "its connections are cut" : NULL });
	availability_note(backend, HISTORY_LIFE, "removed by command");
}

/* Whatever else waits: the command's answer means that it is in effect. */
static void commit(struct balancer *balancer, struct service *service)
{
	service->urgent = true;
	balancer_commit(balancer);
	balancer_notify(balancer);
}

/* Makes a change of a backend last and take effect. */
static void put(struct balancer *balancer, struct backend *backend)
{
	backend_write_record(balancer, backend);
	backend_refresh(balancer, backend);
	commit(balancer, backend->service);
}

static void set_drain(struct backend *backend, bool drain)
{
	set_flag(backend, POISE_RECORD_DRAIN, drain && !backend->declared_drain);
	set_flag(backend, POISE_RECORD_UNDRAIN, !drain && backend->declared_drain);
}

static void set_weight(struct backend *backend, uint16_t weight)
{
	if (backend->weight != weight)
		service_touch(backend->service);
	backend->weight = weight;
	set_flag(backend, POISE_RECORD_WEIGHT,
		 backend->declared_weight >= 0 && backend->declared_weight != weight);
}

/* One that was removed, and has the same name and address, comes back with its connections. */
static int bring_back(struct balancer *balancer, struct backend *backend,
		      const struct config_backend *wanted, char error[RUNTIME_ERROR_BYTES])
{
	uint8_t before = backend->state;

	backend->state = POISE_RECORD_ACTIVE;
	backend->cut = false;
	if (!backend->health && backend_start(balancer, backend)) {
		backend->state = before;
		snprintf(error, RUNTIME_ERROR_BYTES, "not enough memory");
		return -ENOMEM;
	}
	backend->record &= ~POISE_RECORD_OUT;
	set_drain(backend, false);
	set_flag(backend, POISE_RECORD_RUNTIME, backend->declared_weight < 0);
	backend->encapsulation = wanted->encapsulation;
	backend_set_server_id(balancer, backend, wanted->server_id, wanted->server_id_length);
	set_weight(backend, wanted->weight);
	audit_added(backend);
	put(balancer, backend);
	return 0;
}

static int check_address(const struct service *service, const struct address *address,
			 char error[RUNTIME_ERROR_BYTES])
{
	char text[ADDRESS_TEXT_BYTES];

	if (!address_is_host(address)) {
		snprintf(error, RUNTIME_ERROR_BYTES,
			 "address: found '%s', allowed is the unicast address of another host",
			 address_format(address, text));
		return -EINVAL;
	}
	for (size_t i = 0; i < service->balancer->service_count; i++) {
		const struct service *other = service->balancer->services[i];

		struct prefix prefix = { other->config.address, other->config.prefix_length };

		if (!prefix_holds(&prefix, &(struct prefix){ *address, address_bits(address) }))
			continue;
		snprintf(error, RUNTIME_ERROR_BYTES,
			 "address: found '%s', which is the address of service '%s': packets would "
			 "loop",
			 address_format(address, text), other->config.name);
		return -EINVAL;
	}
	return 0;
}

/* A declared name stays with its address, even while that is removed: the configuration could not
 * be applied again. */
static int check_declared(const struct service *service, const char *name,
			  const struct address *address, char error[RUNTIME_ERROR_BYTES])
{
	char text[ADDRESS_TEXT_BYTES];

	for (const struct backend *b = service->backends; b; b = b->next) {
		if (b->declared_weight < 0 || strcmp(b->name, name) != 0 ||
		    address_equal(&b->address, address))
			continue;
		snprintf(error, RUNTIME_ERROR_BYTES,
			 "the configuration declares backend '%s/%s' with address %s, although it "
			 "was removed by command: use another name, or change the configuration",
			 service->config.name, name, address_format(&b->address, text));
		return -EEXIST;
	}
	return 0;
}

/* An id names one backend of a service, which may have connections by it still. */
static int check_server_id(const struct service *service, const struct config_backend *wanted,
			   char error[RUNTIME_ERROR_BYTES])
{
	uint8_t length = service->config.quic.server_id_length;

	if (wanted->server_id_length != length) {
		if (length)
			snprintf(error, RUNTIME_ERROR_BYTES,
				 "server_id: found %u bytes, service '%s' needs %u",
				 wanted->server_id_length, service->config.name, length);
		else
			snprintf(error, RUNTIME_ERROR_BYTES,
				 "server_id: service '%s' has no 'quic', its backends have none",
				 service->config.name);
		return -EINVAL;
	}
	for (const struct backend *b = service->backends; b && length; b = b->next) {
		if (address_equal(&b->address, &wanted->address) || b->server_id_length != length ||
		    memcmp(b->server_id, wanted->server_id, length) != 0)
			continue;
		snprintf(error, RUNTIME_ERROR_BYTES, "server_id: backend '%s/%s' has that one",
			 service->config.name, b->name);
		return -EEXIST;
	}
	return 0;
}

static int check_free(const struct service *service, const struct config_backend *wanted,
		      char error[RUNTIME_ERROR_BYTES])
{
	const struct backend *same_address = service_find_address(service, &wanted->address);
	const struct backend *same_name = service_find(service, wanted->name);
	char address[ADDRESS_TEXT_BYTES];

	if (same_name && same_name->state == POISE_RECORD_ACTIVE) {
		address_format(&same_name->address, address);
		snprintf(error, RUNTIME_ERROR_BYTES,
			 "service '%s' has a backend '%s' already, at %s", service->config.name,
			 wanted->name, address);
		return -EEXIST;
	}
	if (same_address && (same_address->state == POISE_RECORD_ACTIVE ||
			     strcmp(same_address->name, wanted->name) != 0)) {
		snprintf(error, RUNTIME_ERROR_BYTES,
			 "service '%s' has that address already, as backend '%s'%s",
			 service->config.name, same_address->name,
			 same_address->state == POISE_RECORD_ACTIVE ? ""
								    : ", which is being removed");
		return -EEXIST;
	}
	return check_declared(service, wanted->name, &wanted->address, error);
}

/* A chain must be able to name every backend of its service. */
static int check_chain(const struct service *service, const struct config_backend *wanted,
		       char error[RUNTIME_ERROR_BYTES])
{
	if (!service->config.second_chance || wanted->encapsulation == POISE_ENCAP_GUE)
		return 0;
	snprintf(error, RUNTIME_ERROR_BYTES,
		 "encapsulation: found %s, allowed is gue only: service '%s' has second_chance",
		 encapsulation_text(wanted->encapsulation), service->config.name);
	return -EINVAL;
}

int runtime_check_add(const struct service *service, const struct config_backend *wanted,
		      char error[RUNTIME_ERROR_BYTES])
{
	int err = check_address(service, &wanted->address, error);

	if (!err)
		err = check_free(service, wanted, error);
	if (!err)
		err = check_server_id(service, wanted, error);
	if (!err)
		err = check_chain(service, wanted, error);
	return err;
}

int runtime_add(struct balancer *balancer, struct service *service,
		const struct config_backend *wanted, struct backend **out,
		char error[RUNTIME_ERROR_BYTES])
{
	struct backend_spec spec = { .name = wanted->name,
				     .address = wanted->address,
				     .weight = wanted->weight,
				     .declared_weight = -1,
				     .record = POISE_RECORD_RUNTIME,
				     .encapsulation = wanted->encapsulation,
				     .server_id = wanted->server_id,
				     .server_id_length = wanted->server_id_length };
	int err = runtime_check_add(service, wanted, error);

	if (err)
		return err;
	*out = service_find_address(service, &wanted->address);
	if (*out)
		return bring_back(balancer, *out, wanted, error);
	*out = backend_new(service, balancer, &spec);
	if (!*out) {
		snprintf(error, RUNTIME_ERROR_BYTES, "no room for another backend");
		return -ENOSPC;
	}
	audit_added(*out);
	commit(balancer, service);
	return 0;
}

int runtime_check_remove(const struct backend *backend, bool now, char error[RUNTIME_ERROR_BYTES])
{
	if (backend->state == POISE_RECORD_ACTIVE ||
	    (backend->state == POISE_RECORD_REMOVING && now))
		return 0;
	snprintf(error, RUNTIME_ERROR_BYTES, "backend '%s/%s' is removed already%s",
		 backend->service->config.name, backend->name,
		 backend->state == POISE_RECORD_REMOVING
			 ? ", and waits for its connections to end ('--now' cuts them)"
			 : "");
	return -EALREADY;
}

int runtime_remove(struct balancer *balancer, struct backend *backend, bool now, bool *gone,
		   char error[RUNTIME_ERROR_BYTES])
{
	bool declared = backend->declared_weight >= 0;
	int err = runtime_check_remove(backend, now, error);

	*gone = false;
	if (err)
		return err;
	audit_removed(backend, now);
	set_flag(backend, POISE_RECORD_OUT, declared);
	if (now && !balancer->held) {
		backend_cut(balancer, backend);
		balancer_notify(balancer);
		*gone = !declared;
		return 0;
	}
	backend->cut |= now;
	balancer->cut_wanted |= now;
	backend_leave(balancer, backend);
	commit(balancer, backend->service);
	balancer_sweep(balancer);
	return 0;
}

int runtime_check_change(const struct backend *backend, char error[RUNTIME_ERROR_BYTES])
{
	if (backend->state == POISE_RECORD_ACTIVE)
		return 0;
	snprintf(error, RUNTIME_ERROR_BYTES, "backend '%s/%s' is removed",
		 backend->service->config.name, backend->name);
	return -EINVAL;
}

int runtime_drain(struct balancer *balancer, struct backend *backend, bool drain,
		  char error[RUNTIME_ERROR_BYTES])
{
	bool drained = backend_drains(backend);
	int err = runtime_check_change(backend, error);
	bool released;

	if (err)
		return err;
	released = !drain && availability_release(backend);
	if (released)
		audit(backend, "held down", "yes", "no");
	if (drain == drained) {
		if (released)
			put(balancer, backend);
		return 0;
	}
	availability_note(backend, HISTORY_DRAIN, "%s by command", drain ? "drained" : "undrained");
	audit(backend, "drained", drained ? "yes" : "no", drain ? "yes" : "no");
	set_drain(backend, drain);
	backend->valid_at_round = balancer->sweep_round + 2;
	put(balancer, backend);
	balancer_sweep(balancer);
	return 0;
}

int runtime_weight(struct balancer *balancer, struct backend *backend, uint16_t weight,
		   char error[RUNTIME_ERROR_BYTES])
{
	int err = runtime_check_change(backend, error);
	uint16_t before;

	if (err)
		return err;
	before = backend->weight;
	set_weight(backend, weight);
	audit_weight(backend, before);
	put(balancer, backend);
	return 0;
}
