// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise-agent attach: preflight, pins, maps and program in their order; see attach.h. */
#include "attach.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "commands.h"
#include "forwarding.h"
#include "host.h"
#include "message.h"
#include "preflight.h"
#include "tunnels.h"

/* What beside the program that opens tunnels is in TC. */
static void append_tc(const struct attachment *attachment, char *text, size_t bytes)
{
	size_t used = strlen(text);

	if (attachment->xdp.program_id && attachment->tc.ingress_id)
		snprintf(text + used, bytes - used, ", beside it in tc program %u",
			 attachment->tc.ingress_id);
	used = strlen(text);
	if (attachment->tc.egress_id)
		snprintf(text + used, bytes - used, ", segment sizes by program %u",
			 attachment->tc.egress_id);
}

const char *attachment_text(const struct attachment *attachment)
{
	static char text[160];
	const char *chain = attachment_chain(attachment);

	if (!strcmp(chain, "dispatcher"))
		chain = "libxdp's dispatcher";
	if (!strcmp(chain, "single"))
		chain = "single program";
	snprintf(text, sizeof(text), "%s mode, %s, program %u", attachment_mode(attachment), chain,
		 attachment->program_id);
	append_tc(attachment, text, sizeof(text));
	return text;
}

/* Mends what can be mended, and says so; warns of the rest. EXIT_DONE, or EXIT_REFUSED. */
static int set_up(const struct findings *findings)
{
	for (size_t i = 0; i < findings->count; i++) {
		const struct finding *finding = &findings->list[i];
		int err;

		if (finding->mending == MEND_BY_HAND)
			continue;
		err = preflight_mend(finding);
		if (err)
			return refuse("--setup: \"%s\": %s", finding->command, strerror(-err));
		printf("set up: %s\n", finding->command);
	}
	return EXIT_DONE;
}

static int warn_of(const struct preflight_target *target)
{
	struct findings findings;

	if (preflight(target, &findings))
		return refuse("out of memory");
	for (size_t i = 0; i < findings.count; i++) {
		const struct finding *finding = &findings.list[i];

		warn_about("%s\n  why:  %s\n  mend: %s", finding->found, finding->why,
			   finding->command);
	}
	findings_free(&findings);
	return EXIT_DONE;
}

static int check_host(const struct options *options)
{
	struct preflight_target target = tunnels_target(options);
	struct findings findings;
	int code = EXIT_DONE;

	if (options->setup) {
		if (preflight(&target, &findings))
			return refuse("out of memory");
		code = set_up(&findings);
		findings_free(&findings);
	}
	return code == EXIT_DONE ? warn_of(&target) : code;
}

/* New ones, in place of those of another version. */
static int replace_maps(const struct options *options, uint32_t version, struct maps *maps)
{
	int err = maps_create(maps);

	if (err)
		return refuse("cannot make the maps: %s", strerror(-err));
	printf("\"%s\" was of ABI version %u, and becomes one of version %d\n", options->interface,
	       version, POISE_AGENT_ABI_VERSION);
	return EXIT_DONE;
}

/* The maps of the program that is attached, if they are of this version; else they are the replaced
 * ones, if their counters can be carried over. */
static int adopt_maps(const struct options *options, uint32_t program_id, struct maps *maps,
		      struct maps *replaced)
{
	struct maps old;
	int err = maps_open_program(program_id, &old);
	uint32_t version = 0;

	if (err)
		return refuse("cannot read the maps of program %u on \"%s\": %s", program_id,
			      options->interface, strerror(-err));
	if (!maps_abi_version(old.settings, &version) && version == POISE_AGENT_ABI_VERSION &&
	    maps_are_complete(&old)) {
		*maps = old;
		return EXIT_DONE;
	}
	if (version >= MAPS_FIRST_CARRIED)
		*replaced = old;
	else
		maps_close(&old);
	return replace_maps(options, version, maps);
}

