// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Ids of network namespaces: see netns.h, and rtnetlink(7), RTM_NEWNSID. */
#include "netns.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/net_namespace.h>
#include <linux/nsfs.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "netlink.h"

static int take_attribute(const struct nlattr *attribute, void *data)
{
	if (mnl_attr_get_type(attribute) == NETNSA_NSID &&
	    mnl_attr_get_payload_len(attribute) == sizeof(int32_t))
		*(int32_t *)data = (int32_t)mnl_attr_get_u32(attribute);
	return MNL_CB_OK;
}

static int take_id(const struct nlmsghdr *message, void *data)
{
	mnl_attr_parse(message, sizeof(struct rtgenmsg), take_attribute, data);
	return MNL_CB_STOP;
}

/* NETNSA_NSID_NOT_ASSIGNED: it has none. */
static int get_id(int namespace, int32_t *id)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETNSID, 0);

	*id = NETNSA_NSID_NOT_ASSIGNED;
	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t) namespace);
	return netlink_ask(request, take_id, id);
}

struct search {
	int32_t wanted;
	bool found;
};

static int take_listed(const struct nlmsghdr *message, void *data)
{
	struct search *search = data;
	int32_t id = NETNSA_NSID_NOT_ASSIGNED;

	mnl_attr_parse(message, sizeof(struct rtgenmsg), take_attribute, &id);
	search->found |= id == search->wanted;
	return MNL_CB_OK;
}

bool netns_has_id(int32_t id)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_GETNSID, NLM_F_DUMP);
	struct search search = { .wanted = id };

	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	return netlink_ask(request, take_listed, &search) || search.found;
}

/* The kernel chooses it. */
static int give_id(int namespace)
{
	char buffer[NETLINK_MESSAGE_BYTES];
	struct nlmsghdr *request = netlink_begin(buffer, RTM_NEWNSID, NLM_F_ACK);
	int err;

	mnl_nlmsg_put_extra_header(request, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(request, NETNSA_FD, (uint32_t) namespace);
	mnl_attr_put_u32(request, NETNSA_NSID, (uint32_t)NETNSA_NSID_NOT_ASSIGNED);
	err = netlink_ask(request, NULL, NULL);
	return err == -EEXIST ? 0 : err; /* somebody gave it one meanwhile */
}

static int check_type(int namespace)
{
	int type = ioctl(namespace, NS_GET_NSTYPE);

	if (type < 0)
		return -errno;
	return type == CLONE_NEWNET ? 0 : -ENOTTY;
}

/* A descriptor, or a negative errno. */
static int open_namespace(const char *path)
{
	int namespace = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), err;

	if (namespace < 0)
		return -errno;
	err = check_type(namespace);
	if (!err)
		return namespace;
	close(namespace);
	return err;
}

int netns_check(const char *path)
{
	int namespace = open_namespace(path);

	if (namespace < 0)
		return namespace;
	close(namespace);
	return 0;
}

int netns_find_id(const char *path, int32_t *id)
{
	int namespace = open_namespace(path), err;

	if (namespace < 0)
		return namespace;
	err = get_id(namespace, id);
	if (!err && *id == NETNSA_NSID_NOT_ASSIGNED) {
		err = give_id(namespace);
		if (!err)
			err = get_id(namespace, id);
	}
	close(namespace);
	return err;
}

enum { NOT_ASKED = 1 };

void netns_list_init(struct netns_list *list, const char *const *paths, size_t count)
{
	*list = (struct netns_list){ .paths = paths, .path_count = count };
	for (size_t i = 0; i < count; i++)
		list->outcomes[i] = NOT_ASKED;
}

static void add_id(struct netns_list *list, int32_t id)
{
	for (size_t i = 0; i < list->count; i++)
		if (list->ids[i] == id)
			return;
	list->ids[list->count++] = id;
}

void netns_list_find(struct netns_list *list, void (*tell)(const char *path, int outcome))
{
	list->count = 0;
	for (size_t i = 0; i < list->path_count; i++) {
		int32_t id;
		int outcome = netns_find_id(list->paths[i], &id);

		if (!outcome)
			add_id(list, id);
		if (tell && outcome != list->outcomes[i])
			tell(list->paths[i], outcome);
		list->outcomes[i] = outcome;
	}
}

const char *netns_error(int outcome)
{
	return outcome == -ENOTTY ? "not a network namespace" : strerror(-outcome);
}
