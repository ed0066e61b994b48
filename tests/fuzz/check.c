// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Verdicts, counters and tables after a packet: see check.h. */
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poise_flow.h"
#include "program.h"
#include "shim.h"

enum { NS_PER_S = 1000000000 };

static struct {
	uint64_t reasons[POISE_REASON_COUNT];
	struct poise_service_count services[WORLD_SERVICES];
	struct poise_backend_count backends[WORLD_BACKENDS + 1];
} before;
static uint64_t begun_ns, answers[POISE_LIMIT_COUNT];
static struct world_choice choice;

static const int verdicts[] = {
#define VERDICT(name, verdict, text) [POISE_REASON_##name] = verdict,
	POISE_REASONS(VERDICT)
#undef VERDICT
};

static const char *const reason_names[] = {
#define NAME(name, verdict, text) [POISE_REASON_##name] = #name,
	POISE_REASONS(NAME)
#undef NAME
};

static void print_frame(const char *what, const uint8_t *bytes, uint32_t length)
{
	uint32_t i;

	fprintf(stderr, "%s, %u bytes:", what, length);
	for (i = 0; i < length; i++)
		fprintf(stderr, "%s%02x", i % 32 ? i % 2 ? "" : " " : "\n\t", bytes[i]);
	fprintf(stderr, "\n");
}

void check_require(const struct passage *passage, bool condition, const char *what)
{
	const uint64_t *reasons = shim_array("reason_count");
	int i;

	if (condition)
		return;
	fprintf(stderr, "does not hold: %s\nverdict %d", what, passage->verdict);
	for (i = 0; i < POISE_REASON_COUNT; i++)
		if (reasons[i] != before.reasons[i])
			fprintf(stderr, ", %s", reason_names[i]);
	fprintf(stderr, "\n");
	print_frame("in", passage->in, passage->in_bytes);
	print_frame("out", passage->out, passage->out_bytes);
	abort();
}

static void remember(void)
{
	const struct poise_service_count *services = shim_array("service_count");

	memcpy(before.reasons, shim_array("reason_count"), sizeof(before.reasons));
	for (uint32_t i = 0; i < WORLD_SERVICES; i++)
		before.services[i] = services[world_service(i)];
	memcpy(before.backends, shim_array("backend_count"), sizeof(before.backends));
}

void check_begin(const struct world_choice *chosen)
{
	choice = *chosen;
	begun_ns = shim_clock();
	memset(answers, 0, sizeof(answers));
	remember();
}

/* The reason that was counted; SENT: none was. */
static int reason_of(const struct passage *passage)
{
	const uint64_t *reasons = shim_array("reason_count");
	int found = POISE_REASON_SENT, i;

	for (i = 0; i < POISE_REASON_COUNT; i++) {
		if (reasons[i] == before.reasons[i])
			continue;
		REQUIRE(reasons[i] == before.reasons[i] + 1);
		REQUIRE(i != POISE_REASON_SENT && found == POISE_REASON_SENT);
		found = i;
	}
	return found;
}

/* The backend that counted the packet; 0: none did. */
static uint32_t backend_of(const struct passage *passage, const struct view *in)
{
	const struct poise_backend_count *counts = shim_array("backend_count");
	uint32_t found = 0, i;

	for (i = 0; i <= WORLD_BACKENDS; i++) {
		if (counts[i].packets == before.backends[i].packets)
			continue;
		REQUIRE(i && !found && counts[i].packets == before.backends[i].packets + 1);
		REQUIRE(counts[i].bytes == before.backends[i].bytes + in->length);
		REQUIRE(counts[i].connections - before.backends[i].connections <= 1);
		found = i;
	}
	return found;
}

static uint32_t service_of(const struct passage *passage, const struct view *in)
{
	const struct poise_service_count *counts = shim_array("service_count");
	uint32_t found = 0, i;

	for (i = 0; i < WORLD_SERVICES; i++) {
		uint32_t index = world_service(i);

		if (counts[index].packets == before.services[i].packets)
			continue;
		REQUIRE(index && !found && counts[index].packets == before.services[i].packets + 1);
		REQUIRE(counts[index].bytes == before.services[i].bytes + in->length);
		found = index;
	}
	return found;
}

