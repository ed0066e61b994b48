// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: what on this host keeps Poise from doing its work, and what mends it. */
#include "commands.h"

#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "doctor.h"
#include "local_config.h"
#include "poise.h"
#include "text.h"

#define DEFAULT_CONFIG "/etc/poise/poise.yaml"

static void look(struct doctor *doctor)
{
	doctor_check_poised(doctor);
	doctor_check_kernel(doctor);
	doctor_check_links(doctor);
	doctor_check_reach(doctor);
	doctor_check_paths(doctor);
	doctor_check_memory(doctor);
	doctor_check_config(doctor);
}

static int tell(struct doctor *doctor, const struct invocation *invocation)
{
	doctor->findings = require_memory(json_array());
	look(doctor);
	if (invocation->json)
		print_json(doctor->findings);
	else
		doctor_print(doctor, invocation->verbose);
	json_decref(doctor->findings);
	return doctor->worst > DOCTOR_NOTE ? EXIT_REFUSED : EXIT_DONE;
}

/* poised's status and the configuration that runs; new references, NULL where poised is away. */
static int ask_poised(const struct invocation *invocation, json_t **status, json_t **running)
{
	struct client_answer answer;
	int code = client_call(invocation->socket, "status", NULL, CLIENT_TIMEOUT_MS, &answer);

	*status = *running = NULL;
	if (code && !answer.absent)
		client_complain(&answer);
	*status = json_incref(answer.result);
	if (code && answer.absent)
		code = EXIT_DONE;
	client_answer_free(&answer);
	if (!*status || invocation->config)
		return code;
	return client_ask(invocation->socket, "config", NULL, running);
}

static struct config *find_config(const struct invocation *invocation, const json_t *running)
{
	if (running)
		return local_config_of(running, "running");
	return local_config_load(invocation->config ? invocation->config : DEFAULT_CONFIG);
}

int cmd_doctor(const struct invocation *invocation)
{
	struct doctor doctor = { .socket = invocation->socket, .config_path = DEFAULT_CONFIG };
	struct view_status view;
	struct config *config = NULL;
	json_t *status, *running;
	int code = ask_poised(invocation, &status, &running);

	if (!code && status && !view_status(status, &view))
		code = EXIT_UNREACHABLE;
	if (!code && !(config = find_config(invocation, running)))
		code = EXIT_USAGE;
	if (!code) {
		doctor.config = config;
		doctor.status = status ? &view : NULL;
		if (invocation->config)
			doctor.config_path = invocation->config;
		else if (status)
			doctor.config_path = view.config;
		code = tell(&doctor, invocation);
	}
	config_free(config);
	json_decref(status);
	json_decref(running);
	return code;
}
