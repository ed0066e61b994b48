// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * poise-agent doctor: the checks of preflight.h, with those of the attached program and its
 * counters. Each finding: what, why it matters, the command that mends it. Changes nothing.
 */
#include "doctor.h"

#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "host.h"
#include "message.h"
#include "names.h"
#include "netns.h"
#include "tunnels.h"

enum { JSON_INDENTATION = 2 };

static const struct {
	const char *name, *why;
} checks[] = {
#define DOCTOR_TEXT(name, why) { #name, why },
	DOCTOR_CHECKS(DOCTOR_TEXT)
#undef DOCTOR_TEXT
};

static const char *const level_names[] = { "ok", "note", "warning", "problem" };

/* What preflight's findings come to. */
static const enum level preflight_levels[] = {
	[PREFLIGHT_VIP] = LEVEL_PROBLEM,	  [PREFLIGHT_FORWARDING] = LEVEL_WARNING,
	[PREFLIGHT_RP_FILTER] = LEVEL_PROBLEM,	  [PREFLIGHT_ARP_IGNORE] = LEVEL_PROBLEM,
	[PREFLIGHT_ARP_ANNOUNCE] = LEVEL_PROBLEM, [PREFLIGHT_MTU] = LEVEL_WARNING,
	[PREFLIGHT_TUNNEL_DEVICE] = LEVEL_NOTE,
};

enum { PREFLIGHT_COUNT = sizeof(preflight_levels) / sizeof(preflight_levels[0]) };

static void add_row(struct doctor *doctor, const char *check, const char *subject, enum level level,
		    const char *found, const char *why, const char *mend)
{
	char id[NAMES_BYTES];

	names_lower(check, id);
	if (json_array_append_new(doctor->findings,
				  json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "check", id,
					    "subject", subject, "level", level_names[level],
					    "found", found, "why", why, "mend", mend))) {
		json_decref(doctor->findings);
		doctor->findings = NULL;
	}
	if (level > doctor->worst)
		doctor->worst = level;
}

void doctor_add(struct doctor *doctor, enum doctor_check check, const char *subject,
		enum level level, const char *mend, const char *format, ...)
{
	char found[DOCTOR_FOUND_BYTES];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(found, sizeof(found), format, arguments);
	va_end(arguments);
	add_row(doctor, checks[check].name, subject, level, found, checks[check].why, mend);
}

/* Preflight tells what is wrong alone: of what it does not name, nothing was found. */
static void add_preflight(struct doctor *doctor, const char *interface,
			  const struct findings *findings)
{
	bool named[PREFLIGHT_COUNT] = { false };

	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];

		named[finding->check] = true;
		add_row(doctor, preflight_check_name(finding->check), interface,
			preflight_levels[finding->check], finding->found, finding->why,
			finding->command);
	}
	for (int i = 0; i < PREFLIGHT_COUNT; i++)
		if (!named[i])
			add_row(doctor, preflight_check_name((enum preflight_check)i), interface,
				LEVEL_OK, "nothing is wrong", "", "");
}

static void check_counters(struct doctor *doctor, const struct status *status)
{
	uint64_t fragments = status->content.reasons[POISE_AGENT_REASON_FRAGMENT];
	uint64_t strangers = status->content.reasons[POISE_AGENT_REASON_BAD_SOURCE];
	char mend[DOCTOR_FOUND_BYTES];

	doctor_add(doctor, DOCTOR_FRAGMENT, status->interface, fragments ? LEVEL_WARNING : LEVEL_OK,
		   fragments ? "poise doctor   # on the balancer: its finding 'mtu'" : "",
		   "%" PRIu64 " fragments of tunnel packets came", fragments);
	snprintf(mend, sizeof(mend),
		 "tcpdump -ni %s 'ip proto 4 or ip proto 41 or udp port %u'   # then add the "
		 "balancer's source to --from",
		 status->interface, status->content.tunnels.gue_port);
	doctor_add(doctor, DOCTOR_BAD_SOURCE, status->interface, strangers ? LEVEL_NOTE : LEVEL_OK,
		   strangers ? mend : "", "%" PRIu64 " packets from other sources were dropped",
		   strangers);
}

