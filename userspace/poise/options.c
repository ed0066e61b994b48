/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "options.h"

#include <jansson.h>
#include <string.h>

#include "config_values.h"
#include "format.h"
#include "help.h"
#include "poise.h"
#include "poise_abi.h"
#include "text.h"

enum {
	MAX_TIMEOUT_S = 7 * 24 * 3600,
	MAX_LENGTH = 65535,
	MAX_NUMBER = 1000000000,
	MAX_SECONDS = 24 * 3600,
	MAX_INTERVAL_S = 3600,
};

enum option_kind { KIND_FLAG, KIND_TEXT, KIND_NUMBER, KIND_SECONDS };

struct option {
	const char *name, *short_name;
	enum option_kind kind;
	unsigned bit;	      /* enum option_bits; 0: every command takes it */
	size_t offset;	      /* of its field in struct invocation */
	unsigned least, most; /* of a number, or of seconds */
};

static const struct option options[] = {
	{ "--socket", "-s", KIND_TEXT, 0, offsetof(struct invocation, socket), 0, 0 },
	{ "--json", "-j", KIND_FLAG, 0, offsetof(struct invocation, json), 0, 0 },
	{ "--help", "-h", KIND_FLAG, 0, offsetof(struct invocation, help), 0, 0 },
	{ "--version", "-V", KIND_FLAG, 0, offsetof(struct invocation, version), 0, 0 },
	{ "--pin-path", NULL, KIND_TEXT, OPTION_PIN_PATH, offsetof(struct invocation, pin_path), 0,
	  0 },
	{ "--weight", NULL, KIND_NUMBER, OPTION_WEIGHT, offsetof(struct invocation, weight), 0,
	  POISE_MAX_WEIGHT },
	{ "--encapsulation", NULL, KIND_TEXT, OPTION_ENCAPSULATION,
	  offsetof(struct invocation, encapsulation), 0, 0 },
	{ "--server-id", NULL, KIND_TEXT, OPTION_SERVER_ID, offsetof(struct invocation, server_id),
	  0, 0 },
	{ "--now", NULL, KIND_FLAG, OPTION_NOW, offsetof(struct invocation, now), 0, 0 },
	{ "--lenient", NULL, KIND_FLAG, OPTION_LENIENT, offsetof(struct invocation, lenient), 0,
	  0 },
	{ "--if-missing", NULL, KIND_FLAG, OPTION_IF_MISSING,
	  offsetof(struct invocation, if_missing), 0, 0 },
	{ "--host", NULL, KIND_TEXT, OPTION_HOST, offsetof(struct invocation, host), 0, 0 },
	{ "--dry-run", NULL, KIND_FLAG, OPTION_DRY_RUN, offsetof(struct invocation, dry_run), 0,
	  0 },
	{ "--force", NULL, KIND_FLAG, OPTION_FORCE, offsetof(struct invocation, force), 0, 0 },
	{ "--wait", NULL, KIND_FLAG, OPTION_WAIT, offsetof(struct invocation, wait), 0, 0 },
	{ "--syn", NULL, KIND_FLAG, OPTION_TCP_FLAGS, offsetof(struct invocation, syn), 0, 0 },
	{ "--ack", NULL, KIND_FLAG, OPTION_TCP_FLAGS, offsetof(struct invocation, ack), 0, 0 },
	{ "--fin", NULL, KIND_FLAG, OPTION_TCP_FLAGS, offsetof(struct invocation, fin), 0, 0 },
	{ "--rst", NULL, KIND_FLAG, OPTION_TCP_FLAGS, offsetof(struct invocation, rst), 0, 0 },
	{ "--df", NULL, KIND_FLAG, OPTION_DF, offsetof(struct invocation, dont_fragment), 0, 0 },
	{ "--payload", NULL, KIND_TEXT, OPTION_PAYLOAD, offsetof(struct invocation, payload), 0,
	  0 },
	{ "--quic-id", NULL, KIND_TEXT, OPTION_QUIC_ID, offsetof(struct invocation, quic_id), 0,
	  0 },
	{ "--frame", NULL, KIND_TEXT, OPTION_FRAME, offsetof(struct invocation, frame), 0, 0 },
	{ "--interface", NULL, KIND_TEXT, OPTION_INTERFACE, offsetof(struct invocation, interface),
	  0, 0 },
	{ "--length", NULL, KIND_NUMBER, OPTION_LENGTH, offsetof(struct invocation, length), 1,
	  MAX_LENGTH },
	{ "--drops", NULL, KIND_FLAG, OPTION_DROPS, offsetof(struct invocation, drops), 0, 0 },
	{ "--all", NULL, KIND_FLAG, OPTION_ALL, offsetof(struct invocation, all), 0, 0 },
	{ "--sent", NULL, KIND_FLAG, OPTION_SENT, offsetof(struct invocation, sent), 0, 0 },
	{ "--service", NULL, KIND_TEXT, OPTION_SERVICE, offsetof(struct invocation, service), 0,
	  0 },
	{ "--sample", NULL, KIND_NUMBER, OPTION_SAMPLE, offsetof(struct invocation, sample), 1,
	  MAX_NUMBER },
	{ "--count", NULL, KIND_NUMBER, OPTION_COUNT, offsetof(struct invocation, count), 1,
	  MAX_NUMBER },
	{ "--seconds", NULL, KIND_SECONDS, OPTION_SECONDS, offsetof(struct invocation, seconds), 1,
	  MAX_SECONDS },
	{ "--bytes", NULL, KIND_NUMBER, OPTION_BYTES, offsetof(struct invocation, bytes),
	  POISE_CAPTURE_MIN_BYTES, POISE_CAPTURE_MAX_BYTES },
	{ "--write", "-w", KIND_TEXT, OPTION_WRITE, offsetof(struct invocation, write), 0, 0 },
	{ "--config", NULL, KIND_TEXT, OPTION_OF_DOCTOR, offsetof(struct invocation, config), 0,
	  0 },
	{ "--verbose", NULL, KIND_FLAG, OPTION_OF_DOCTOR, offsetof(struct invocation, verbose), 0,
	  0 },
	{ "--once", NULL, KIND_FLAG, OPTIONS_OF_TOP, offsetof(struct invocation, once), 0, 0 },
	{ "--interval", NULL, KIND_SECONDS, OPTIONS_OF_TOP, offsetof(struct invocation, interval),
	  1, MAX_INTERVAL_S },
	{ "--timeout", NULL, KIND_SECONDS, OPTION_TIMEOUT, offsetof(struct invocation, timeout_s),
	  1, MAX_TIMEOUT_S },
};

