/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "agent_line.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "poise_abi.h"
#include "printable.h"

enum { WHOLE = 100, HALF = WHOLE / 2 }; /* percent */

static const struct word {
	const char *text;
	enum agent_admin admin;
	enum agent_health health;
} words[] = {
	{ "ready", AGENT_READY, AGENT_HEALTH_UNSAID },
	{ "drain", AGENT_DRAIN, AGENT_HEALTH_UNSAID },
	{ "maint", AGENT_MAINT, AGENT_HEALTH_UNSAID },
	{ "up", AGENT_ADMIN_UNSAID, AGENT_UP },
	{ "down", AGENT_ADMIN_UNSAID, AGENT_DOWN },
	{ "fail", AGENT_ADMIN_UNSAID, AGENT_DOWN },
	{ "stopped", AGENT_ADMIN_UNSAID, AGENT_DOWN },
};

static const char connections[] = "maxconn:"; /* this balancer limits none */

static bool is_separator(char c)
{
	return c == ' ' || c == '\t' || c == ',';
}

static bool is_word(const char *text, size_t length, const char *word)
{
	return strlen(word) == length && strncasecmp(text, word, length) == 0;
}

/* "75%": more than AGENT_MAX_PERCENT is that. */
static bool take_percent(const char *text, size_t length, struct agent_line *out)
{
	uint32_t percent = 0;

	if (length < 2 || text[length - 1] != '%')
		return false;
	for (size_t i = 0; i < length - 1; i++) {
		if (text[i] < '0' || text[i] > '9')
			return false;
		percent = percent * 10 + (text[i] - '0');
		if (percent > AGENT_MAX_PERCENT)
			percent = AGENT_MAX_PERCENT;
	}
	out->has_percent = true;
	out->percent = percent;
	return true;
}

static bool take_word(const char *text, size_t length, struct agent_line *out)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct word *word = &words[i];

		if (!is_word(text, length, word->text))
			continue;
		if (word->admin != AGENT_ADMIN_UNSAID)
			out->admin = word->admin;
		if (word->health != AGENT_HEALTH_UNSAID)
			out->health = word->health;
		out->down_word = out->health == AGENT_DOWN && word->health == AGENT_DOWN
					 ? word->text
					 : out->down_word;
		return true;
	}
	if (length > strlen(connections) &&
	    strncasecmp(text, connections, strlen(connections)) == 0)
		return true;
	return take_percent(text, length, out);
}

int agent_line_parse(const char *text, size_t length, struct agent_line *out)
{
	bool understood = false;
	size_t i = 0;

	*out = (struct agent_line){ 0 };
	while (i < length) {
		size_t end = i;

		if (is_separator(text[i])) {
			i++;
			continue;
		}
		if (text[i] == '#') {
			printable_copy(text + i + 1, length - i - 1, out->reason,
				       sizeof(out->reason));
			break;
		}
		while (end < length && !is_separator(text[end]) && text[end] != '#')
			end++;
		understood |= take_word(text + i, end - i, out);
		i = end;
	}
	return understood ? 0 : -EINVAL;
}

bool agent_state_apply(struct agent_state *state, const struct agent_line *line)
{
	struct agent_state before = *state;

	if (line->has_percent)
		state->percent = line->percent;
	if (line->admin != AGENT_ADMIN_UNSAID)
		state->admin = line->admin;
	if (line->health != AGENT_HEALTH_UNSAID)
		state->health = line->health;
	return state->percent != before.percent || state->admin != before.admin ||
	       state->health != before.health;
}

uint16_t agent_state_weight(const struct agent_state *state, uint16_t weight)
{
	uint32_t scaled = ((uint32_t)weight * state->percent + HALF) / WHOLE;

	if (!weight || !state->percent)
		return 0;
	return !scaled ? 1 : scaled > POISE_MAX_WEIGHT ? POISE_MAX_WEIGHT : scaled;
}

const char *agent_admin_text(enum agent_admin admin)
{
	static const char *const texts[] = { "", "ready", "drain", "maint" };

	return texts[admin];
}

const char *agent_health_text(enum agent_health health)
{
	static const char *const texts[] = { "", "up", "down" };

	return texts[health];
}