static void check_version(struct doctor *doctor, const struct status *status)
{
	char mend[DOCTOR_FOUND_BYTES];
	bool other = status->abi_version != POISE_AGENT_ABI_VERSION;

	snprintf(mend, sizeof(mend), "poise-agent attach %s ...   # with the options of before",
		 status->interface);
	doctor_add(doctor, DOCTOR_VERSION, status->interface, other ? LEVEL_PROBLEM : LEVEL_OK,
		   other ? mend : "",
		   "what is attached is of ABI version %u, this poise-agent of %d",
		   status->abi_version, POISE_AGENT_ABI_VERSION);
}

static void check_mode(struct doctor *doctor, const struct status *status)
{
	const char *mode = attachment_mode(&status->attachment);
	bool native = !strcmp(mode, "native");
	char mend[DOCTOR_FOUND_BYTES];

	snprintf(mend, sizeof(mend),
		 "poise-agent detach %s && poise-agent attach %s --mode native ...",
		 status->interface, status->interface);
	doctor_add(doctor, DOCTOR_MODE, status->interface, native ? LEVEL_OK : LEVEL_WARNING,
		   native ? "" : mend, "%s mode", mode);
}

static void check_attached(struct doctor *doctor, const struct status *status)
{
	const struct attachment *attachment = &status->attachment;

	doctor->attached++;
	doctor_add(doctor, DOCTOR_DECAPSULATION, status->interface, LEVEL_OK, "", "attached: %s",
		   attachment_text(attachment));
	check_mode(doctor, status);
	check_version(doctor, status);
	if (status->abi_version != POISE_AGENT_ABI_VERSION)
		return;
	check_counters(doctor, status);
	doctor_check_second(doctor, status);
	add_preflight(doctor, status->interface, &status->findings);
}

/* What second chance would meet. */
static void check_wish(struct doctor *doctor, const struct options *options)
{
	const struct maps_content content = {
		.sources = options->sources,
		.source_count = options->source_count,
		.hops = options->hops,
		.hop_count = options->hop_count,
		.tunnels = { .second_chance = options->hop_count > 0,
			     .source4 = options->source4,
			     .source6 = options->source6 },
	};

	doctor_check_hops(doctor, options->interface, &content);
	for (size_t i = 0; i < options->namespace_count; i++) {
		int outcome = netns_check(options->namespaces[i]);

		doctor_add(doctor, DOCTOR_NETNS, options->interface,
			   outcome ? LEVEL_WARNING : LEVEL_OK, outcome ? "ip netns list" : "",
			   "%s: %s", options->namespaces[i],
			   outcome ? netns_error(outcome) : "a network namespace");
	}
}

/* The interface is given, and the program is not on it. */
static int check_unattached(struct doctor *doctor, const struct options *options)
{
	struct preflight_target target = tunnels_target(options);
	struct findings findings;
	char mend[DOCTOR_FOUND_BYTES];

	snprintf(mend, sizeof(mend), "poise-agent attach %s --vip ADDRESS --setup",
		 options->interface);
	doctor_add(doctor, DOCTOR_DECAPSULATION, options->interface, LEVEL_PROBLEM, mend,
		   "poise-agent is not attached");
	if (!options->vip_count)
		return EXIT_DONE;
	if (preflight(&target, &findings))
		return refuse("out of memory");
	add_preflight(doctor, options->interface, &findings);
	findings_free(&findings);
	check_wish(doctor, options);
	return EXIT_DONE;
}

/* options->interface NULL: only if the program is attached there. */
static int check_interface(struct doctor *doctor, const char *interface, unsigned int ifindex,
			   const struct options *options)
{
	struct status status;
	int err = status_read(interface, ifindex, &status), code = EXIT_DONE;

	if (err)
		code = refuse("cannot read the state of \"%s\": %s", interface, strerror(-err));
	else if (status.attachment.program_id)
		check_attached(doctor, &status);
	else if (options->interface)
		code = check_unattached(doctor, options);
	status_free(&status);
	return code;
}