enum { OPTIONS = sizeof(options) / sizeof(*options) };

bool options_describe(size_t number, struct option_facts *out)
{
	const struct option *option = &options[number];

	if (number >= OPTIONS)
		return false;
	*out = (struct option_facts){ option->name, option->short_name, option->bit,
				      option->kind != KIND_FLAG };
	return true;
}

/* The option of that name, up to length bytes of it. */
static const struct option *find_option(const char *text, size_t length)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		const struct option *option = &options[i];

		if (strlen(option->name) == length && !strncmp(option->name, text, length))
			return option;
		if (option->short_name && strlen(option->short_name) == length &&
		    !strncmp(option->short_name, text, length))
			return option;
	}
	return NULL;
}

static void complain_unknown(const char *text, size_t length)
{
	const char *names[OPTIONS], *nearest;

	for (size_t i = 0; i < OPTIONS; i++)
		names[i] = options[i].name;
	nearest = help_nearest(text, length, names, OPTIONS);
	if (nearest)
		complain("unknown option \"%.*s\": did you mean \"%s\"?", (int)length, text,
			 nearest);
	else
		complain("unknown option \"%.*s\": see \"poise help\"", (int)length, text);
}

/* "90", or as the configuration has it, "90s", "2m". */
static bool parse_seconds(const char *text, unsigned least, unsigned most, unsigned *out)
{
	enum { MS = 1000 };
	uint64_t ms;

	if (parse_number(text, least, most, out))
		return true;
	if (config_parse_duration(text, &ms) || ms % MS || ms / MS < least || ms / MS > most)
		return false;
	*out = (unsigned)(ms / MS);
	return true;
}

