// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What commonly goes wrong on a backend: see preflight.h. */
#include "preflight.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "poise_agent_abi.h"

enum {
	RP_FILTER_STRICT = 1,
	RP_FILTER_LOOSE = 2,

	ETHERNET_MTU = 1500, /* what clients on the internet send at most */
};

const char *preflight_check_name(enum preflight_check check)
{
	static const char *const names[] = {
#define PREFLIGHT_NAME(name) [PREFLIGHT_##name] = #name,
		PREFLIGHT_CHECKS(PREFLIGHT_NAME)
#undef PREFLIGHT_NAME
	};

	return names[check];
}

/* A new finding at the end of the list; NULL when there is no memory. */
static struct finding *add(struct findings *findings, enum preflight_check check, const char *why,
			   const char *found, ...)
{
	struct finding *grown, *last;
	va_list arguments;

	grown = reallocarray(findings->list, findings->count + 1, sizeof(*grown));
	if (!grown)
		return NULL;
	findings->list = grown;
	last = &grown[findings->count++];
	*last = (struct finding){ .check = check, .why = why };
	va_start(arguments, found);
	vsnprintf(last->found, sizeof(last->found), found, arguments);
	va_end(arguments);
	return last;
}

static int mend_by_hand(struct finding *finding, const char *command, ...)
{
	va_list arguments;

	if (!finding)
		return -ENOMEM;
	va_start(arguments, command);
	vsnprintf(finding->command, sizeof(finding->command), command, arguments);
	va_end(arguments);
	return 0;
}

/* A dot in an interface's name is a slash for sysctl(8), as the separators are dots. */
static void format_sysctl_command(struct finding *finding)
{
	char name[HOST_SYSCTL_BYTES];
	size_t i;

	for (i = 0; finding->sysctl[i]; i++) {
		name[i] = finding->sysctl[i];
		if (name[i] == '/')
			name[i] = '.';
		else if (name[i] == '.')
			name[i] = '/';
	}
	name[i] = 0;
	snprintf(finding->command, sizeof(finding->command), "sysctl -w %s=%ld", name,
		 finding->value);
}

static int mend_sysctl(struct finding *finding, const char *interface, const char *name, long value)
{
	if (!finding)
		return -ENOMEM;
	finding->mending = MEND_SYSCTL;
	finding->value = value;
	snprintf(finding->sysctl, sizeof(finding->sysctl), "net/ipv4/conf/%s/%s", interface, name);
	format_sysctl_command(finding);
	return 0;
}

/* net.FAMILY.conf.INTERFACE.NAME; -1 when it cannot be read. */
static long conf(uint8_t family, const char *interface, const char *name)
{
	char path[HOST_SYSCTL_BYTES];
	long value;

	snprintf(path, sizeof(path), "net/ipv%u/conf/%s/%s", family, interface, name);
	return host_sysctl_get(path, &value) ? -1 : value;
}

/* For these settings the kernel takes the larger one of the interface's and of 'all'. */
static long larger_conf4(const char *interface, const char *name)
{
	long own = conf(4, interface, name), all = conf(4, "all", name);

	return own > all ? own : all;
}

static bool has_vip(const struct preflight_target *target, uint8_t family)
{
	for (size_t i = 0; i < target->vip_count; i++)
		if (target->vips[i].address.family == family)
			return true;
	return false;
}

static int check_forwarding(const struct preflight_target *target, uint8_t family, const char *text,
			    struct findings *findings)
{
	struct finding *finding;

	if (conf(family, target->interface, "forwarding") < 1)
		return 0;
	finding = add(
		findings, PREFLIGHT_FORWARDING,
		"the host sends what the tunnel brings out again, perhaps back to the balancer: "
		"a loop; of no harm once the VIP is local",
		"%s forwards packets, and %s is not local", target->interface, text);
	return mend_by_hand(finding, "sysctl -w net.ipv%u.conf.%s.forwarding=0", family,
			    target->interface);
}

/* An address goes to lo, a prefix into the table of local routes. */
static int check_missing_vip(const struct preflight_target *target, const struct prefix *vip,
			     bool single, struct findings *findings)
{
	uint8_t family = vip->address.family;
	char text[ADDRESS_TEXT_BYTES];
	struct finding *finding;
	int err;

	prefix_format(vip, text);
	finding = add(findings, PREFLIGHT_VIP,
		      "the host does not take what comes out of the tunnel as its own",
		      single ? "%s is on no interface of this host"
			     : "%s is not wholly local to this host",
		      text);
	if (finding) {
		finding->mending = single ? MEND_ADDRESS : MEND_ROUTE;
		finding->prefix = *vip;
	}
	if (single)
		err = mend_by_hand(finding, "ip address add %s/%u dev lo", text, vip->length);
	else
		err = mend_by_hand(finding, "ip route add local %s dev lo", text);
	return err ? err : check_forwarding(target, family, text, findings);
}