static int fill_maps(const struct options *options, const struct maps_tunnels *tunnels,
		     const struct maps *maps)
{
	int err = maps_set_sources(maps, options->sources, options->source_count);

	if (!err)
		err = maps_set_hops(maps, options->hops, options->hop_count);
	if (!err)
		err = maps_set_tunnels(maps, tunnels);
	if (!err)
		err = maps_set_vips(maps, options->vips, options->vip_count);
	if (err)
		return refuse("cannot set the VIPs and tunnels of \"%s\": %s", options->interface,
			      strerror(-err));
	return EXIT_DONE;
}

/* Before anything is changed. */
static int check_attachment(const struct options *options, const struct attachment *old)
{
	switch (attachment_check(options->mode, old)) {
	case 0:
		return EXIT_DONE;
	case -EBUSY:
		return refuse(
			"\"%s\" has another XDP program, \"%s\" (id %u), which is not in "
			"libxdp's dispatcher and leaves no room\n"
			"  mend: load that one by xdp-loader(8), detach it, or take --mode tc",
			options->interface, old->xdp.single_name, old->xdp.single_id);
	default:
		return refuse(
			"\"%s\" is in %s mode: detach what is attached first, or leave --mode "
			"away",
			options->interface, attachment_mode(old));
	}
}

static int refuse_attach(const struct options *options, int err)
{
	switch (err) {
	case -EADDRINUSE:
		return refuse("\"%s\" has a filter of another program in tc(8) with the priority "
			      "and handle of ours\n"
			      "  mend: give that one another priority (tc filter show dev %s "
			      "ingress; ... egress)",
			      options->interface, options->interface);
	case -ENOTSUP:
		return refuse("\"%s\" has the qdisc \"ingress\", which has no room for a program "
			      "that makes segments smaller\n"
			      "  mend: have clsact in its place, or take --mss off",
			      options->interface);
	default:
		return refuse(
			"cannot attach to \"%s\": %s (--verbose shows what libbpf and libxdp say)",
			options->interface, strerror(-err));
	}
}

static void tell_attached(const struct options *options, const struct attachment *old,
			  const struct attachment *now)
{
	printf("%s \"%s\": %s; VIPs: %zu, ", old->program_id ? "replaced on" : "attached to",
	       options->interface, attachment_text(now), options->vip_count);
	if (options->source_count)
		printf("prefixes of sources: %zu\n", options->source_count);
	else
		printf("from any source\n");
	if (options->mode == ATTACH_AUTO && !strcmp(attachment_mode(now), "generic"))
		warn_about(
			"generic mode: the driver of \"%s\" has no native XDP for it; each packet "
			"costs more",
			options->interface);
}

/* What the programs need to know the ways to other backends. */
static void let_routes_be_asked(void)
{
	for (uint8_t family = 4; family <= 6; family += 2) {
		int err = forwarding_is_off(family) ? forwarding_set(family) : 0;

		if (err)
			warn_about("cannot set %s to 1: %s; packets are sent on more slowly, and "
				   "by the interface that they came in by alone",
				   forwarding_name(family), strerror(-err));
	}
}

static int attach_programs(const struct options *options, unsigned int ifindex,
			   const struct maps_tunnels *tunnels, const struct maps *maps,
			   const struct pins *pins, const struct attachment *old)
{
	struct attachment_wish wish = { options->mode, tunnels->second_chance };
	struct attachment now;
	int err;

	if (tunnels->second_chance)
		let_routes_be_asked();
	err = attachment_make(ifindex, &wish, maps, old, &now);
	if (!err)
		err = attachment_clamp(ifindex, tunnels->mss4 || tunnels->mss6, maps, &now);
	if (err)
		return refuse_attach(options, err);
	tell_attached(options, old, &now);
	err = pins_set(pins, maps, &now);
	if (err)
		return refuse("attached, but cannot pin in \"%s\": %s", pins->directory,
			      strerror(-err));
	return EXIT_DONE;
}