/* Exactly one count for each packet, and the verdict that goes with it. */
static void check_counts(const struct passage *passage, const struct view *in, int reason)
{
	uint32_t backend = backend_of(passage, in), service = service_of(passage, in);

	REQUIRE(!backend == !service);
	REQUIRE((reason == POISE_REASON_SENT) == (backend != 0));
	REQUIRE(reason != POISE_REASON_INTERNAL);
	if (reason == POISE_REASON_SENT)
		REQUIRE(passage->verdict == XDP_TX || passage->verdict == XDP_REDIRECT);
	else
		REQUIRE(passage->verdict == verdicts[reason]);
}

/* What is not for a service's address is the host's, as it is. */
static void check_others(const struct passage *passage, const struct view *in, int reason)
{
	if (!in->family)
		REQUIRE(reason == POISE_REASON_NOT_IP || reason == POISE_REASON_NOT_SERVICE);
	else if (!world_is_virtual(in->family, in->destination))
		REQUIRE(reason == POISE_REASON_NOT_SERVICE);
	if (passage->verdict != XDP_PASS)
		return;
	REQUIRE(passage->out_bytes == passage->in_bytes);
	REQUIRE(!memcmp(passage->out, passage->in, passage->in_bytes));
}

/* What was not configured does not happen. */
static void check_settings(const struct passage *passage, int reason)
{
	if (!(choice.flags & WORLD_PASS_FRAGMENTS))
		REQUIRE(reason != POISE_REASON_FRAGMENT_PASSED);
	if (!(choice.flags & WORLD_PASS_OVERSIZE))
		REQUIRE(reason != POISE_REASON_TOO_BIG_PASSED);
	if (choice.flags & WORLD_NO_ECHO)
		REQUIRE(reason != POISE_REASON_ECHO_ANSWERED);
	if (choice.flags & WORLD_NO_ERRORS)
		REQUIRE(reason != POISE_REASON_TOO_BIG_TOLD);
}

/* At a rate of one a second, the first answer may come at once. */
static void check_limit(const struct passage *passage, enum poise_limit_kind kind, bool fast)
{
	answers[kind]++;
	if (!fast)
		REQUIRE(answers[kind] <= 1 + (shim_clock() - begun_ns) / NS_PER_S);
}

static void check_answers(const struct passage *passage, const struct view *in, int reason)
{
	if (reason == POISE_REASON_ECHO_ANSWERED) {
		check_limit(passage, POISE_LIMIT_ECHO, choice.flags & WORLD_FAST_ECHO);
		check_echo(passage, in);
	} else if (reason == POISE_REASON_TOO_BIG_TOLD) {
		check_limit(passage, POISE_LIMIT_ERROR, choice.flags & WORLD_FAST_ERRORS);
		check_error(passage, in);
	}
}

/* A backend's active flows are those that are recorded for it and have not ended. */
static void check_loads(const struct passage *passage)
{
	const struct poise_exception_bucket *buckets = shim_array("flows");
	const struct poise_backend_load *load = shim_array("backend_load");
	uint32_t active[WORLD_BACKENDS + 1] = { 0 }, i, way;

	for (i = 0; i < PROGRAM_FLOW_BUCKETS; i++) {
		for (way = 0; way < POISE_EXCEPTION_WAYS; way++) {
			uint64_t word = buckets[i].word[way];
			uint32_t backend = poise_exception_backend(word);

			REQUIRE(!word == !backend && backend <= WORLD_BACKENDS);
			if (poise_exception_state(word) != POISE_EXCEPTION_CLOSING)
				active[backend]++;
		}
	}
	for (i = 1; i <= WORLD_BACKENDS; i++)
		REQUIRE(load[i].active == active[i]);
}

void check_passage(const struct passage *passage)
{
	struct view in = view_read(passage->in, passage->in_bytes);
	int reason = reason_of(passage);

	check_counts(passage, &in, reason);
	check_others(passage, &in, reason);
	check_settings(passage, reason);
	check_answers(passage, &in, reason);
	check_loads(passage);
	if (reason == POISE_REASON_SENT)
		check_sent(passage, &in, backend_of(passage, &in));
	remember();
}
