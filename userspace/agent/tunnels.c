// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the options of attach come to on this host: see tunnels.h. */
#include "tunnels.h"

#include <errno.h>
#include <string.h>

#include "message.h"
#include "netns.h"

/* 0: the MTU is not known, or has no room for any segment: nothing is clamped. */
static uint16_t auto_mss(const struct preflight_target *target, uint8_t family)
{
	struct segment_tunnel tunnel = preflight_tunnel(target);
	uint32_t mtu;

	return host_mtu(target->interface, &mtu) ? 0 : segment_size(&tunnel, mtu, family);
}

/* What was given is that of IPv4; an IPv6 packet of the same size has room for less. */
static uint16_t mss_of(const struct options *options, const struct preflight_target *target,
		       uint8_t family)
{
	if (options->mss == MSS_AUTO)
		return auto_mss(target, family);
	if (options->mss == MSS_OFF)
		return 0;
	return (uint16_t)((uint32_t)options->mss + segment_headers(4) - segment_headers(family));
}

struct preflight_target tunnels_target(const struct options *options)
{
	struct preflight_target target = {
		.interface = options->interface,
		.vips = options->vips,
		.vip_count = options->vip_count,
		.sources = options->sources,
		.source_count = options->source_count,
		.hops = options->hops,
		.hop_count = options->hop_count,
		.encapsulations = options->encapsulations,
	};

	target.mss4 = mss_of(options, &target, 4);
	target.mss6 = mss_of(options, &target, 6);
	return target;
}

/* `run` waits for those that are not there yet. */
static int find_namespaces(const struct options *options, struct maps_tunnels *tunnels)
{
	struct netns_list list;

	netns_list_init(&list, options->namespaces, options->namespace_count);
	netns_list_find(&list, NULL);
	for (size_t i = 0; i < list.path_count && !options->stays; i++)
		if (list.outcomes[i])
			return refuse("--netns \"%s\": %s", list.paths[i],
				      netns_error(list.outcomes[i]));
	memcpy(tunnels->namespaces, list.ids, sizeof(tunnels->namespaces));
	tunnels->namespace_count = list.count;
	return EXIT_DONE;
}

int tunnels_make(const struct options *options, struct maps_tunnels *out)
{
	struct preflight_target target = tunnels_target(options);

	*out = (struct maps_tunnels){
		.encapsulations = options->encapsulations,
		.gue_port = options->gue_port,
		.second_chance = options->hop_count > 0,
		.source4 = options->source4,
		.source6 = options->source6,
		.mss4 = target.mss4,
		.mss6 = target.mss6,
	};
	return find_namespaces(options, out);
}
