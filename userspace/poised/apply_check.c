/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "apply_check.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "balancer.h"
#include "service_text.h"

static void refuse_change(struct lines *errors, const char *service, const char *field,
			  const char *found, const char *running)
{
	lines_add(errors,
		  "services.%s.%s: found %s, but the running service has %s: a change would break "
		  "its connections; keep it, or give the service a new name",
		  service, field, found, running);
}

static const char *quic_text(const struct poise_service *entry, char text[64])
{
	if (!entry->quic_length)
		return "none";
	snprintf(text, 64, "config_id %u and ids of %u bytes", entry->quic_config,
		 entry->quic_length);
	return text;
}

/* What is no part of a service's identity, but cannot change while it runs. */
static void check_entry(const struct service *service, const struct config_service *config,
			struct lines *errors)
{
	struct poise_service found = service_describe(config);
	struct poise_service running = service_describe(&service->config);
	char texts[2][64];

	if (found.size != running.size)
		lines_add(errors,
			  "services.%s.ring_size: found %u, but the running ring has %u slots: "
			  "another size would break every connection; keep it, or give the service "
			  "a new name",
			  config->name, found.size, running.size);
	if (found.scheduler != running.scheduler)
		refuse_change(errors, config->name, "scheduler", scheduler_text(config->scheduler),
			      scheduler_text(service->config.scheduler));
	else if ((found.flags ^ running.flags) & POISE_SERVICE_RECORD)
		refuse_change(errors, config->name, "udp",
			      config->udp == UDP_STICKY ? "sticky" : "stateless",
			      config->udp == UDP_STICKY ? "stateless" : "sticky");
	if (found.affinity != running.affinity)
		refuse_change(errors, config->name, "affinity",
			      affinity_format(found.affinity, found.family, texts[0]),
			      affinity_format(running.affinity, found.family, texts[1]));
	if (found.quic_length != running.quic_length || found.quic_config != running.quic_config)
		refuse_change(errors, config->name, "quic", quic_text(&found, texts[0]),
			      quic_text(&running, texts[1]));
}

/* A backend added by command that has the name or server id of a declared one at another address.
 */
static void check_rival(const struct backend *added, const struct config_backend *declared,
			struct lines *errors)
{
	const char *service = added->service->config.name, *name = added->name;

	if (address_equal(&added->address, &declared->address))
		return;
	if (strcmp(name, declared->name) == 0)
		lines_add(
			errors,
			"services.%s.backends: the name '%s' belongs to another address, added by "
			"command; remove that first: poise backend remove %s %s",
			service, name, service, name);
	if (backend_has_server_id(added, declared))
		lines_add(errors,
			  "services.%s.backends: the server id of '%s' is that of '%s', added by "
			  "command; remove that first: poise backend remove %s %s",
			  service, declared->name, name, service, name);
}

/* One added by command that no chain could name. */
static void check_tunnel(const struct backend *added, const struct config_service *config,
			 struct lines *errors)
{
	const char *service = added->service->config.name, *name = added->name;

	for (size_t i = 0; i < config->backend_count; i++)
		if (address_equal(&config->backends[i].address, &added->address))
			return;
	if (config->second_chance && added->encapsulation != POISE_ENCAP_GUE)
		lines_add(errors,
			  "services.%s.second_chance: found true, but backend '%s', added by "
			  "command, has encapsulation %s; remove that first: poise backend remove "
			  "%s %s",
			  service, name, encapsulation_text(added->encapsulation), service, name);
}

static void check_rivals(const struct service *service, const struct config_service *config,
			 struct lines *errors)
{
	for (const struct backend *b = service->backends; b; b = b->next) {
		if (!backend_is_added(b))
			continue;
		for (size_t i = 0; i < config->backend_count; i++)
			check_rival(b, &config->backends[i], errors);
		check_tunnel(b, config, errors);
	}
}

static void check_service(const struct balancer *balancer, const struct service *service,
			  const struct config_service *config, size_t *new_backends,
			  struct lines *errors)
{
	check_entry(service, config, errors);
	for (size_t i = 0; i < config->backend_count; i++)
		if (!service_find_address(service, &config->backends[i].address))
			++*new_backends;
	if (!balancer->adopting) /* at a start they make way */
		check_rivals(service, config, errors);
}

/* What changes only at a start, or only after 'poise detach'. */
static void check_globals(const struct config *running, const struct config *config,
			  struct lines *errors)
{
	if (running->seed != config->seed)
		lines_add(errors,
			  "seed: found 0x%llx, but the running rings have 0x%llx: another seed "
			  "would break every connection",
			  (unsigned long long)config->seed, (unsigned long long)running->seed);
	if (strcmp(running->control_socket, config->control_socket) != 0)
		lines_add(errors,
			  "control.socket: found '%s', but poised listens on '%s'; restart it "
			  "to change that",
			  config->control_socket, running->control_socket);
	if (strcmp(running->pin_path, config->pin_path) != 0)
		lines_add(errors,
			  "pin_path: found '%s', but '%s' is in use; it changes only after "
			  "'poise detach'",
			  config->pin_path, running->pin_path);
	if (strcmp(running->state_dir, config->state_dir) != 0)
		lines_add(
			errors,
			"state_dir: found '%s', but '%s' is in use; restart poised to change that",
			config->state_dir, running->state_dir);
	if (running->flow_entries != config->flow_entries)
		lines_add(errors,
			  "flows: found %u, but the running table has %u; it changes only after "
			  "'poise detach'",
			  config->flow_entries, running->flow_entries);
}

int apply_check(const struct balancer *balancer, const struct config *config, struct lines *errors)
{
	size_t new_backends = 0;

	if (balancer->config)
		check_globals(balancer->config, config, errors);
	for (size_t i = 0; i < config->service_count; i++) {
		const struct config_service *declared = &config->services[i];
		const struct service *service = balancer_continued(balancer, declared);

		if (service)
			check_service(balancer, service, declared, &new_backends, errors);
		else
			new_backends += declared->backend_count;
	}
	if (new_backends > balancer_free_indexes(balancer))
		lines_add(errors,
			  "services: %zu new backends, but only %zu of the data plane's entries "
			  "are free (those of removed backends are free a few seconds after)",
			  new_backends, balancer_free_indexes(balancer));
	return errors->count ? -EINVAL : 0;
}
