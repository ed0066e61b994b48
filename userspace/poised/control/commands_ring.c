/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* ring-export, told in pieces as its reader takes them, and ring-import. */
#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "commands_private.h"
#include "control.h"
#include "daemon.h"
#include "log.h"
#include "request.h"
#include "ring_history.h"
#include "ring_import.h"

/* What is to be told: services by their index, of the one under way from slot first on. */
struct ring_export {
	struct balancer *balancer;
	bool comma;
	uint32_t first;
	size_t next, count;
	uint16_t services[];
};

static int say_chunk(struct ring_export *export, const struct service *service,
		     struct evbuffer *out)
{
	json_t *chunk = ring_history_chunk(service, export->first);
	char *text = chunk ? json_dumps(chunk, JSON_COMPACT) : NULL;
	int err = text ? evbuffer_add_printf(out, "%s%s", export->comma ? "," : "", text) : -1;

	json_decref(chunk);
	free(text);
	export->comma = true;
	return err < 0 ? -ENOMEM : 0;
}

static int export_next(void *context, struct evbuffer *out)
{
	struct ring_export *export = context;
	const struct service *service;
	int err = 0;

	if (!export->next && !export->first &&
	    evbuffer_add(out, "\"services\":[", strlen("\"services\":[")))
		return -ENOMEM;
	if (export->next == export->count)
		return evbuffer_add(out, "]", 1) ? -ENOMEM : 0;
	service = export->balancer->service_at[export->services[export->next]];
	if (service && service->moving.recorded + service->moving.named)
		err = say_chunk(export, service, out);
	export->first += RING_HISTORY_CHUNK_SLOTS;
	if (!service || export->first >= service->ring.size) {
		export->first = 0;
		export->next++;
	}
	return err ? err : 1;
}

static const struct control_pieces pieces = { export_next, free };

/* One that is named twice is told once. */
static bool add_service(struct ring_export *export, const struct service *service)
{
	for (size_t i = 0; i < export->count; i++)
		if (export->services[i] == service->index)
			return true;
	if (service->config.second_chance)
		export->services[export->count++] = service->index;
	return service->config.second_chance;
}

static bool add_named(const struct request *request, struct ring_export *export,
		      const json_t *names)
{
	const struct balancer *balancer = request->daemon->balancer;

	for (size_t i = 0; i < json_array_size(names); i++) {
		const char *name = json_string_value(json_array_get(names, i));
		const struct service *service = name ? balancer_find(balancer, name) : NULL;

		if (service && add_service(export, service))
			continue;
		control_refuse(request->error,
			       service ? "services[%zu]: service '%.64s' has no second_chance"
				       : "services[%zu]: there is no service '%.64s'",
			       i, name ? name : "");
		return false;
	}
	return true;
}

json_t *command_ring_export(const struct request *request)
{
	struct balancer *balancer = request->daemon->balancer;
	const json_t *names = json_object_get(request->arguments, "services");
	struct ring_export *export;
	bool done = true;

	if (names && !json_is_array(names))
		return control_refuse(request->error, "services: allowed is a list of names");
	export = calloc(1, sizeof(*export) + balancer->service_count * sizeof(export->services[0]));
	if (!export)
		return NULL;
	export->balancer = balancer;
	if (json_array_size(names))
		done = add_named(request, export, names);
	for (size_t i = 0; i < balancer->service_count && !json_array_size(names); i++)
		add_service(export, balancer->services[i]);
	if (done && !control_answer_in_pieces(request->daemon->control, &pieces, export))
		return ring_history_head(balancer);
	free(export);
	return done ? control_refuse(request->error, "nobody reads the answer") : NULL;
}

static void give_up(void *kept)
{
	struct daemon *daemon = kept;

	ring_import_free(daemon->import);
	daemon->import = NULL;
}

/* One history at a time is taken in: it may be much memory. */
static struct ring_import *import_of(const struct request *request)
{
	struct daemon *daemon = request->daemon;

	if (daemon->import && control_kept(daemon->control) == daemon)
		return daemon->import;
	if (daemon->import) {
		control_refuse(request->error,
			       "another client's history is being taken in: try again later");
		return NULL;
	}
	daemon->import = ring_import_new(daemon->balancer);
	if (daemon->import && control_keep(daemon->control, daemon, give_up)) {
		give_up(daemon);
		control_refuse(request->error, "nobody reads the answer");
	}
	return daemon->import;
}

static json_t *refuse_import(const struct request *request, int err, const struct lines *errors)
{
	control_keep(request->daemon->control, NULL, NULL);
	for (size_t i = 0; i < errors->count; i++)
		control_refuse_line(request->error, errors->text[i]);
	return control_refuse(request->error, "the history was refused, nothing changed%s",
			      err == -ENOMEM ? ": not enough memory" : "");
}

json_t *command_ring_import(const struct request *request)
{
	struct lines errors = {};
	struct ring_import *import;
	bool dry_run, more;
	uint32_t slots = 0;
	int err;

	if (!request_flag(request, "dry_run", &dry_run) || !request_flag(request, "more", &more))
		return NULL;
	import = import_of(request);
	if (!import)
		return NULL;
	err = ring_import_add(import, request->arguments, &errors);
	if (!err && !more)
		err = ring_import_take(import, dry_run, &slots, &errors);
	if (err)
		refuse_import(request, err, &errors);
	else if (!more)
		control_keep(request->daemon->control, NULL, NULL);
	lines_free(&errors);
	if (err)
		return NULL;
	if (slots)
		log_info("%u slots name backends as an imported history says", slots);
	return json_pack("{s:I}", "slots", (json_int_t)slots);
}
