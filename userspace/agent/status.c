// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent status: what is attached, what it does, and what is wrong with the host. */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "message.h"

enum { NAME_BYTES = 32, JSON_INDENTATION = 2 };

static const char *const REASON_NAMES[] = {
#define REASON_NAME(name, verdict, text) #name,
	POISE_AGENT_REASONS(REASON_NAME)
#undef REASON_NAME
};

static const char *const ENCAPSULATION_NAMES[] = {
#define ENCAPSULATION_NAME(name, text) #name,
	POISE_AGENT_ENCAPSULATIONS(ENCAPSULATION_NAME)
#undef ENCAPSULATION_NAME
};

static const char *lower(const char *name, char text[NAME_BYTES])
{
	size_t i;

	for (i = 0; name[i] && i < NAME_BYTES - 1; i++)
		text[i] = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] + 'a' - 'A') : name[i];
	text[i] = 0;
	return text;
}

static int find_problems(struct status *status)
{
	const struct maps_content *content = &status->content;
	struct preflight_target target = { .interface = status->interface,
					   .vip_count = content->vip_count,
					   .sources = content->sources,
					   .source_count = content->source_count,
					   .encapsulations = content->encapsulations };
	struct prefix *vips = calloc(content->vip_count + 1, sizeof(*vips));
	int err;

	if (!vips)
		return -ENOMEM;
	for (size_t i = 0; i < content->vip_count; i++)
		vips[i] = content->vips[i].prefix;
	target.vips = vips;
	err = preflight(&target, &status->findings);
	free(vips);
	return err;
}

int status_read(const char *interface, unsigned int ifindex, struct status *status)
{
	struct maps maps;
	int err;

	*status = (struct status){ .interface = interface };
	err = attachment_find(ifindex, &status->attachment);
	if (err || !status->attachment.program_id)
		return err;
	err = maps_open_program(status->attachment.program_id, &maps);
	if (!err)
		err = maps_abi_version(maps.settings, &status->abi_version);
	if (!err && status->abi_version == POISE_AGENT_ABI_VERSION)
		err = maps_read(&maps, &status->content);
	if (!err && status->abi_version == POISE_AGENT_ABI_VERSION)
		err = find_problems(status);
	maps_close(&maps);
	return err;
}

void status_free(struct status *status)
{
	maps_content_free(&status->content);
	findings_free(&status->findings);
}

/*
 * For people.
 */

static void print_tunnels(const struct maps_content *content)
{
	char text[ADDRESS_TEXT_BYTES], name[NAME_BYTES];

	printf("  from: %s", content->source_count ? "" : "any source");
	for (size_t i = 0; i < content->source_count; i++)
		printf("%s%s", i ? ", " : "", prefix_format(&content->sources[i], text));
	printf("\n  opened:");
	for (int i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++)
		if (content->encapsulations >> i & 1)
			printf(" %s", lower(ENCAPSULATION_NAMES[i], name));
	printf(", GUE on UDP port %u\n", content->gue_port);
}

static void print_content(const struct maps_content *content)
{
	char text[ADDRESS_TEXT_BYTES], name[NAME_BYTES];

	print_tunnels(content);
	printf("\n  %-39s %14s %18s\n", "VIP", "packets", "bytes");
	for (size_t i = 0; i < content->vip_count; i++)
		printf("  %-39s %14" PRIu64 " %18" PRIu64 "\n",
		       prefix_format(&content->vips[i].prefix, text),
		       (uint64_t)content->vips[i].count.packets,
		       (uint64_t)content->vips[i].count.bytes);
	printf("\n  %-39s %14s\n", "counter", "packets");
	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		printf("  %-39s %14" PRIu64 "\n", lower(REASON_NAMES[i], name),
		       content->reasons[i]);
}

static void print_status(const struct status *status)
{
	if (!status->attachment.program_id) {
		printf("%s: not attached\n", status->interface);
		return;
	}
	printf("%s: %s\n", status->interface, attachment_text(&status->attachment));
	if (status->abi_version != POISE_AGENT_ABI_VERSION) {
		printf("  of ABI version %u, and this poise-agent knows version %d\n",
		       status->abi_version, POISE_AGENT_ABI_VERSION);
		return;
	}
	print_content(&status->content);
	for (size_t i = 0; i < status->findings.count; i++) {
		const struct finding *finding = &status->findings.list[i];

		printf("\n  warning: %s\n    why:  %s\n    mend: %s\n", finding->found,
		       finding->why, finding->command);
	}
}

/*
 * For programs. jansson's *_new functions take references over, also of NULL: a failure anywhere
 * makes the whole NULL.
 */

