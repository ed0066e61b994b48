// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the host is set to: see host.h. Here is what needs rtnetlink. */
#include "host.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "netlink.h"

enum { LOCAL_WAIT_MS = 5000, LOCAL_PAUSE_MS = 2 };

static uint8_t socket_family(uint8_t family)
{
	return family == 4 ? AF_INET : AF_INET6;
}

static size_t address_bytes(uint8_t family)
{
	return family == 4 ? 4 : 16;
}

static int take_route_type(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *route = mnl_nlmsg_get_payload(message);

	*(bool *)data = route->rtm_type == RTN_LOCAL;
	return MNL_CB_STOP;
}

int host_is_local(const struct address *address, bool *local)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	uint8_t bytes = (uint8_t)address_bytes(address->family);
	int err;

	*local = false;
	route->rtm_family = socket_family(address->family);
	route->rtm_dst_len = bytes * 8;
	mnl_attr_put(request, RTA_DST, bytes, address->bytes);
	err = netlink_ask(request, take_route_type, local);
	if (err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EINVAL || err == -EACCES)
		return 0; /* no route at all, or one that refuses */
	return err;
}

/* The last address may be an IPv4 broadcast address of an interface, and then is no host's. */
int host_holds_prefix(const struct prefix *prefix, bool *local)
{
	struct address last = prefix->address;
	int err = host_is_local(&prefix->address, local);

	if (err || !*local)
		return err;
	for (unsigned int bit = prefix->length; bit < 8 * address_bytes(last.family); bit++)
		last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return host_is_local(&last, local);
}

/*
 * The kernel acknowledges an IPv6 address before it is local: a worker of its own inserts the route
 * (addrconf_dad_work()).
 */
static int wait_until_local(const struct address *address)
{
	const struct timespec pause = { .tv_nsec = LOCAL_PAUSE_MS * 1000000L };
	bool local = false;
	int err;

	for (int waited = 0; waited < LOCAL_WAIT_MS; waited += LOCAL_PAUSE_MS) {
		err = host_is_local(address, &local);
		if (err || local)
			return err;
		nanosleep(&pause, NULL);
	}
	return -ETIMEDOUT;
}

int host_add_to_lo(const struct address *address)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request =
		netlink_begin(buffer, RTM_NEWADDR, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct ifaddrmsg *message = mnl_nlmsg_put_extra_header(request, sizeof(*message));
	size_t bytes = address_bytes(address->family);
	int err;

	message->ifa_family = socket_family(address->family);
	message->ifa_prefixlen = (uint8_t)(bytes * 8);
	message->ifa_index = if_nametoindex("lo");
	mnl_attr_put(request, IFA_LOCAL, bytes, address->bytes);
	mnl_attr_put(request, IFA_ADDRESS, bytes, address->bytes);
	err = netlink_ask(request, NULL, NULL);
	if (err && err != -EEXIST)
		return err;
	return wait_until_local(address);
}

int host_add_local_route(const struct prefix *prefix)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request =
		netlink_begin(buffer, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	uint8_t family = prefix->address.family;
	int err;

	route->rtm_family = socket_family(family);
	route->rtm_dst_len = prefix->length;
	route->rtm_table = RT_TABLE_LOCAL;
	route->rtm_type = RTN_LOCAL;
	route->rtm_scope = RT_SCOPE_HOST;
	route->rtm_protocol = RTPROT_STATIC;
	mnl_attr_put(request, RTA_DST, address_bytes(family), prefix->address.bytes);
	mnl_attr_put_u32(request, RTA_OIF, if_nametoindex("lo"));
	err = netlink_ask(request, NULL, NULL);
	return err == -EEXIST ? 0 : err;
}

/* RTA_METRICS: RTAX_* attributes. */
static int take_metric(const struct nlattr *attribute, void *data)
{
	struct host_route *route = data;

	if (mnl_attr_get_type(attribute) == RTAX_ADVMSS)
		route->advmss = mnl_attr_get_u32(attribute);
	if (mnl_attr_get_type(attribute) == RTAX_MTU)
		route->mtu = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_route_attribute(const struct nlattr *attribute, void *data)
{
	struct host_route *route = data;
	uint16_t bytes = mnl_attr_get_payload_len(attribute);

	switch (mnl_attr_get_type(attribute)) {
	case RTA_GATEWAY:
		if (bytes == 4 || bytes == 16) {
			route->gateway.family = bytes == 4 ? 4 : 6;
			memcpy(route->gateway.bytes, mnl_attr_get_payload(attribute), bytes);
		}
		break;
	case RTA_OIF:
		if_indextoname(mnl_attr_get_u32(attribute), route->interface);
		break;
	case RTA_PRIORITY:
		route->priority = mnl_attr_get_u32(attribute);
		break;
	case RTA_TABLE:
		route->table = mnl_attr_get_u32(attribute);
		break;
	case RTA_METRICS:
		return mnl_attr_parse_nested(attribute, take_metric, route);
	}
	return MNL_CB_OK;
}

/* Keeps the best of the default routes; multipath ones, which name no interface, are left out. */
static int take_default_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct host_route route = { .table = header->rtm_table }, *best = data;

	if (header->rtm_dst_len || header->rtm_type != RTN_UNICAST)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*header), take_route_attribute, &route);
	if (route.table != RT_TABLE_MAIN || !route.interface[0])
		return MNL_CB_OK;
	if (!best->interface[0] || route.priority < best->priority)
		*best = route;
	return MNL_CB_OK;
}

