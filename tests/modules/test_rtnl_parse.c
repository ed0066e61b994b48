/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What is read from the kernel's messages about links: VLAN interfaces, and what makes no sense. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "rtnl_parse.h" /* before linux/if.h, which yields to net/if.h */

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_ether.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if_arp.h>
#include <stdint.h>
#include <string.h>

#include "poise_abi.h"

enum { MESSAGE_BYTES = 512, NONE = -1 };

/* A link's message, as the kernel writes it; fields that are NONE are left out. */
struct message {
	const char *name; /* of the test */
	const char *kind; /* NULL: no IFLA_LINKINFO */
	int id, protocol; /* of the VLAN, host order */
	int link;	  /* IFLA_LINK */
	int namespace;	  /* IFLA_LINK_NETNSID */
	int id_bytes;	  /* of IFLA_VLAN_ID; 0: two */
	bool no_data;	  /* IFLA_INFO_DATA is left out */
	int err;	  /* expected, as the next two */
	uint16_t vlan;
	uint32_t parent;
};

static const struct message messages[] = {
	{ "no kind", NULL, NONE, NONE, NONE, NONE, .vlan = 0 },
	{ "veth, whose peer is no parent", "veth", NONE, NONE, 4, 1, .vlan = 0 },
	{ "802.1Q", "vlan", 7, ETH_P_8021Q, 4, NONE, .vlan = POISE_VLAN_TAG | 7, .parent = 4 },
	{ "802.1ad", "vlan", 4094, ETH_P_8021AD, 4, NONE,
	  .vlan = POISE_VLAN_TAG | POISE_VLAN_SERVICE | 4094, .parent = 4 },
	{ "priority tag", "vlan", 0, ETH_P_8021Q, 4, NONE, .vlan = POISE_VLAN_TAG, .parent = 4 },
	{ "without a protocol", "vlan", 9, NONE, 4, NONE, .vlan = POISE_VLAN_TAG | 9, .parent = 4 },
	{ "parent elsewhere", "vlan", 7, ETH_P_8021Q, 4, 0, .vlan = POISE_VLAN_TAG | 7 },
	{ "parent elsewhere, of the same ifindex", "vlan", 7, ETH_P_8021Q, NONE, 0,
	  .vlan = POISE_VLAN_TAG | 7 },
	{ "its own parent", "vlan", 7, ETH_P_8021Q, 5, NONE, .err = -EBADMSG },
	{ "no parent", "vlan", 7, ETH_P_8021Q, NONE, NONE, .err = -EBADMSG },
	{ "parent 0", "vlan", 7, ETH_P_8021Q, 0, NONE, .err = -EBADMSG },
	{ "no id", "vlan", NONE, ETH_P_8021Q, 4, NONE, .err = -EBADMSG },
	{ "id too large", "vlan", 4096, ETH_P_8021Q, 4, NONE, .err = -EBADMSG },
	{ "id of one byte", "vlan", 7, ETH_P_8021Q, 4, NONE, 1, .err = -EBADMSG },
	{ "id of four bytes", "vlan", 7, ETH_P_8021Q, 4, NONE, 4, .err = -EBADMSG },
	{ "other protocol", "vlan", 7, ETH_P_IP, 4, NONE, .err = -EBADMSG },
	{ "no data", "vlan", 7, ETH_P_8021Q, 4, NONE, .no_data = true, .err = -EBADMSG },
};

static void put_kind(struct nlmsghdr *message, const struct message *from)
{
	struct nlattr *info = mnl_attr_nest_start(message, IFLA_LINKINFO), *data;
	uint32_t id = from->id;

	mnl_attr_put_strz(message, IFLA_INFO_KIND, from->kind);
	if (!from->no_data) {
		data = mnl_attr_nest_start(message, IFLA_INFO_DATA);
		if (from->protocol != NONE)
			mnl_attr_put_u16(message, IFLA_VLAN_PROTOCOL, htons(from->protocol));
		if (from->id != NONE)
			mnl_attr_put(message, IFLA_VLAN_ID, from->id_bytes ? from->id_bytes : 2,
				     &id);
		mnl_attr_nest_end(message, data);
	}
	mnl_attr_nest_end(message, info);
}

