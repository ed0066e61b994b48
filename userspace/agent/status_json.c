// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise-agent status --json: an interface's object. jansson's *_new functions take references over,
 * also of NULL: a failure anywhere makes the whole NULL.
 */
#include "names.h"
#include "status.h"

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

static json_t *json_prefixes(const struct prefix *prefixes, size_t count)
{
	json_t *array = json_array();
	char text[ADDRESS_TEXT_BYTES];

	for (size_t i = 0; i < count; i++)
		json_array_append_new(array, json_string(prefix_format(&prefixes[i], text)));
	return array;
}

static json_t *json_namespaces(const struct maps_tunnels *tunnels)
{
	json_t *array = json_array();

	for (size_t i = 0; i < tunnels->namespace_count; i++)
		json_array_append_new(array, json_integer(tunnels->namespaces[i]));
	return array;
}

static json_t *json_encapsulations(const struct maps_content *content)
{
	json_t *array = json_array();
	char name[NAMES_BYTES];

	for (int i = 0; i < POISE_AGENT_ENCAPSULATION_COUNT; i++)
		if (content->tunnels.encapsulations >> i & 1)
			json_array_append_new(
				array, json_string(names_lower(NAMES_ENCAPSULATIONS[i], name)));
	return array;
}

static json_t *json_counters(const char *const *names, const uint64_t *counters, int count)
{
	json_t *object = json_object();
	char name[NAMES_BYTES];

	for (int i = 0; i < count; i++)
		json_object_set_new(object, names_lower(names[i], name),
				    json_integer((json_int_t)counters[i]));
	return object;
}

static json_t *json_warnings(const struct findings *findings)
{
	json_t *array = json_array();
	char name[NAMES_BYTES];

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		json_array_append_new(
			array,
			json_pack("{s:s, s:s, s:s, s:s}", "check",
				  names_lower(preflight_check_name(finding->check), name), "found",
				  finding->found, "why", finding->why, "mend", finding->command));
	}
	return array;
}

static json_t *json_content(const struct maps_content *content)
{
	const struct maps_tunnels *tunnels = &content->tunnels;

	return json_pack(
		"{s:o, s:o, s:o, s:i, s:b, s:o, s:o, s:i, s:i, s:o, s:o}", "vips",
		json_vips(content), "sources",
		json_prefixes(content->sources, content->source_count), "encapsulations",
		json_encapsulations(content), "gue_port", tunnels->gue_port, "second_chance",
		tunnels->second_chance, "hops", json_prefixes(content->hops, content->hop_count),
		"namespaces", json_namespaces(tunnels), "mss_ipv4", tunnels->mss4, "mss_ipv6",
		tunnels->mss6, "counters",
		json_counters(NAMES_REASONS, content->reasons, POISE_AGENT_REASON_COUNT),
		"decisions",
		json_counters(NAMES_DECISIONS, content->decisions, POISE_AGENT_DECISION_COUNT));
}

json_t *status_to_json(const struct status *status)
{
	const struct attachment *attachment = &status->attachment;
	json_t *object, *content;

	if (!attachment->program_id)
		return json_pack("{s:s, s:b}", "interface", status->interface, "attached", 0);
	object = json_pack("{s:s, s:b, s:s, s:s, s:I, s:I, s:I, s:I}", "interface",
			   status->interface, "attached", 1, "mode", attachment_mode(attachment),
			   "chain", attachment_chain(attachment), "program_id",
			   (json_int_t)attachment->program_id, "tc_program_id",
			   (json_int_t)attachment->tc.ingress_id, "mss_program_id",
			   (json_int_t)attachment->tc.egress_id, "abi_version",
			   (json_int_t)status->abi_version);
	if (status->abi_version != POISE_AGENT_ABI_VERSION)
		return object;
	json_object_set_new(object, "warnings", json_warnings(&status->findings));
	content = json_content(&status->content);
	if (!object || !content || json_object_update(object, content)) {
		json_decref(object);
		object = NULL;
	}
	json_decref(content);
	return object;
}
