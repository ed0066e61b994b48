/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "backend_agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "availability.h"
#include "balancer.h"
#include "log.h"

static const struct agent_state silent = AGENT_STATE_INIT;

bool backend_agent_drains(const struct backend *backend)
{
	return backend->agent.heard && backend->agent.state.admin != AGENT_READY;
}

bool backend_agent_down(const struct backend *backend)
{
	return backend->agent.heard && backend->agent.state.health == AGENT_DOWN;
}

bool backend_agent_waits(const struct backend *backend)
{
	return backend->agent.check && !backend->agent.heard && !backend->agent.asked &&
	       !backend->exposed;
}

uint16_t backend_agent_weight(const struct backend *backend)
{
	if (!backend->agent.heard)
		return backend->weight;
	return agent_state_weight(&backend->agent.state, backend->weight);
}

const char *backend_agent_text(const struct backend *backend, char out[BACKEND_AGENT_TEXT_BYTES])
{
	const struct backend_agent *agent = &backend->agent;

	snprintf(out, BACKEND_AGENT_TEXT_BYTES, "%s, %s, %u %%%s%s",
		 agent_health_text(agent->state.health), agent_admin_text(agent->state.admin),
		 agent->state.percent, agent->reason[0] ? ": " : "", agent->reason);
	return out;
}

static void tell_change(struct backend *backend)
{
	char text[BACKEND_AGENT_TEXT_BYTES];

	backend_agent_text(backend, text);
	log_event(LOG_LEVEL_INFO,
		  &(struct log_fields){ .service = backend->service->config.name,
					.backend = backend->name },
		  "its agent says %s", text);
	availability_note(backend, HISTORY_AGENT, "%s", text);
}

static void take_line(struct backend *backend, const struct agent_line *line)
{
	struct balancer *balancer = backend->service->balancer;
	struct backend_agent *agent = &backend->agent;
	uint16_t percent = agent->state.percent;
	bool changed = agent_state_apply(&agent->state, line);

	agent->heard = true;
	agent->answered_at = time(NULL);
	snprintf(agent->reason, sizeof(agent->reason), "%s", line->reason);
	if (!changed)
		return;
	tell_change(backend);
	backend_write_record(balancer, backend);
	if (agent->state.percent != percent)
		service_touch(backend->service);
}

static void on_answer(void *context, const struct agent_answer *answer)
{
	struct backend *backend = context;
	struct backend_agent *agent = &backend->agent;
	bool first = !agent->asked;

	if (answer->line)
		take_line(backend, answer->line);
	if (!answer->line && strcmp(answer->error, agent->error) != 0)
		log_event(LOG_LEVEL_WARNING,
			  &(struct log_fields){ .service = backend->service->config.name,
						.backend = backend->name },
			  "its agent does not answer, what it said last holds: "
			  "%s",
			  answer->error);
	snprintf(agent->error, sizeof(agent->error), "%s", answer->error);
	agent->asked = true;
	if (answer->line || first)
		backend_refresh(backend->service->balancer, backend);
}

void backend_agent_stop(struct backend *backend)
{
	agent_check_free(backend->agent.check);
	backend->agent.check = NULL;
}

int backend_agent_start(struct balancer *balancer, struct backend *backend)
{
	const struct config_agent *config = &backend->service->config.agent;
	struct backend_agent *agent = &backend->agent;

	backend_agent_stop(backend);
	if (!config->port) {
		*agent = (struct backend_agent){ .state = silent };
		return 0;
	}
	if (!agent->heard)
		agent->state = silent;
	agent->check = agent_check_new(balancer->base, &backend->address, config, !agent->heard,
				       on_answer, backend);
	return agent->check ? 0 : -ENOMEM;
}

void backend_agents_restart(struct service *service)
{
	struct balancer *balancer = service->balancer;

	for (struct backend *b = service->backends; b; b = b->next) {
		if (!b->health) /* it is not running */
			continue;
		if (backend_agent_start(balancer, b))
			log_event(LOG_LEVEL_ERROR,
				  &(struct log_fields){ .service = service->config.name,
							.backend = b->name },
				  "its agent cannot be asked: not enough memory");
		backend_write_record(balancer, b);
		backend_refresh(balancer, b);
	}
	service_touch(service);
}

void backend_agent_store(const struct backend *backend, struct poise_backend_record *record)
{
	const struct agent_state *state = &backend->agent.state;

	if (!backend->agent.heard)
		return;
	record->agent_percent = state->percent;
	record->agent = POISE_AGENT_HEARD;
	if (state->admin == AGENT_DRAIN)
		record->agent |= POISE_AGENT_DRAIN;
	if (state->admin == AGENT_MAINT)
		record->agent |= POISE_AGENT_MAINT;
	if (state->health == AGENT_DOWN)
		record->agent |= POISE_AGENT_DOWN;
}

void backend_agent_restore(struct backend *backend, const struct poise_backend_record *record)
{
	struct agent_state *state = &backend->agent.state;

	*state = silent;
	if (!(record->agent & POISE_AGENT_HEARD))
		return;
	backend->agent.heard = true;
	state->percent = record->agent_percent;
	if (record->agent & POISE_AGENT_DRAIN)
		state->admin = AGENT_DRAIN;
	if (record->agent & POISE_AGENT_MAINT)
		state->admin = AGENT_MAINT;
	if (record->agent & POISE_AGENT_DOWN)
		state->health = AGENT_DOWN;
}