int host_default_route(uint8_t family, struct host_route *out)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETROUTE, NLM_F_DUMP);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	int err;

	*out = (struct host_route){ 0 };
	route->rtm_family = socket_family(family);
	err = netlink_ask(request, take_default_route, out);
	if (err)
		return err;
	return out->interface[0] ? 0 : -ENOENT;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);

	mnl_attr_parse(message, sizeof(*header), take_route_attribute, data);
	return MNL_CB_STOP;
}

int host_find_route(const struct address *address, struct host_route *out)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETROUTE, 0);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	size_t bytes = address_bytes(address->family);
	int err;

	*out = (struct host_route){ 0 };
	route->rtm_family = socket_family(address->family);
	route->rtm_dst_len = (uint8_t)(bytes * 8);
	mnl_attr_put(request, RTA_DST, bytes, address->bytes);
	err = netlink_ask(request, take_route, out);
	if (err == -EHOSTUNREACH || err == -EINVAL || err == -EACCES)
		return -ENETUNREACH;
	return err;
}

static int take_neighbour(const struct nlmsghdr *message, void *data)
{
	const struct ndmsg *neighbour = mnl_nlmsg_get_payload(message);

	*(bool *)data = neighbour->ndm_state & NUD_FAILED;
	return MNL_CB_STOP;
}

bool host_neighbour_failed(const char *interface, const struct address *address)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETNEIGH, 0);
	struct ndmsg *neighbour = mnl_nlmsg_put_extra_header(request, sizeof(*neighbour));
	bool failed = false;

	neighbour->ndm_family = socket_family(address->family);
	neighbour->ndm_ifindex = (int)if_nametoindex(interface);
	mnl_attr_put(request, NDA_DST, address_bytes(address->family), address->bytes);
	return !netlink_ask(request, take_neighbour, &failed) && failed;
}

struct tunnels {
	struct host_tunnel *found;
	int count;
};

static int take_kind(const struct nlattr *attribute, void *data)
{
	struct host_tunnel *tunnel = data;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		snprintf(tunnel->kind, sizeof(tunnel->kind), "%.*s",
			 (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
	return MNL_CB_OK;
}

static int take_link_attribute(const struct nlattr *attribute, void *data)
{
	struct host_tunnel *tunnel = data;

	if (mnl_attr_get_type(attribute) == IFLA_IFNAME)
		snprintf(tunnel->interface, sizeof(tunnel->interface), "%.*s",
			 (int)mnl_attr_get_payload_len(attribute), mnl_attr_get_str(attribute));
	if (mnl_attr_get_type(attribute) == IFLA_LINKINFO)
		return mnl_attr_parse_nested(attribute, take_kind, tunnel);
	return MNL_CB_OK;
}

static int take_tunnel(const struct nlmsghdr *message, void *data)
{
	static const char *const kinds[] = { "ipip", "ip6tnl", "sit", "gre", "ip6gre" };
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct host_tunnel tunnel = { 0 };
	struct tunnels *tunnels = data;

	if (!(link->ifi_flags & IFF_UP) || tunnels->count == HOST_MAX_TUNNELS)
		return MNL_CB_OK;
	mnl_attr_parse(message, sizeof(*link), take_link_attribute, &tunnel);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (!strcmp(tunnel.kind, kinds[i]))
			tunnels->found[tunnels->count++] = tunnel;
	return MNL_CB_OK;
}

int host_find_tunnels(struct host_tunnel found[HOST_MAX_TUNNELS])
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETLINK, NLM_F_DUMP);
	struct tunnels tunnels = { found, 0 };
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));
	int err;

	link->ifi_family = AF_UNSPEC;
	err = netlink_ask(request, take_tunnel, &tunnels);
	return err ? err : tunnels.count;
}