static struct nlmsghdr *make(char *memory, const struct message *from)
{
	static const uint8_t mac[] = { 2, 0, 0, 0, 0xa, 0 };
	struct nlmsghdr *message = mnl_nlmsg_put_header(memory);
	struct ifinfomsg *link;

	message->nlmsg_type = RTM_NEWLINK;
	link = mnl_nlmsg_put_extra_header(message, sizeof(*link));
	link->ifi_index = 5;
	link->ifi_type = ARPHRD_ETHER;
	link->ifi_flags = IFF_UP | IFF_LOWER_UP;
	mnl_attr_put_strz(message, IFLA_IFNAME, "v7");
	mnl_attr_put_u32(message, IFLA_MTU, 1400);
	mnl_attr_put(message, IFLA_ADDRESS, sizeof(mac), mac);
	if (from->link != NONE)
		mnl_attr_put_u32(message, IFLA_LINK, from->link);
	if (from->kind)
		put_kind(message, from);
	if (from->namespace != NONE)
		mnl_attr_put_u32(message, IFLA_LINK_NETNSID, from->namespace);
	return message;
}

static void vlan_interfaces(void **state)
{
	_Alignas(struct nlmsghdr) char memory[MESSAGE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		const struct message *want = &messages[i];
		struct rtnl_link got;
		int err = rtnl_parse_link(make(memory, want), &got);

		if (err != want->err ||
		    (!err && (got.vlan != want->vlan || got.parent != want->parent)))
			fail_msg("%s: expected %d, tag %04x, parent %u; got %d, tag %04x, "
				 "parent %u",
				 want->name, want->err, want->vlan, want->parent, err, got.vlan,
				 got.parent);
		if (err)
			continue;
		assert_true(got.ifindex == 5 && got.ethernet && got.up && got.mtu == 1400);
		assert_string_equal(got.name, "v7");
	}
}

/* Half an attribute is none. Lengths are rounded up to words, as the kernel does. */
static void truncated_at_every_byte(void **state)
{
	_Alignas(struct nlmsghdr) char memory[MESSAGE_BYTES];
	struct nlmsghdr *message = make(memory, &messages[3]);
	size_t whole = message->nlmsg_len;
	struct rtnl_link got;

	(void)state;
	for (size_t length = MNL_NLMSG_HDRLEN; MNL_ALIGN(length) < whole; length++) {
		make(memory, &messages[3]);
		memset(memory + length, 0xff, sizeof(memory) - length);
		message->nlmsg_len = length;
		rtnl_parse_link(message, &got);
		assert_int_not_equal(got.vlan, messages[3].vlan);
	}
	make(memory, &messages[3]);
	assert_int_equal(rtnl_parse_link(message, &got), 0);
	assert_int_equal(got.vlan, messages[3].vlan);
}

/* An attribute inside the VLAN's that claims to be longer than what holds it. */
static void lying_nested_length(void **state)
{
	_Alignas(struct nlmsghdr) char memory[MESSAGE_BYTES];
	struct nlmsghdr *message = make(memory, &messages[3]);
	struct rtnl_link got;
	struct nlattr *inner;

	(void)state;
	mnl_attr_for_each(inner, message, sizeof(struct ifinfomsg)) if (mnl_attr_get_type(inner) ==
									IFLA_LINKINFO)(
		(struct nlattr *)mnl_attr_get_payload(inner))
		->nla_len = 400;
	assert_int_equal(rtnl_parse_link(message, &got), 0);
	assert_int_equal(got.vlan, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vlan_interfaces),
		cmocka_unit_test(truncated_at_every_byte),
		cmocka_unit_test(lying_nested_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
