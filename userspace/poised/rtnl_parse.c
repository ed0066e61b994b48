/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "rtnl_parse.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <string.h>

#include "poise_abi.h"

enum { ATTRIBUTES = 64 }; /* the types that are looked at are below it */

/* A message's attributes by type; the last one counts, as in the kernel. */
struct attributes {
	const struct nlattr *of[ATTRIBUTES];
};

static int collect(const struct nlattr *attribute, void *data)
{
	struct attributes *attributes = data;
	uint16_t type = mnl_attr_get_type(attribute);

	if (type < ATTRIBUTES)
		attributes->of[type] = attribute;
	return MNL_CB_OK;
}

/* The family's header of a message, its attributes collected; NULL when it is too short. */
static const void *parse(const struct nlmsghdr *message, size_t header, struct attributes *out)
{
	memset(out, 0, sizeof(*out));
	if (mnl_nlmsg_get_payload_len(message) < header)
		return NULL;
	if (mnl_attr_parse(message, header, collect, out) < 0)
		return NULL;
	return mnl_nlmsg_get_payload(message);
}

/* An attribute that is missing leaves *out as it is. */
static int read_u32(const struct nlattr *attribute, uint32_t *out)
{
	if (!attribute)
		return 0;
	if (mnl_attr_validate(attribute, MNL_TYPE_U32) < 0)
		return -EBADMSG;
	*out = mnl_attr_get_u32(attribute);
	return 0;
}

