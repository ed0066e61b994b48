// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Links and routes, asked by rtnetlink. */
#include "doctor_netlink.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "doctor_host.h"

enum { REQUEST_BYTES = 256, ANSWER_BYTES = 32768 };

/* Sends one request, and gives the one message of the answer to callback. 0 or a negative errno. */
static int ask(struct nlmsghdr *request, mnl_cb_t callback, void *data)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	static char answer[ANSWER_BYTES];
	ssize_t length;
	int err = 0;

	if (!socket)
		return -errno;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_sendto(socket, request, request->nlmsg_len) < 0) {
		err = -errno;
		goto out;
	}
	length = mnl_socket_recvfrom(socket, answer, sizeof(answer));
	if (length < 0 || mnl_cb_run(answer, (size_t)length, 0, mnl_socket_get_portid(socket),
				     callback, data) < 0)
		err = -errno;
out:
	mnl_socket_close(socket);
	return err;
}

static struct nlmsghdr *begin(char *buffer, uint16_t type)
{
	struct nlmsghdr *request;

	memset(buffer, 0, REQUEST_BYTES);
	request = mnl_nlmsg_put_header(buffer);
	request->nlmsg_type = type;
	request->nlmsg_flags = NLM_F_REQUEST;
	return request;
}

struct link_facts {
	bool up, veth, elsewhere, xdp;
	uint32_t mtu, peer;
};

static int take_kind(const struct nlattr *attribute, void *data)
{
	struct link_facts *facts = data;

	if (mnl_attr_get_type(attribute) == IFLA_INFO_KIND)
		facts->veth = !strcmp(mnl_attr_get_str(attribute), "veth");
	return MNL_CB_OK;
}

static int take_xdp(const struct nlattr *attribute, void *data)
{
	struct link_facts *facts = data;

	if (mnl_attr_get_type(attribute) == IFLA_XDP_ATTACHED)
		facts->xdp = mnl_attr_get_u8(attribute) == XDP_ATTACHED_DRV;
	return MNL_CB_OK;
}

static int take_link_attribute(const struct nlattr *attribute, void *data)
{
	struct link_facts *facts = data;

	switch (mnl_attr_get_type(attribute)) {
	case IFLA_MTU:
		facts->mtu = mnl_attr_get_u32(attribute);
		break;
	case IFLA_LINK:
		facts->peer = mnl_attr_get_u32(attribute);
		break;
	case IFLA_LINK_NETNSID:
		facts->elsewhere = true;
		break;
	case IFLA_LINKINFO:
		return mnl_attr_parse_nested(attribute, take_kind, facts);
	case IFLA_XDP:
		return mnl_attr_parse_nested(attribute, take_xdp, facts);
	}
	return MNL_CB_OK;
}

static int take_link(const struct nlmsghdr *message, void *data)
{
	const struct ifinfomsg *link = mnl_nlmsg_get_payload(message);
	struct link_facts *facts = data;

	facts->up = (link->ifi_flags & (IFF_UP | IFF_RUNNING)) == (IFF_UP | IFF_RUNNING);
	mnl_attr_parse(message, sizeof(*link), take_link_attribute, facts);
	return MNL_CB_STOP;
}

static int ask_link(uint32_t ifindex, struct link_facts *facts)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_GETLINK);
	struct ifinfomsg *link = mnl_nlmsg_put_extra_header(request, sizeof(*link));

	*facts = (struct link_facts){ 0 };
	link->ifi_family = AF_UNSPEC;
	link->ifi_index = (int)ifindex;
	return ask(request, take_link, facts);
}

int doctor_netlink_link(const char *interface, struct host_link *out)
{
	uint32_t ifindex = if_nametoindex(interface);
	struct link_facts facts, peer;
	int err = ifindex ? ask_link(ifindex, &facts) : -ENODEV;

	if (err)
		return err;
	out->up = facts.up;
	out->mtu = facts.mtu;
	out->veth = facts.veth;
	if (!facts.veth || facts.elsewhere || !if_indextoname(facts.peer, out->peer))
		return 0;
	err = ask_link(facts.peer, &peer);
	out->peer_xdp = !err && peer.xdp;
	return err;
}

static int take_metric(const struct nlattr *attribute, void *data)
{
	struct host_route *route = data;

	if (mnl_attr_get_type(attribute) == RTAX_MTU)
		route->mtu = mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_route_attribute(const struct nlattr *attribute, void *data)
{
	struct host_route *route = data;

	if (mnl_attr_get_type(attribute) == RTA_OIF)
		if_indextoname(mnl_attr_get_u32(attribute), route->interface);
	if (mnl_attr_get_type(attribute) == RTA_METRICS)
		return mnl_attr_parse_nested(attribute, take_metric, route);
	return MNL_CB_OK;
}

static int take_route(const struct nlmsghdr *message, void *data)
{
	const struct rtmsg *header = mnl_nlmsg_get_payload(message);
	struct host_route *route = data;

	route->local = header->rtm_type == RTN_LOCAL;
	route->found = route->local || header->rtm_type == RTN_UNICAST;
	mnl_attr_parse(message, sizeof(*header), take_route_attribute, route);
	return MNL_CB_STOP;
}

int host_route(const struct address *address, struct host_route *out)
{
	char buffer[REQUEST_BYTES];
	struct nlmsghdr *request = begin(buffer, RTM_GETROUTE);
	struct rtmsg *route = mnl_nlmsg_put_extra_header(request, sizeof(*route));
	uint8_t bytes = address->family == 4 ? 4 : 16;
	int err;

	*out = (struct host_route){ 0 };
	route->rtm_family = address->family == 4 ? AF_INET : AF_INET6;
	route->rtm_dst_len = bytes * 8;
	mnl_attr_put(request, RTA_DST, bytes, address->bytes);
	err = ask(request, take_route, out);
	if (err == -ENETUNREACH || err == -EHOSTUNREACH || err == -EINVAL || err == -EACCES)
		return 0; /* no route at all, or one that refuses */
	return err;
}
