/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "reattach.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "loader.h"
#include "log.h"
#include "timer.h"

enum {
	LOOK_MS = 1000, /* an interface that is not up sends no notice of its program */
	NOTICE_MS = 50, /* from a notice of the kernel, of which there may be many, to a look */
};

struct reattach {
	struct daemon *daemon;
	struct event *timer;
	bool noticed;
};

static const struct config_interface *configured(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->interface_count; i++)
		if (strcmp(config->interfaces[i].name, name) == 0)
			return &config->interfaces[i];
	return NULL;
}

/* Is all as it was when it was last looked at in full? That is cheap to find out. */
static bool is_unchanged(const struct attachment *attachment)
{
	uint32_t ifindex = if_nametoindex(attachment_name(attachment));
	__u32 program = 0;

	if (attachment->name_now[0] && if_nametoindex(attachment->interface))
		return false; /* it, or another, has that name again */
	return ifindex == attachment->ifindex && attachment->program_id &&
	       bpf_xdp_query_id(ifindex, 0, &program) == 0 && program == attachment->program_id;
}

static void look_at(struct daemon *daemon, size_t i)
{
	const struct attachment *attachment = loader_attachment(daemon->loader, i);
	const struct config_interface *interface =
		configured(daemon->balancer->config, attachment->interface);

	if (attachment->unnamed)
		loader_restore_unnamed(daemon->loader, i);
	else if (interface && !is_unchanged(attachment) &&
		 loader_restore(daemon->loader, i, interface))
		balancer_renew_egress(daemon->balancer, attachment->ifindex);
}

static void look(evutil_socket_t fd, short what, void *context)
{
	struct reattach *reattach = context;
	struct daemon *daemon = reattach->daemon;

	(void)fd;
	(void)what;
	reattach->noticed = false;
	for (size_t i = loader_attachment_count(daemon->loader); i-- > 0;) /* some are forgotten */
		look_at(daemon, i);
	timer_set(reattach->timer, LOOK_MS);
}

static void on_link(void *context)
{
	struct reattach *reattach = context;

	if (!reattach->noticed)
		timer_set(reattach->timer, NOTICE_MS);
	reattach->noticed = true;
}

int reattach_new(struct daemon *daemon, struct reattach **out)
{
	struct reattach *reattach = calloc(1, sizeof(*reattach));

	if (!reattach)
		return -ENOMEM;
	reattach->daemon = daemon;
	reattach->timer = evtimer_new(daemon->base, look, reattach);
	if (!reattach->timer) {
		free(reattach);
		return -ENOMEM;
	}
	nexthops_on_link(daemon->balancer->nexthops, on_link, reattach);
	timer_set(reattach->timer, 0);
	*out = reattach;
	return 0;
}

void reattach_free(struct reattach *reattach)
{
	if (!reattach)
		return;
	nexthops_on_link(reattach->daemon->balancer->nexthops, NULL, NULL);
	event_free(reattach->timer);
	free(reattach);
}