static size_t address_bytes(int family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* bytes: length of them at data. */
static int set_address(int family, const void *data, size_t length, struct address *out)
{
	if (length == 0 || length != address_bytes(family))
		return -EBADMSG;
	memset(out, 0, sizeof(*out));
	out->family = family == AF_INET ? 4 : 6;
	memcpy(out->bytes, data, length);
	return 0;
}

static int read_address(const struct nlattr *attribute, int family, struct address *out)
{
	return set_address(family, mnl_attr_get_payload(attribute),
			   mnl_attr_get_payload_len(attribute), out);
}

/* RTA_VIA: a family (16 bits), then the address: an IPv4 route's IPv6 gateway (RFC 5549). */
static int read_via(const struct nlattr *attribute, struct address *out)
{
	const uint8_t *payload = mnl_attr_get_payload(attribute);
	size_t length = mnl_attr_get_payload_len(attribute);
	uint16_t family;

	if (length < sizeof(family))
		return -EBADMSG;
	memcpy(&family, payload, sizeof(family));
	return set_address(family, payload + sizeof(family), length - sizeof(family), out);
}

static int read_metric_mtu(const struct nlattr *metrics, uint32_t *mtu)
{
	struct attributes attributes = { 0 };

	if (!metrics)
		return 0;
	if (mnl_attr_validate(metrics, MNL_TYPE_NESTED) < 0 ||
	    mnl_attr_parse_nested(metrics, collect, &attributes) < 0)
		return -EBADMSG;
	return read_u32(attributes.of[RTAX_MTU], mtu);
}

int rtnl_parse_route(const struct nlmsghdr *message, struct rtnl_route *out, bool *expires)
{
	const struct rta_cacheinfo *cache;
	struct attributes attributes;
	const struct rtmsg *route = parse(message, sizeof(*route), &attributes);
	int err = 0;

	memset(out, 0, sizeof(*out));
	if (!route || message->nlmsg_type != RTM_NEWROUTE)
		return -EBADMSG;
	if (route->rtm_type == RTN_LOCAL)
		out->type = RTNL_ROUTE_LOCAL;
	if (route->rtm_type != RTN_UNICAST)
		return 0;
	out->type = RTNL_ROUTE_UNICAST;
	err = read_u32(attributes.of[RTA_OIF], &out->ifindex);
	if (!err && out->ifindex == 0)
		err = -EBADMSG;
	if (!err)
		err = read_metric_mtu(attributes.of[RTA_METRICS], &out->mtu);
	if (!err && attributes.of[RTA_GATEWAY])
		err = read_address(attributes.of[RTA_GATEWAY], route->rtm_family, &out->gateway);
	if (!err && attributes.of[RTA_VIA])
		err = read_via(attributes.of[RTA_VIA], &out->gateway);
	if (err)
		return err;
	if (attributes.of[RTA_CACHEINFO]) {
		if (mnl_attr_get_payload_len(attributes.of[RTA_CACHEINFO]) < sizeof(*cache))
			return -EBADMSG;
		cache = mnl_attr_get_payload(attributes.of[RTA_CACHEINFO]);
		*expires |= cache->rta_expires != 0;
	}
	return 0;
}

/* protocol: as the kernel has it, in network byte order; 0 stands for 'not said'. */
static int vlan_tag(uint16_t id, uint16_t protocol, uint16_t *out)
{
	if (id > POISE_VLAN_ID)
		return -EBADMSG;
	*out = POISE_VLAN_TAG | id;
	if (protocol == htons(ETH_P_8021AD))
		*out |= POISE_VLAN_SERVICE;
	else if (protocol != 0 && protocol != htons(ETH_P_8021Q))
		return -EBADMSG;
	return 0;
}

/* data: IFLA_INFO_DATA of a VLAN interface. */
static int read_vlan(const struct nlattr *data, uint16_t *tag)
{
	struct attributes attributes = { 0 };
	const struct nlattr *id, *protocol;

	if (!data || mnl_attr_validate(data, MNL_TYPE_NESTED) < 0 ||
	    mnl_attr_parse_nested(data, collect, &attributes) < 0)
		return -EBADMSG;
	id = attributes.of[IFLA_VLAN_ID];
	protocol = attributes.of[IFLA_VLAN_PROTOCOL];
	if (!id || mnl_attr_validate(id, MNL_TYPE_U16) < 0 ||
	    (protocol && mnl_attr_validate(protocol, MNL_TYPE_U16) < 0))
		return -EBADMSG;
	return vlan_tag(mnl_attr_get_u16(id), protocol ? mnl_attr_get_u16(protocol) : 0, tag);
}

/* An interface of another kind, or of none, leaves *out as it is. */
static int read_kind(const struct attributes *link, struct rtnl_link *out)
{
	const struct nlattr *info = link->of[IFLA_LINKINFO], *kind;
	struct attributes attributes = { 0 };
	int err;

	if (!info)
		return 0;
	if (mnl_attr_validate(info, MNL_TYPE_NESTED) < 0 ||
	    mnl_attr_parse_nested(info, collect, &attributes) < 0)
		return -EBADMSG;
	kind = attributes.of[IFLA_INFO_KIND];
	if (!kind || mnl_attr_validate(kind, MNL_TYPE_NUL_STRING) < 0 ||
	    strcmp(mnl_attr_get_str(kind), "vlan") != 0)
		return 0;
	err = read_vlan(attributes.of[IFLA_INFO_DATA], &out->vlan);
	if (err || link->of[IFLA_LINK_NETNSID]) /* the parent's ifindex is of that namespace */
		return err;
	err = read_u32(link->of[IFLA_LINK], &out->parent);
	return !err && (out->parent == 0 || out->parent == out->ifindex) ? -EBADMSG : err;
}

int rtnl_parse_link(const struct nlmsghdr *message, struct rtnl_link *out)
{
	enum { NEEDED = IFF_UP | IFF_LOWER_UP };
	struct attributes attributes;
	const struct ifinfomsg *link = parse(message, sizeof(*link), &attributes);
	const struct nlattr *mac = attributes.of[IFLA_ADDRESS];
	const struct nlattr *name = attributes.of[IFLA_IFNAME];

	memset(out, 0, sizeof(*out));
	if (!link || link->ifi_index <= 0)
		return -EBADMSG;
	out->ifindex = link->ifi_index;
	if (message->nlmsg_type == RTM_DELLINK)
		return 0;
	if (message->nlmsg_type != RTM_NEWLINK || !name ||
	    mnl_attr_validate(name, MNL_TYPE_NUL_STRING) < 0 ||
	    mnl_attr_get_payload_len(name) > sizeof(out->name))
		return -EBADMSG;
	strcpy(out->name, mnl_attr_get_str(name));
	out->up = (link->ifi_flags & NEEDED) == NEEDED;
	if (link->ifi_type == ARPHRD_ETHER && mac &&
	    mnl_attr_get_payload_len(mac) == sizeof(out->mac)) {
		out->ethernet = true;
		memcpy(out->mac, mnl_attr_get_payload(mac), sizeof(out->mac));
	}
	if (read_u32(attributes.of[IFLA_MTU], &out->mtu) < 0)
		return -EBADMSG;
	return read_kind(&attributes, out);
}

int rtnl_parse_neighbour(const struct nlmsghdr *message, struct rtnl_neighbour *out)
{
	struct attributes attributes;
	const struct ndmsg *entry = parse(message, sizeof(*entry), &attributes);
	const struct nlattr *mac = attributes.of[NDA_LLADDR];
	uint32_t more_flags = 0;
	int err;

	memset(out, 0, sizeof(*out));
	if (!entry || !attributes.of[NDA_DST])
		return -EBADMSG;
	out->ifindex = entry->ndm_ifindex;
	err = read_address(attributes.of[NDA_DST], entry->ndm_family, &out->address);
	if (err || message->nlmsg_type == RTM_DELNEIGH)
		return err;
	err = read_u32(attributes.of[NDA_FLAGS_EXT], &more_flags);
	if (err || message->nlmsg_type != RTM_NEWNEIGH)
		return -EBADMSG;
	out->state = entry->ndm_state;
	out->fixed = (entry->ndm_state & (NUD_PERMANENT | NUD_NOARP)) ||
		     (entry->ndm_flags & NTF_EXT_LEARNED) || (more_flags & NTF_EXT_MANAGED);
	if (mac && mnl_attr_get_payload_len(mac) == sizeof(out->mac)) {
		out->has_mac = true;
		memcpy(out->mac, mnl_attr_get_payload(mac), sizeof(out->mac));
	}
	return 0;
}

static int parse_route_prefix(const struct nlmsghdr *message, struct prefix *out)
{
	struct attributes attributes;
	const struct rtmsg *route = parse(message, sizeof(*route), &attributes);

	memset(out, 0, sizeof(*out));
	if (!route || address_bytes(route->rtm_family) == 0 ||
	    route->rtm_dst_len > 8 * address_bytes(route->rtm_family))
		return -EBADMSG;
	out->length = route->rtm_dst_len;
	out->address.family = route->rtm_family == AF_INET ? 4 : 6;
	if (!attributes.of[RTA_DST])
		return route->rtm_dst_len == 0 ? 0 : -EBADMSG;
	return read_address(attributes.of[RTA_DST], route->rtm_family, &out->address);
}

static int family_of(const struct nlmsghdr *message)
{
	const struct rtgenmsg *header = mnl_nlmsg_get_payload(message);

	return mnl_nlmsg_get_payload_len(message) < sizeof(*header) ? -1 : header->rtgen_family;
}

/* A bridge's ports and forwarding table are announced by the same messages, under AF_BRIDGE. */
int rtnl_parse_event(const struct nlmsghdr *message, struct rtnl_event *out)
{
	int family = family_of(message);

	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		out->type = message->nlmsg_type == RTM_NEWLINK ? RTNL_LINK_SET : RTNL_LINK_GONE;
		return family == AF_UNSPEC ? rtnl_parse_link(message, &out->link) : -EBADMSG;
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		out->type = message->nlmsg_type == RTM_NEWNEIGH ? RTNL_NEIGHBOUR_SET
								: RTNL_NEIGHBOUR_GONE;
		return address_bytes(family) ? rtnl_parse_neighbour(message, &out->neighbour)
					     : -EBADMSG;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		out->type = RTNL_ROUTE_CHANGED;
		return parse_route_prefix(message, &out->prefix);
	case RTM_NEWRULE:
	case RTM_DELRULE:
	case RTM_NEWADDR:
	case RTM_DELADDR:
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		out->type = RTNL_POLICY_CHANGED;
		return 0;
	}
	return -EBADMSG;
}