/* Local, and not on an interface where neighbours ask for it. */
static int check_vip(const struct preflight_target *target, const struct prefix *vip,
		     struct findings *findings)
{
	bool single = vip->length == (vip->address.family == 4 ? 32 : 128), local;
	char text[ADDRESS_TEXT_BYTES], interface[IF_NAMESIZE];
	struct finding *finding;

	if (host_holds_prefix(vip, &local))
		return 0;
	if (!local)
		return check_missing_vip(target, vip, single, findings);
	if (!single || !host_find_address(&vip->address, interface) ||
	    strcmp(interface, target->interface))
		return 0;
	address_format(&vip->address, text);
	finding =
		add(findings, PREFLIGHT_VIP,
		    "it answers ARP or neighbour discovery for the VIP, and draws clients' packets "
		    "past the balancer",
		    "%s is on %s itself", text, interface);
	return mend_by_hand(finding, "ip address add %s/%u dev lo && ip address del %s dev %s",
			    text, vip->length, text, interface);
}

static int check_rp_filter(const struct preflight_target *target, struct findings *findings)
{
	struct finding *finding;

	if (larger_conf4(target->interface, "rp_filter") != RP_FILTER_STRICT)
		return 0;
	finding =
		add(findings, PREFLIGHT_RP_FILTER,
		    "packets of clients whose route does not lead back through this interface are "
		    "dropped, without a trace",
		    "rp_filter of %s is strict (1)", target->interface);
	return mend_sysctl(finding, target->interface, "rp_filter", RP_FILTER_LOOSE);
}

static int check_arp(const struct preflight_target *target, struct findings *findings)
{
	long ignore = larger_conf4(target->interface, "arp_ignore");
	long announce = larger_conf4(target->interface, "arp_announce");
	struct finding *finding;
	int err = 0;

	if (ignore == 0 || ignore == 3) {
		finding =
			add(findings, PREFLIGHT_ARP_IGNORE,
			    "the host answers ARP for VIPs on lo, and draws clients' packets past "
			    "the balancer",
			    "arp_ignore of %s is %ld", target->interface, ignore);
		err = mend_sysctl(finding, "all", "arp_ignore", 1);
	}
	if (!err && (announce == 0 || announce == 1)) {
		finding = add(findings, PREFLIGHT_ARP_ANNOUNCE,
			      "the host tells its neighbours a VIP as its own address when it asks "
			      "for theirs, and they learn it",
			      "arp_announce of %s is %ld", target->interface, announce);
		err = mend_sysctl(finding, "all", "arp_announce", 2);
	}
	return err;
}

static bool has_family6(const struct prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (prefixes[i].address.family == 6)
			return true;
	return false;
}

/* By the balancers' family, or by what the interface has. */
static bool may_be_outer6(const struct preflight_target *target)
{
	if (!target->source_count)
		return host_has_family(target->interface, 6);
	return has_family6(target->sources, target->source_count);
}

struct segment_tunnel preflight_tunnel(const struct preflight_target *target)
{
	return (struct segment_tunnel){
		.encapsulations = target->encapsulations,
		.outer6 = may_be_outer6(target),
		.chain = target->hop_count > 0,
		.chain6 = has_family6(target->hops, target->hop_count),
	};
}

static void format_route_command(char *command, size_t bytes, uint8_t family,
				 const struct host_route *route, uint32_t advmss)
{
	char gateway[ADDRESS_TEXT_BYTES + 16] = "", metric[24] = "", mtu[24] = "";
	char text[ADDRESS_TEXT_BYTES];

	if (route->gateway.family)
		snprintf(gateway, sizeof(gateway), " via %s%s",
			 route->gateway.family == family ? "" : "inet6 ",
			 address_format(&route->gateway, text));
	if (route->priority)
		snprintf(metric, sizeof(metric), " metric %u", route->priority);
	if (route->mtu)
		snprintf(mtu, sizeof(mtu), " mtu %u", route->mtu);
	snprintf(command, bytes, "ip -%u route change default%s dev %s%s%s advmss %u", family,
		 gateway, route->interface, metric, mtu, advmss);
}

