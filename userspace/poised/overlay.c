/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "overlay.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "kept_text.h"

bool overlay_has(const struct backend *backend)
{
	const uint8_t drained = POISE_RECORD_DRAIN | POISE_RECORD_UNDRAIN;

	if (backend->record & POISE_RECORD_OUT)
		return true;
	return backend->state == POISE_RECORD_ACTIVE &&
	       (backend->record & (POISE_RECORD_RUNTIME | POISE_RECORD_WEIGHT | drained));
}

bool overlay_has_any(const struct balancer *balancer)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		for (const struct backend *b = balancer->services[i]->backends; b; b = b->next)
			if (overlay_has(b))
				return true;
	return false;
}

static struct config_backend declare(const struct backend *backend)
{
	struct config_backend declared = { .address = backend->address,
					   .weight = backend->weight,
					   .drain = backend_drains(backend),
					   .encapsulation = backend->encapsulation,
					   .server_id_length = backend->server_id_length };

	memcpy(declared.name, backend->name, sizeof(declared.name));
	memcpy(declared.server_id, backend->server_id, sizeof(declared.server_id));
	return declared;
}

/* Puts what runs in place of the declared backends: those first, in their order. */
static bool overlay_service(const struct service *service, struct config_service *config)
{
	struct config_backend *running = calloc(service->backend_count + 1, sizeof(*running));
	const struct backend *b;
	size_t count = 0;

	if (!running)
		return false;
	for (size_t i = 0; i < config->backend_count; i++) {
		b = service_find_address(service, &config->backends[i].address);
		if (b && b->state == POISE_RECORD_ACTIVE)
			running[count++] = declare(b);
	}
	for (b = service->backends; b; b = b->next)
		if (backend_is_added(b))
			running[count++] = declare(b);
	config->backends = running;
	config->backend_count = count;
	return true;
}

struct config *overlay_config(const struct balancer *balancer)
{
	const struct config *declared = balancer->config;
	struct config *config = malloc(sizeof(*config));
	size_t i;

	if (!config)
		return NULL;
	*config = *declared;
	config->service_count = 0;
	config->services = calloc(declared->service_count + 1, sizeof(*config->services));
	for (i = 0; config->services && i < declared->service_count; i++) {
		const struct service *service =
			balancer_continued(balancer, &declared->services[i]);

		config->services[i] = declared->services[i];
		if (!service || !overlay_service(service, &config->services[i]))
			break;
		config->service_count++;
	}
	if (config->services && i == declared->service_count)
		return config;
	overlay_config_free(config);
	return NULL;
}

void overlay_config_free(struct config *config)
{
	if (!config)
		return;
	for (size_t i = 0; i < config->service_count; i++)
		free(config->services[i].backends);
	free(config->services);
	free(config);
}

static void append(char text[OVERLAY_WORDS_BYTES], const char *word)
{
	size_t length = strlen(text);

	snprintf(text + length, OVERLAY_WORDS_BYTES - length, "%s%s", length ? ", " : "", word);
}

const char *overlay_words(const struct backend *backend, char text[OVERLAY_WORDS_BYTES])
{
	char weight[16];

	text[0] = '\0';
	if (!overlay_has(backend))
		return text;
	if (backend->record & POISE_RECORD_OUT) {
		append(text, "removed");
		return text;
	}
	snprintf(weight, sizeof(weight), "weight %u", backend->weight);
	if (backend->record & POISE_RECORD_RUNTIME)
		append(text, "added");
	if (backend->record & (POISE_RECORD_RUNTIME | POISE_RECORD_WEIGHT))
		append(text, weight);
	if (backend->record & POISE_RECORD_DRAIN)
		append(text, "drained");
	if (backend->record & POISE_RECORD_UNDRAIN)
		append(text, "undrained");
	return text;
}

static void describe_key(const struct backend *backend, const char *key, const char *running,
			 const char *declared, struct lines *lines)
{
	const struct config_difference difference = { CONFIG_CHANGED, backend->service->config.name,
						      backend->name,  key,
						      running,	      declared };
	char text[KEPT_TEXT_BYTES];

	lines_add(lines, "%s", kept_text(&difference, text));
}

static void describe_whole(const struct backend *backend, enum config_change change,
			   struct lines *lines)
{
	const struct config_difference difference = { .change = change,
						      .service = backend->service->config.name,
						      .backend = backend->name };
	char text[KEPT_TEXT_BYTES];

	lines_add(lines, "%s", kept_text(&difference, text));
}

static void describe(const struct backend *backend, struct lines *lines)
{
	char weight[16], declared[16];

	snprintf(weight, sizeof(weight), "%u", backend->weight);
	snprintf(declared, sizeof(declared), "%d", backend->declared_weight);
	if (backend->record & POISE_RECORD_OUT) {
		describe_whole(backend, CONFIG_ADDED, lines);
		return;
	}
	if (backend->record & POISE_RECORD_RUNTIME) {
		describe_whole(backend, CONFIG_REMOVED, lines);
		return;
	}
	if (backend->record & POISE_RECORD_WEIGHT)
		describe_key(backend, "weight", weight, declared, lines);
	if (backend->record & POISE_RECORD_DRAIN)
		describe_key(backend, "drain", "true", "false", lines);
	if (backend->record & POISE_RECORD_UNDRAIN)
		describe_key(backend, "drain", "false", "true", lines);
}

void overlay_describe(const struct balancer *balancer, struct lines *lines)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		for (const struct backend *b = balancer->services[i]->backends; b; b = b->next)
			if (overlay_has(b))
				describe(b, lines);
}
