/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* poise backend show: everything that is known of one backend, and what it went through. */
#include "commands.h"

#include <string.h>
#include <time.h>

#include "format.h"
#include "poise.h"
#include "show.h"
#include "text.h"
#include "view.h"

enum { TIME_BYTES = 32 };

/* What 'backend-show' answers besides the backend itself. */
struct view_backend_show {
	json_int_t checks, failures;
	json_int_t slow_start_ms, slow_start_left_ms;
	json_int_t changes, penalty, held_until_at;
	bool slow_start, damping, held;
	struct view_backend backend;
	struct view_check check;
	const json_t *history;
};

static bool view_backend_show(json_t *json, struct view_backend_show *out)
{
	json_t *backend, *check;
	int running, damping, held;

	if (!view_unpack(json, "backend",
			 "{s:o, s:o, s:I, s:I, s:{s:I, s:b, s:I}, s:{s:b, s:b, s:I, s:I, s:I}}",
			 "backend", &backend, "check", &check, "checks", &out->checks, "failures",
			 &out->failures, "slow_start", "duration_ms", &out->slow_start_ms,
			 "running", &running, "left_ms", &out->slow_start_left_ms, "damping", "on",
			 &damping, "held", &held, "changes", &out->changes, "penalty",
			 &out->penalty, "held_until_at", &out->held_until_at))
		return false;
	out->slow_start = running;
	out->damping = damping;
	out->held = held;
	out->history = view_array(json, "history");
	return out->history && view_backend(backend, &out->backend) &&
	       view_check(check, &out->check);
}

static const char *format_time(json_int_t at, char text[TIME_BYTES])
{
	time_t seconds = at;
	struct tm local;

	if (!localtime_r(&seconds, &local) ||
	    !strftime(text, TIME_BYTES, "%Y-%m-%d %H:%M:%S", &local))
		text[0] = '\0';
	return text;
}

static void say_weight(const struct view_backend_show *show)
{
	const struct view_backend *backend = &show->backend;
	char left[FORMAT_BYTES];

	say("weight       %lld", (long long)backend->weight);
	if (backend->declared_weight < 0)
		say(", not in the file");
	else if (backend->declared_weight != backend->weight)
		say(" by command, %lld in the file", (long long)backend->declared_weight);
	if (backend->effective_weight != backend->weight)
		say(", %lld for now", (long long)backend->effective_weight);
	if (show->slow_start)
		say(", slow start for %s", format_age(show->slow_start_left_ms / 1000 + 1, left));
	say("\n");
}

static void say_check(const struct view_backend_show *show)
{
	const struct view_backend *backend = &show->backend;
	char interval[FORMAT_BYTES], at[TIME_BYTES], changed[TIME_BYTES];

	if (!show->check.type) {
		say("check        none: it counts as up\n");
		return;
	}
	say("check        %s :%lld%s every %s, %lld so far, %lld failed\n", show->check.type,
	    (long long)show->check.port, show->check.tunnel ? " via tunnel" : "",
	    format_ms(show->check.interval_ms, interval), (long long)show->checks,
	    (long long)show->failures);
	if (backend->health.checked_at)
		say("last result  %s %lldx in a row, %s, took %lld ms\n",
		    backend->health.failed ? "failed" : "passed",
		    (long long)(backend->health.failed ? backend->health.failed
						       : backend->health.passed),
		    format_time(backend->health.checked_at, at),
		    (long long)backend->health.last_duration_ms);
	if (*backend->health.error)
		say("last failure %s\n", backend->health.error);
	say("health       %s%s%s\n", backend->health.state,
	    backend->health.changed_at ? " since " : "",
	    backend->health.changed_at ? format_time(backend->health.changed_at, changed) : "");
}

static void say_agent(const struct view_backend *backend)
{
	char *text = show_agent(backend);

	if (text)
		say("agent        %s\n", text);
	free(text);
}

static void say_damping(const struct view_backend_show *show)
{
	char until[TIME_BYTES];

	if (!show->check.type)
		return;
	if (show->held)
		say("damping      held down until %s, penalty %lld\n",
		    format_time(show->held_until_at, until), (long long)show->penalty);
	else if (show->damping)
		say("damping      on, penalty %lld, went down %lldx of late\n",
		    (long long)show->penalty, (long long)show->changes);
	else
		say("damping      off\n");
}

static void say_way(const struct view_backend *backend)
{
	if (strcmp(backend->next_hop.state, "ready"))
		say("next hop     none: %s\n", backend->next_hop.text);
	else
		say("next hop     %s on %s, %s, MTU %lld\n", backend->next_hop.gateway,
		    backend->next_hop.interface, backend->next_hop.mac,
		    (long long)backend->next_hop.mtu);
	say("tunnel       %s%s%s\n", backend->encapsulation,
	    *backend->server_id ? ", server id " : "", backend->server_id);
}

static void say_traffic(const struct view_backend *backend)
{
	char text[FORMAT_BYTES], share[FORMAT_BYTES];

	say("ring         %lld slots, %s, and %lld that it is leaving\n", (long long)backend->slots,
	    format_share(backend->share, share), (long long)backend->leaving_slots);
	if (backend->named_slots)
		say("named        in %lld slots, for connections that are not recorded\n",
		    (long long)backend->named_slots);
	say("recorded     %lld connections\n", (long long)backend->exceptions);
	if (backend->active >= 0)
		say("active       %lld flows\n", (long long)backend->active);
	say("connections  %lld\n", (long long)backend->connections);
	say("packets      %lld\n", (long long)backend->packets);
	say("bytes        %s\n", format_bytes(backend->bytes, text));
}

static bool say_history(const json_t *history)
{
	say("\n");
	say("history\n");
	for (size_t i = 0; i < json_array_size(history); i++) {
		json_int_t at;
		const char *kind, *what;
		char text[TIME_BYTES];

		if (!view_unpack(json_array_get(history, i), "history", "{s:I, s:s, s:s}", "at",
				 &at, "kind", &kind, "text", &what))
			return false;
		say("  %s  %-10s  %s\n", format_time(at, text), kind, what);
	}
	if (!json_array_size(history))
		say("  nothing so far\n");
	return true;
}

static bool show_one(json_t *result)
{
	struct view_backend_show show;

	if (!view_backend_show(result, &show))
		return false;
	say("backend      %s/%s\n", show.backend.service, show.backend.name);
	say("address      %s\n", show.backend.address);
	say("state        %s%s%s\n", show.backend.state, *show.backend.reason ? ": " : "",
	    show.backend.reason);
	say_weight(&show);
	say_check(&show);
	say_agent(&show.backend);
	say_damping(&show);
	say_way(&show.backend);
	say_traffic(&show.backend);
	return say_history(show.history);
}

int cmd_backend_show(const struct invocation *invocation)
{
	return show_answer(invocation, "backend-show",
			   json_pack("{s:s, s:s}", "service", invocation->operands[0], "name",
				     invocation->operands[1]),
			   show_one);
}