/* Nothing is attached anywhere: the kernel's own tunnel devices may do the work. */
static void check_devices(struct doctor *doctor)
{
	struct host_tunnel tunnels[HOST_MAX_TUNNELS];
	int count = host_find_tunnels(tunnels);

	if (count > 0)
		doctor_add(doctor, DOCTOR_DECAPSULATION, "", LEVEL_NOTE, "",
			   "poise-agent is attached nowhere; the tunnel device %s (%s) is up",
			   tunnels[0].interface, tunnels[0].kind);
	else
		doctor_add(doctor, DOCTOR_DECAPSULATION, "", LEVEL_PROBLEM,
			   "poise-agent attach INTERFACE --vip ADDRESS --setup",
			   "poise-agent is attached nowhere, and no tunnel device is up");
}

static int check_all(struct doctor *doctor, const struct options *options)
{
	struct if_nameindex *all = if_nameindex();
	int code = EXIT_DONE;

	if (!all)
		return refuse("cannot list the interfaces: %s", strerror(errno));
	for (struct if_nameindex *one = all; one->if_index && code == EXIT_DONE; one++)
		code = check_interface(doctor, one->if_name, one->if_index, options);
	if_freenameindex(all);
	if (code == EXIT_DONE && !doctor->attached)
		check_devices(doctor);
	return code;
}

static void check_jit(struct doctor *doctor)
{
	long enable;

	if (!host_sysctl_get("net/core/bpf_jit_enable", &enable))
		doctor_add(doctor, DOCTOR_JIT, "", enable ? LEVEL_OK : LEVEL_WARNING,
			   enable ? "" : "sysctl -w net.core.bpf_jit_enable=1",
			   "net.core.bpf_jit_enable is %ld", enable);
}

static const char *text_of(const json_t *finding, const char *key)
{
	return json_string_value(json_object_get(finding, key));
}

static size_t print_level(const json_t *findings, enum level level, bool print)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(findings); i++) {
		const json_t *finding = json_array_get(findings, i);
		const char *subject = text_of(finding, "subject");

		if (strcmp(text_of(finding, "level"), level_names[level]) != 0)
			continue;
		count++;
		if (!print)
			continue;
		printf("%-8s%-14s %s%s%s\n", level_names[level], text_of(finding, "check"), subject,
		       *subject ? ": " : "", text_of(finding, "found"));
		if (level != LEVEL_OK)
			printf("  why:  %s\n", text_of(finding, "why"));
		if (text_of(finding, "mend")[0])
			printf("  mend: %s\n", text_of(finding, "mend"));
	}
	return count;
}

static void print_findings(const json_t *findings, bool verbose)
{
	size_t count[LEVEL_PROBLEM + 1];

	for (int level = LEVEL_PROBLEM; level >= LEVEL_OK; level--)
		count[level] = print_level(findings, (enum level)level, level || verbose);
	printf("problems: %zu, warnings: %zu, notes: %zu, fine: %zu\n", count[LEVEL_PROBLEM],
	       count[LEVEL_WARNING], count[LEVEL_NOTE], count[LEVEL_OK]);
}

static int tell(const struct doctor *doctor, const struct options *options)
{
	if (!doctor->findings)
		return refuse("out of memory");
	if (options->json) {
		json_dumpf(doctor->findings, stdout, JSON_INDENT(JSON_INDENTATION));
		printf("\n");
	} else {
		print_findings(doctor->findings, options->verbose);
	}
	return doctor->worst > LEVEL_NOTE ? EXIT_REFUSED : EXIT_DONE;
}

int command_doctor(const struct options *options)
{
	unsigned int ifindex = options->interface ? if_nametoindex(options->interface) : 0;
	struct doctor doctor = { .findings = json_array() };
	int code;

	if (options->interface && !ifindex)
		code = refuse("there is no interface \"%s\"", options->interface);
	else if (options->interface)
		code = check_interface(&doctor, options->interface, ifindex, options);
	else
		code = check_all(&doctor, options);
	if (code == EXIT_DONE) {
		check_jit(&doctor);
		code = tell(&doctor, options);
	}
	json_decref(doctor.findings);
	return code;
}
