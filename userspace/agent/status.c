// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent status: what is attached, what it does, and what is wrong with the host; for people.
 * For programs: status_json.c. */
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
#include "names.h"

enum { JSON_INDENTATION = 2 };

static int find_problems(struct status *status)
{
	const struct maps_content *content = &status->content;
	struct preflight_target target = { .interface = status->interface,
					   .vip_count = content->vip_count,
					   .sources = content->sources,
					   .source_count = content->source_count,
					   .hops = content->hops,
					   .hop_count = content->hop_count,
					   .encapsulations = content->tunnels.encapsulations,
					   .mss4 = content->tunnels.mss4,
					   .mss6 = content->tunnels.mss6 };
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

static void print_prefixes(const struct prefix *prefixes, size_t count)
{
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < count; i++)
		printf("%s%s", i ? ", " : "", prefix_format(&prefixes[i], text));
	printf("\n");
}

static void print_mss(const char *family, uint16_t mss)
{
	if (mss)
		printf(" %u over %s", mss, family);
	else
		printf(" any over %s", family);
}

static void print_second_chance(const struct maps_content *content)
{
	const struct maps_tunnels *tunnels = &content->tunnels;
	char text[ADDRESS_TEXT_BYTES];

	if (!tunnels->second_chance) {
		printf("  second chance: off\n");
		return;
	}
	printf("  second chance: ");
	print_prefixes(content->hops, content->hop_count);
	printf("    from: %s", prefix_format(&tunnels->source4, text));
	printf(", %s\n", prefix_format(&tunnels->source6, text));
	printf("    sockets of: the interface's namespace");
	for (size_t i = 0; i < tunnels->namespace_count; i++)
		printf(", namespace %d", tunnels->namespaces[i]);
	printf("\n");
}

static void print_tunnels(const struct maps_content *content)
{
	const struct maps_tunnels *tunnels = &content->tunnels;
	char name[NAMES_BYTES];

	printf("  from: ");
	if (content->source_count)
		print_prefixes(content->sources, content->source_count);
	else
		printf("any source\n");
	printf("  opened:");
	for (int i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++)
		if (tunnels->encapsulations >> i & 1)
			printf(" %s", names_lower(NAMES_ENCAPSULATIONS[i], name));
	printf(", GUE on UDP port %u\n", tunnels->gue_port);
	print_second_chance(content);
	printf("  segment size:");
	print_mss("IPv4", tunnels->mss4);
	printf(",");
	print_mss("IPv6", tunnels->mss6);
	printf("\n");
}

static void print_counters(const char *title, const char *const *names, const uint64_t *counters,
			   int count)
{
	char name[NAMES_BYTES];

	printf("\n  %-39s %14s\n", title, "packets");
	for (int i = 0; i < count; i++)
		printf("  %-39s %14" PRIu64 "\n", names_lower(names[i], name), counters[i]);
}

static void print_content(const struct maps_content *content)
{
	char text[ADDRESS_TEXT_BYTES];

	print_tunnels(content);
	printf("\n  %-39s %14s %18s\n", "VIP", "packets", "bytes");
	for (size_t i = 0; i < content->vip_count; i++)
		printf("  %-39s %14" PRIu64 " %18" PRIu64 "\n",
		       prefix_format(&content->vips[i].prefix, text),
		       (uint64_t)content->vips[i].count.packets,
		       (uint64_t)content->vips[i].count.bytes);
	print_counters("counter", NAMES_REASONS, content->reasons, POISE_AGENT_REASON_COUNT);
	print_counters("decision", NAMES_DECISIONS, content->decisions, POISE_AGENT_DECISION_COUNT);
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

/* One interface: printed, or added to array. Without attached_only also when nothing is attached.
 */
static int show(const char *interface, unsigned int ifindex, bool attached_only, json_t *array)
{
	struct status status;
	int err = status_read(interface, ifindex, &status);

	if (!err && attached_only && !status.attachment.program_id)
		return EXIT_DONE;
	if (!err && array)
		err = json_array_append_new(array, status_to_json(&status)) ? -ENOMEM : 0;
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