/* The ones to attach with: those of what is attached, or else kept ones, or new ones. */
static int find_maps(const struct options *options, const struct attachment *old,
		     const struct maps *kept, struct maps *maps, struct maps *replaced)
{
	int err;

	if (old->program_id)
		return adopt_maps(options, old->program_id, maps, replaced);
	err = kept ? maps_copy(kept, maps) : maps_create(maps);
	if (err == -ESRCH)
		return refuse("the kernel has no type information (/sys/kernel/btf/vmlinux), by "
			      "which the programs read what sockets they find\n"
			      "  mend: boot a kernel with CONFIG_DEBUG_INFO_BTF=y");
	return err ? refuse("cannot make the maps: %s", strerror(-err)) : EXIT_DONE;
}

/* From now on nobody counts in the replaced ones. */
static int carry_counters(const struct options *options, const struct maps *replaced,
			  const struct maps *maps)
{
	int err = maps_carry_counters(replaced, maps);

	return err ? refuse("attached, but cannot carry the counters of \"%s\" over: %s",
			    options->interface, strerror(-err))
		   : EXIT_DONE;
}

static int attach_locked(const struct options *options, const struct pins *pins,
			 const struct maps *kept)
{
	unsigned int ifindex = if_nametoindex(options->interface);
	struct maps_tunnels tunnels;
	struct attachment old;
	struct maps maps, replaced;
	int code, err = attachment_find(ifindex, &old);

	maps_init(&maps);
	maps_init(&replaced);
	if (err)
		return refuse("cannot find out what is attached to \"%s\": %s", options->interface,
			      strerror(-err));
	code = check_attachment(options, &old);
	if (code == EXIT_DONE)
		code = tunnels_make(options, &tunnels);
	if (code == EXIT_DONE)
		code = find_maps(options, &old, kept, &maps, &replaced);
	if (code == EXIT_DONE)
		code = fill_maps(options, &tunnels, &maps);
	if (code == EXIT_DONE)
		code = attach_programs(options, ifindex, &tunnels, &maps, pins, &old);
	if (code == EXIT_DONE)
		code = carry_counters(options, &replaced, &maps);
	maps_close(&replaced);
	maps_close(&maps);
	return code;
}

int attach_open_pins(const struct options *options, struct pins *pins)
{
	int err = pins_open(options->pin_path, options->interface, pins);

	if (err == -EMEDIUMTYPE)
		return refuse("--pin-path \"%s\" is in no BPF file system\n"
			      "  mend: mount -t bpf bpf %s",
			      options->pin_path, options->pin_path);
	if (err == -EWOULDBLOCK)
		return refuse("another poise-agent (process %d) is at work on the pins in \"%s\", "
			      "for more than %d s",
			      (int)pins->holder, options->pin_path, PINS_WAIT_SECONDS);
	if (err)
		return refuse("cannot use the pin path \"%s\": %s", options->pin_path,
			      strerror(-err));
	return EXIT_DONE;
}

int attach_check_kept(const struct options *options, struct pins *pins)
{
	int lock = pins_keep(pins);

	if (lock >= 0)
		close(lock);
	if (lock == -EWOULDBLOCK)
		return refuse("poise-agent run (process %d) keeps \"%s\" attached\n"
			      "  mend: stop that one first (systemctl stop poise-agent)",
			      (int)pins->holder, options->interface);
	return EXIT_DONE;
}

int attach_begin(const struct options *options, struct pins *pins)
{
	if (!if_nametoindex(options->interface))
		return refuse("there is no interface \"%s\"", options->interface);
	if (!host_is_ethernet(options->interface))
		return refuse("\"%s\" is not an Ethernet interface", options->interface);
	return attach_open_pins(options, pins);
}

int attach_interface(const struct options *options, const struct pins *pins,
		     const struct maps *kept)
{
	int code = check_host(options);

	return code == EXIT_DONE ? attach_locked(options, pins, kept) : code;
}

int command_attach(const struct options *options)
{
	struct pins pins;
	int code = attach_begin(options, &pins);

	if (code != EXIT_DONE)
		return code;
	code = attach_interface(options, &pins, NULL);
	pins_close(&pins);
	return code;
}