/* The interface's MTU, or what comes in tunnels, has changed since the clamp was set. */
static int check_clamp(const struct preflight_target *target, uint8_t family,
		       struct findings *findings)
{
	uint16_t clamp = family == 4 ? target->mss4 : target->mss6, fits;
	struct segment_tunnel tunnel = preflight_tunnel(target);
	struct finding *finding;
	uint32_t mtu;

	if (!clamp || !has_vip(target, family) || host_mtu(target->interface, &mtu))
		return 0;
	fits = segment_size(&tunnel, mtu, family);
	if (clamp <= fits)
		return 0;
	finding = add(findings, PREFLIGHT_MTU,
		      "clients' full-sized packets do not fit the tunnel, and the balancer drops "
		      "them",
		      "--mss lets IPv%u clients send segments of %u, the tunnel into %s (MTU %u) "
		      "takes %u",
		      family, clamp, target->interface, mtu, fits);
	return mend_by_hand(finding, "poise-agent attach %s ... --mss auto", target->interface);
}

/*
 * Clients send segments as large as the host's answers allow (the MSS that it announces); with the
 * tunnel's header they must still fit the way from the balancer to the interface.
 */
static int check_mtu(const struct preflight_target *target, uint8_t family,
		     struct findings *findings)
{
	struct segment_tunnel tunnel = preflight_tunnel(target);
	uint32_t headers = segment_headers(family), outer = segment_tunnel_bytes(&tunnel);
	uint32_t mtu, out_mtu, announced;
	struct host_route route;
	struct finding *finding;
	char command[256];

	if ((family == 4 ? target->mss4 : target->mss6))
		return check_clamp(target, family, findings);
	if (!has_vip(target, family) || host_default_route(family, &route) ||
	    host_mtu(target->interface, &mtu) || host_mtu(route.interface, &out_mtu))
		return 0;
	if (route.mtu && route.mtu < out_mtu)
		out_mtu = route.mtu;
	if (out_mtu > ETHERNET_MTU)
		out_mtu = ETHERNET_MTU;
	if (mtu < outer + headers || out_mtu < headers)
		return 0;
	announced = route.advmss ? route.advmss : out_mtu - headers;
	if (announced + headers + outer <= mtu)
		return 0;
	finding = add(
		findings, PREFLIGHT_MTU,
		"clients' full-sized packets do not fit the tunnel, and the balancer drops them",
		"IPv%u clients are told an MSS of %u, the tunnel into %s (MTU %u) takes %u", family,
		announced, target->interface, mtu, mtu - headers - outer);
	format_route_command(command, sizeof(command), family, &route, mtu - headers - outer);
	return mend_by_hand(finding, "%s", command);
}

static int check_tunnel_devices(struct findings *findings)
{
	struct host_tunnel tunnels[HOST_MAX_TUNNELS];
	int count = host_find_tunnels(tunnels), err = 0;
	struct finding *finding;

	for (int i = 0; i < count && !err; i++) {
		finding = add(
			findings, PREFLIGHT_TUNNEL_DEVICE,
			"it opens tunnel packets that poise-agent passes on (fragments, other "
			"destinations), without asking --from",
			"the tunnel device %s (%s) is up", tunnels[i].interface, tunnels[i].kind);
		err = mend_by_hand(finding, "ip link set %s down", tunnels[i].interface);
	}
	return err;
}

int preflight(const struct preflight_target *target, struct findings *out)
{
	int err = 0;

	*out = (struct findings){ 0 };
	for (size_t i = 0; i < target->vip_count && !err; i++)
		err = check_vip(target, &target->vips[i], out);
	if (!err && has_vip(target, 4))
		err = check_rp_filter(target, out);
	if (!err && has_vip(target, 4))
		err = check_arp(target, out);
	for (uint8_t family = 4; family <= 6 && !err; family += 2)
		err = check_mtu(target, family, out);
	if (!err)
		err = check_tunnel_devices(out);
	if (err)
		findings_free(out);
	return err;
}

void findings_free(struct findings *findings)
{
	free(findings->list);
	*findings = (struct findings){ 0 };
}

int preflight_mend(const struct finding *finding)
{
	if (finding->mending == MEND_ADDRESS)
		return host_add_to_lo(&finding->prefix.address);
	if (finding->mending == MEND_ROUTE)
		return host_add_local_route(&finding->prefix);
	if (finding->mending == MEND_SYSCTL)
		return host_sysctl_set(finding->sysctl, finding->value);
	return -EOPNOTSUPP;
}
