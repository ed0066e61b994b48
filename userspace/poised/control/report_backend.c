/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "report_backend.h"

#include "availability.h"
#include "balancer.h"
#include "report.h"

static json_t *report_damping(const struct backend *backend)
{
	const struct damping *damping = &backend->standing.damping;

	return json_pack("{s:b, s:b, s:i, s:i, s:I}", "on", backend->service->config.damping,
			 "held", damping->held, "changes", damping->changes, "penalty",
			 (int)damping_penalty(damping, balancer_now_ms()), "held_until_at",
			 (json_int_t)availability_held_until(backend));
}

static json_t *report_slow_start(const struct backend *backend)
{
	const struct slow_start *slow = &backend->standing.slow_start;
	int64_t duration = backend->service->config.slow_start_ms, left = 0;

	if (slow->running)
		left = slow->since_ms + duration - balancer_now_ms();
	return json_pack("{s:I, s:b, s:I}", "duration_ms", (json_int_t)duration, "running",
			 slow->running, "left_ms", (json_int_t)(left > 0 ? left : 0));
}

static json_t *report_history(const struct history *history)
{
	json_t *list = json_array();

	for (size_t i = 0; i < history->count; i++) {
		const struct history_event *event = history_get(history, i);

		json_array_append_new(
			list, json_pack("{s:I, s:s, s:s}", "at", (json_int_t)event->at, "kind",
					history_kind_text(event->kind), "text", event->text));
	}
	return list;
}

json_t *report_removed(struct balancer *balancer, const struct backend *backend)
{
	json_t *last = report_backend(balancer, backend);

	json_object_set_new(last, "state", json_string("removed"));
	json_object_set_new(last, "reason", json_string("removed by command"));
	json_object_set_new(last, "gone", json_true());
	return last;
}

json_t *report_backend_show(struct balancer *balancer, const struct backend *backend)
{
	const struct health_status *health = backend->health ? health_get(backend->health) : NULL;

	return json_pack("{s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "backend",
			 report_backend(balancer, backend), "check",
			 report_check(&backend->service->config), "checks",
			 (json_int_t)(health ? health->checks : 0), "failures",
			 (json_int_t)(health ? health->failures : 0), "slow_start",
			 report_slow_start(backend), "damping", report_damping(backend), "history",
			 report_history(&backend->history));
}