static json_t *json_vips(const struct maps_content *content)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < content->vip_count; i++)
		json_array_append_new(
			array, json_pack("{s:s, s:I, s:I}", "address",
					 prefix_format(&content->vips[i].prefix, text), "packets",
					 (json_int_t)content->vips[i].count.packets, "bytes",
					 (json_int_t)content->vips[i].count.bytes));
	return array;
}

static json_t *json_sources(const struct maps_content *content)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < content->source_count; i++)
		json_array_append_new(array,
				      json_string(prefix_format(&content->sources[i], text)));
	return array;
}

static json_t *json_encapsulations(const struct maps_content *content)
{
	json_t *array = json_array();
	char name[NAME_BYTES];

	for (int i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++)
		if (content->encapsulations >> i & 1)
			json_array_append_new(array,
					      json_string(lower(ENCAPSULATION_NAMES[i], name)));
	return array;
}

static json_t *json_counters(const struct maps_content *content)
{
	json_t *object = json_object();
	char name[NAME_BYTES];

	for (int i = 0; i < POISE_AGENT_REASON_COUNT; i++)
		json_object_set_new(object, lower(REASON_NAMES[i], name),
				    json_integer((json_int_t)content->reasons[i]));
	return object;
}

static json_t *json_warnings(const struct findings *findings)
{
	json_t *array = json_array();
	char name[NAME_BYTES];

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		json_array_append_new(array,
				      json_pack("{s:s, s:s, s:s, s:s}", "check",
						lower(preflight_check_name(finding->check), name),
						"found", finding->found, "why", finding->why,
						"mend", finding->command));
	}
	return array;
}

static json_t *json_status(const struct status *status)
{
	const struct attachment *attachment = &status->attachment;

	if (!attachment->program_id)
		return json_pack("{s:s, s:b}", "interface", status->interface, "attached", 0);
	if (status->abi_version != POISE_AGENT_ABI_VERSION)
		return json_pack("{s:s, s:b, s:I, s:I}", "interface", status->interface, "attached",
				 1, "program_id", (json_int_t)attachment->program_id, "abi_version",
				 (json_int_t)status->abi_version);
	return json_pack(
		"{s:s, s:b, s:s, s:s, s:I, s:I, s:o, s:o, s:o, s:i, s:o, s:o}", "interface",
		status->interface, "attached", 1, "mode", attachment->native ? "native" : "generic",
		"chain", attachment->dispatcher ? "dispatcher" : "single", "program_id",
		(json_int_t)attachment->program_id, "abi_version", (json_int_t)status->abi_version,
		"vips", json_vips(&status->content), "sources", json_sources(&status->content),
		"encapsulations", json_encapsulations(&status->content), "gue_port",
		status->content.gue_port, "counters", json_counters(&status->content), "warnings",
		json_warnings(&status->findings));
}

/* One interface: printed, or added to array. Without attached_only also when nothing is attached.
 */
static int show(const char *interface, unsigned int ifindex, bool attached_only, json_t *array)
{
	struct status status;
	int err = status_read(interface, ifindex, &status);

	if (!err && attached_only && !status.attachment.program_id)
		return EXIT_DONE;
	if (!err && array)
		err = json_array_append_new(array, json_status(&status)) ? -ENOMEM : 0;
	else if (!err)
		print_status(&status);
	status_free(&status);
	if (err)
		return refuse("cannot read the state of \"%s\": %s", interface, strerror(-err));
	return EXIT_DONE;
}

static int show_all(json_t *array)
{
	struct if_nameindex *all = if_nameindex();
	int code = EXIT_DONE;

	if (!all)
		return refuse("cannot list the interfaces: %s", strerror(errno));
	for (struct if_nameindex *one = all; one->if_index; one++) {
		int one_code = show(one->if_name, one->if_index, true, array);

		if (one_code != EXIT_DONE)
			code = one_code;
	}
	if_freenameindex(all);
	return code;
}

static int print_json(json_t *interfaces)
{
	json_t *root = json_pack("{s:s, s:O}", "version", POISE_VERSION, "interfaces", interfaces);
	int err = root ? json_dumpf(root, stdout, JSON_INDENT(JSON_INDENTATION)) : -1;

	json_decref(root);
	printf("\n");
	return err ? refuse("out of memory") : EXIT_DONE;
}

int command_status(const struct options *options)
{
	unsigned int ifindex = options->interface ? if_nametoindex(options->interface) : 0;
	json_t *array = options->json ? json_array() : NULL;
	int code;

	if (options->interface && !ifindex)
		code = refuse("there is no interface \"%s\"", options->interface);
	else if (options->interface)
		code = show(options->interface, ifindex, false, array);
	else
		code = show_all(array);
	if (code == EXIT_DONE && array)
		code = print_json(array);
	json_decref(array);
	return code;
}
