// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * What clients of the control socket might send, and what might stand in a state file. An input's
 * first byte chooses: 's' is a state file, 'h' are histories of rings, all else a request's line.
 * Each request is answered by one line of the protocol; what is taken from either keeps the
 * promises that poised relies on.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "config_values.h"
#include "control_message.h"
#include "daemon.h"
#include "fuzz_history.h"
#include "overlay.h"
#include "peer.h"
#include "request.h"
#include "state_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct backend backend = { .name = "app-01", .address = { .family = 4 } };
static struct service service = { .config = { .name = "web", .address.family = 4 },
				  .backends = &backend };
static struct service *services[] = { &service };
static struct balancer balancer = { .services = services, .service_count = 1 };
static struct daemon daemon_of_requests = { .balancer = &balancer };

static void require(bool condition)
{
	if (!condition)
		abort();
}

/* In place of balancer.c, overlay.c and backend.c. */

struct service *balancer_find(const struct balancer *of, const char *name)
{
	return strcmp(of->services[0]->config.name, name) == 0 ? of->services[0] : NULL;
}

bool overlay_has(const struct backend *of)
{
	(void)of;
	return false;
}

bool backend_drains(const struct backend *of)
{
	(void)of;
	return false;
}

static void require_backend(const struct config_backend *wanted)
{
	require(!config_check_name(wanted->name));
	require(wanted->address.family == 4 || wanted->address.family == 6);
	require(wanted->weight <= POISE_MAX_WEIGHT);
	require(wanted->server_id_length <= POISE_QUIC_ID_BYTES);
}

static bool take_addition(const struct request *request)
{
	struct config_backend wanted;
	struct service *of;
	bool flag;

	if (!request_service(request, &of) || !request_flag(request, "if_missing", &flag) ||
	    !request_wanted(request, of, &wanted))
		return false;
	require_backend(&wanted);
	return true;
}

static bool take_weight(const struct request *request)
{
	struct backend *of;
	uint16_t weight;

	if (!request_backend(request, &of) || !request_weight(request, -1, &weight))
		return false;
	require(of == &backend && weight <= POISE_MAX_WEIGHT);
	return true;
}

/* One command of each shape. */
static json_t *handle(void *context, const struct peer *peer, const char *command,
		      json_t *arguments, struct control_error *error)
{
	static const char *const known[] = { "service",	  "name",	"address",
					     "weight",	  "now",	"encapsulation",
					     "server_id", "if_missing", "text",
					     NULL };
	struct request request = { context, arguments, error };
	const char *text;
	bool done;

	(void)peer;
	if (!request_knows(&request, known))
		return NULL;
	if (!strcmp(command, "add"))
		done = take_addition(&request);
	else if (!strcmp(command, "weight"))
		done = take_weight(&request);
	else
		done = request_text(&request, "text", &text);
	if (!done)
		control_refuse_line(error, command);
	return done ? json_pack("{s:O}", "arguments", arguments) : NULL;
}

/* Is it an answer of docs/CONTROL.md? */
static void require_answer(const char *line, size_t length)
{
	json_t *answer = json_loadb(line, length, JSON_REJECT_DUPLICATES, NULL);
	const char *error = json_string_value(json_object_get(answer, "error"));

	require(length && memchr(line, '\n', length) == line + length - 1);
	require(json_integer_value(json_object_get(answer, "version")) == CONTROL_VERSION);
	if (json_is_true(json_object_get(answer, "ok")))
		require(json_is_object(json_object_get(answer, "result")));
	else
		require(json_is_false(json_object_get(answer, "ok")) && error && *error);
	json_decref(answer);
}

/* An answer that is opened and closed again is one, too. */
static void require_opens(char *line, size_t length)
{
	static const char rest[] = "\"more\":7" CONTROL_MESSAGE_END;
	size_t open = control_message_open(line, length);
	char *whole;

	if (!open)
		return;
	require(open <= length);
	whole = malloc(open + sizeof(rest));
	memcpy(whole, line, open);
	memcpy(whole + open, rest, sizeof(rest));
	require_answer(whole, open + strlen(rest));
	free(whole);
}

static void ask(const char *line, size_t length)
{
	struct peer peer = { .uid = 0 };
	struct control_dispatch dispatch = { handle, &daemon_of_requests, &peer };
	size_t answer_length = 0;
	char *answer = control_message_answer(line, length, &dispatch, &answer_length);

	require(answer);
	require_answer(answer, answer_length);
	require_opens(answer, answer_length);
	free(answer);
}

static void read_state(const char *text, size_t length)
{
	struct state_changes changes;
	char error[STATE_ERROR_BYTES] = "";

	if (state_parse(text, length, &changes, error)) {
		require(*error && strlen(error) < sizeof(error));
		for (const char *c = error; *c; c++)
			require((unsigned char)*c >= ' ' && (unsigned char)*c < 0x7f);
		return;
	}
	for (size_t i = 0; i < changes.count; i++) {
		const struct state_change *change = &changes.list[i];

		require(!config_check_name(change->service));
		require_backend(&change->backend);
		require(!change->added || change->has_weight);
	}
	state_changes_clear(&changes);
}

static void read_histories(const char *text, size_t length)
{
	struct service rings = { .config = { .name = "web", .exceptions = true } };
	struct service *list[] = { &rings };
	struct balancer of_rings = { .services = list, .service_count = 1 };

	fuzz_history(&of_rings, &rings, text, length);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy;

	if (!size)
		return 0;
	copy = malloc(size); /* as long as the input, so that what lies behind is seen */
	memcpy(copy, data + 1, size - 1);
	copy[size - 1] = '\n';
	if (data[0] == 's')
		read_state(copy, size - 1);
	else if (data[0] == 'h')
		read_histories(copy, size - 1);
	else
		ask(copy, size - 1);
	free(copy);
	return 0;
}