static bool set(const struct option *option, const char *value, struct invocation *out)
{
	void *field = (char *)out + option->offset;

	out->given |= option->bit;
	switch (option->kind) {
	case KIND_FLAG:
		*(bool *)field = true;
		return true;
	case KIND_TEXT:
		*(const char **)field = value;
		return true;
	case KIND_NUMBER:
		if (parse_number(value, option->least, option->most, field))
			return true;
		complain("%s \"%s\": allowed is a whole number from %u to %u", option->name, value,
			 option->least, option->most);
		return false;
	case KIND_SECONDS:
		if (parse_seconds(value, option->least, option->most, field))
			return true;
		complain("%s \"%s\": allowed are whole seconds from %u to %u, also as 90s, 5m or "
			 "2h",
			 option->name, value, option->least, option->most);
	}
	return false;
}

/* Takes the option at argv[*at], and its value if that is the next word. */
static bool take_option(int argc, char **argv, int *at, struct invocation *out)
{
	const char *text = argv[*at], *equals = strncmp(text, "--", 2) ? NULL : strchr(text, '=');
	size_t length = equals ? (size_t)(equals - text) : strlen(text);
	const struct option *option = find_option(text, length);
	const char *value = equals ? equals + 1 : NULL;

	if (!option) {
		complain_unknown(text, length);
		return false;
	}
	if (option->kind == KIND_FLAG && value) {
		complain("%s takes no value", option->name);
		return false;
	}
	if (option->kind != KIND_FLAG && !value) {
		if (*at + 1 >= argc) {
			complain("%s needs a value", option->name);
			return false;
		}
		value = argv[++*at];
	}
	return set(option, value, out);
}

static bool take_word(const char *word, struct invocation *out)
{
	json_t *string = json_string(word); /* as it will be sent */

	json_decref(string);
	if (!string || out->word_count == ALL_WORDS) {
		complain(string ? "too many words, from \"%s\" on: see \"poise help\""
				: "\"%s\" is not valid UTF-8",
			 word);
		return false;
	}
	out->words[out->word_count++] = word;
	return true;
}

bool options_parse(int argc, char **argv, struct invocation *out)
{
	bool more_options = true;

	for (int i = 1; i < argc; i++) {
		bool taken;

		if (more_options && !strcmp(argv[i], "--")) {
			more_options = false;
			continue;
		}
		taken = more_options && argv[i][0] == '-' && argv[i][1]
				? take_option(argc, argv, &i, out)
				: take_word(argv[i], out);
		if (!taken)
			return false;
	}
	return true;
}

static bool options_allowed(const struct command *command, unsigned given)
{
	for (size_t i = 0; i < OPTIONS; i++) {
		if (options[i].bit & given & ~command->options) {
			complain("\"%s\" takes no %s: see \"poise help %s\"", command->name,
				 options[i].name, command->name);
			return false;
		}
	}
	if ((given & OPTION_TIMEOUT) && !(given & OPTION_WAIT)) {
		complain("--timeout means nothing without --wait");
		return false;
	}
	return true;
}

bool options_suit(const struct command *command, const struct invocation *invocation)
{
	if (!options_allowed(command, invocation->given))
		return false;
	if (invocation->operand_count >= command->least &&
	    invocation->operand_count <= command->most)
		return true;
	complain("usage: poise %s%s%s", command->name, *command->operands ? " " : "",
		 command->operands);
	return false;
}
