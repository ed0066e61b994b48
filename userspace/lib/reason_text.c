// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "reason_text.h"

#include <ctype.h>
#include <linux/bpf.h>
#include <stddef.h>

enum { NAME_BYTES = 40 };

struct word {
	const char *name, *meaning;
};

static const struct word reasons[POISE_REASON_COUNT] = {
#define REASON(name, verdict, text) { #name, text },
	POISE_REASONS(REASON)
#undef REASON
};

static const struct word events[POISE_EVENT_COUNT] = {
#define EVENT(name, text) { #name, text },
	POISE_EVENTS(EVENT)
#undef EVENT
};

/* NO_BACKEND becomes no_backend. text is zero before it is first written. */
static const char *lower(const char *name, char text[NAME_BYTES])
{
	for (size_t i = 0; name[i] && i + 1 < NAME_BYTES; i++)
		text[i] = (char)tolower(name[i]);
	return text;
}

const char *reason_name(unsigned int reason)
{
	static char names[POISE_REASON_COUNT][NAME_BYTES];

	return reason < POISE_REASON_COUNT ? lower(reasons[reason].name, names[reason]) : "unknown";
}

const char *reason_meaning(unsigned int reason)
{
	return reason < POISE_REASON_COUNT ? reasons[reason].meaning : "unknown";
}

const char *event_name(unsigned int event)
{
	static char names[POISE_EVENT_COUNT][NAME_BYTES];

	return event < POISE_EVENT_COUNT ? lower(events[event].name, names[event]) : "unknown";
}

const char *event_meaning(unsigned int event)
{
	return event < POISE_EVENT_COUNT ? events[event].meaning : "unknown";
}

const char *verdict_name(int verdict)
{
	switch (verdict) {
	case XDP_PASS:
		return "pass";
	case XDP_TX:
		return "tx";
	case XDP_REDIRECT:
		return "redirect";
	case XDP_DROP:
		return "drop";
	default:
		return "aborted";
	}
}
