// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The qdisc that TC programs hang on: see qdisc.h. */
#include "qdisc.h"

#include <errno.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <string.h>

#include "netlink.h"

struct search {
	int ifindex;
	enum qdisc_kind kind;
};

static int take_kind(const struct nlattr *attribute, void *data)
{
	struct search *search = data;

	if (mnl_attr_get_type(attribute) != TCA_KIND ||
	    mnl_attr_validate(attribute, MNL_TYPE_NUL_STRING) < 0)
		return MNL_CB_OK;
	if (!strcmp(mnl_attr_get_str(attribute), "clsact"))
		search->kind = QDISC_CLSACT;
	if (!strcmp(mnl_attr_get_str(attribute), "ingress"))
		search->kind = QDISC_INGRESS;
	return MNL_CB_OK;
}

/* The kernel lists those of all interfaces. */
static int take_qdisc(const struct nlmsghdr *message, void *data)
{
	const struct tcmsg *qdisc = mnl_nlmsg_get_payload(message);
	struct search *search = data;

	if (qdisc->tcm_ifindex == search->ifindex && qdisc->tcm_parent == TC_H_CLSACT)
		mnl_attr_parse(message, sizeof(*qdisc), take_kind, search);
	return MNL_CB_OK;
}

static struct nlmsghdr *begin_dump(char *buffer, uint16_t type, unsigned int ifindex,
				   uint32_t parent)
{
	struct nlmsghdr *request = netlink_begin(buffer, type, NLM_F_DUMP);
	struct tcmsg *tc = mnl_nlmsg_put_extra_header(request, sizeof(*tc));

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	return request;
}

int qdisc_find(unsigned int ifindex, enum qdisc_kind *kind)
{
	struct search search = { .ifindex = (int)ifindex };
	char buffer[NETLINK_MESSAGE_BYTES];
	int err;

	err = netlink_ask(begin_dump(buffer, RTM_GETQDISC, ifindex, 0), take_qdisc, &search);
	*kind = search.kind;
	return err;
}

static int take_filter(const struct nlmsghdr *message, void *data)
{
	bool *used = data;

	(void)message;
	*used = true;
	return MNL_CB_OK;
}

int qdisc_is_used(unsigned int ifindex, bool *used)
{
	static const uint32_t directions[] = { TC_H_MIN_INGRESS, TC_H_MIN_EGRESS };
	char buffer[NETLINK_MESSAGE_BYTES];
	int err = 0;

	*used = false;
	for (size_t i = 0; !err && i < sizeof(directions) / sizeof(directions[0]); i++)
		err = netlink_ask(begin_dump(buffer, RTM_GETTFILTER, ifindex,
					     TC_H_MAKE(TC_H_CLSACT, directions[i])),
				  take_filter, used);
	return err;
}
