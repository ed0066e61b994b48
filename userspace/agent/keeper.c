// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The process that keeps an interface attached: see keeper.h. */
#include "keeper.h"

#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "attach.h"
#include "forwarding.h"
#include "message.h"
#include "rights.h"

enum { LOOK_MS = 1000, PAUSE_MAX_LOOKS = 64 };

/* What is cheap to see, and changes with all that matters; 0: it is not there. */
struct sight {
	uint32_t ifindex, xdp_id, tc_ingress_id, tc_egress_id;
};

struct keeper {
	const struct options *options;
	const struct maps *maps;
	struct sight sight;
	bool whole;		    /* nothing is missing of it */
	bool gone;		    /* the interface was, since it was last whole */
	unsigned int pause, passed; /* looks between two tries, and since the last one */
	int forwarding_err[2];	    /* the last time, by family == 6 */
};

static struct sight see(const char *interface)
{
	struct sight sight = { .ifindex = if_nametoindex(interface) };
	struct attach_tc tc = { 0 };

	if (!sight.ifindex)
		return sight;
	bpf_xdp_query_id((int)sight.ifindex, 0, &sight.xdp_id);
	attach_tc_find(sight.ifindex, &tc);
	sight.tc_ingress_id = tc.ingress_id;
	sight.tc_egress_id = tc.egress_id;
	return sight;
}

/* Whether all that the maps' settings ask for is attached. 0 or a negative errno. */
static int find_whole(const struct keeper *keeper, bool *whole)
{
	unsigned int ifindex = if_nametoindex(keeper->options->interface);
	struct maps_tunnels tunnels;
	struct attachment now;
	int err;

	*whole = false;
	if (!ifindex)
		return 0;
	err = attachment_find(ifindex, &now);
	if (!err)
		err = maps_read_tunnels(keeper->maps, &tunnels);
	*whole = !err && now.program_id && (!tunnels.second_chance || now.tc.ingress_id) &&
		 (!(tunnels.mss4 || tunnels.mss6) || now.tc.egress_id);
	return err;
}

/* What is seen has changed; it is looked at again until it can be found out what it is. */
static void look_closely(struct keeper *keeper, const struct sight *now)
{
	if (find_whole(keeper, &keeper->whole))
		return;
	keeper->sight = *now;
	keeper->passed = keeper->pause = 0;
	if (!now->ifindex && !keeper->gone)
		warn_about("\"%s\" is gone, and the program with it: waiting for it to return",
			   keeper->options->interface);
	keeper->gone |= !now->ifindex;
}

static void tell_attaching(const struct keeper *keeper)
{
	const char *interface = keeper->options->interface;

	if (keeper->gone)
		inform("\"%s\" is back: attaching to it", interface);
	else
		warn_about("\"%s\" has lost a program that was attached: attaching again",
			   interface);
}

/* Another command that was at work may have done it, or be the reason. */
static void attach_what_is_missing(struct keeper *keeper)
{
	struct pins pins;

	if (attach_begin(keeper->options, &pins) != EXIT_DONE)
		return;
	if (!find_whole(keeper, &keeper->whole) && !keeper->whole) {
		tell_attaching(keeper);
		keeper->whole = attach_interface(keeper->options, &pins, keeper->maps) == EXIT_DONE;
	}
	keeper->gone &= !keeper->whole;
	pins_close(&pins);
	keeper->sight = see(keeper->options->interface);
	fflush(stdout);
}

/* Each failure is told; so the next try is later and later. */
static void attach(struct keeper *keeper)
{
	if (keeper->passed++ < keeper->pause)
		return;
	attach_what_is_missing(keeper);
	keeper->passed = 0;
	keeper->pause = keeper->pause ? 2 * keeper->pause : 1;
	if (keeper->pause > PAUSE_MAX_LOOKS)
		keeper->pause = PAUSE_MAX_LOOKS;
}

static void keep_forwarding(struct keeper *keeper, uint8_t family)
{
	int *last = &keeper->forwarding_err[family == 6];
	bool off = forwarding_is_off(family);
	int err = off ? forwarding_set(family) : 0;

	if (off && !err)
		warn_about("%s was set to 0: set to 1 again, for second chance",
			   forwarding_name(family));
	if (err && err != *last)
		warn_about("%s was set to 0, and cannot be set to 1: %s", forwarding_name(family),
			   strerror(-err));
	*last = err;
}

static void look(struct keeper *keeper)
{
	struct sight now = see(keeper->options->interface);

	if (memcmp(&now, &keeper->sight, sizeof(now)) != 0)
		look_closely(keeper, &now);
	if (!keeper->whole && now.ifindex)
		attach(keeper);
	if (keeper->options->hop_count) {
		keep_forwarding(keeper, 4);
		keep_forwarding(keeper, 6);
	}
}

/* Until the other end is closed. What ends `run` is not for this process, which ends with it. */
static void keep(struct keeper *keeper, int peer)
{
	struct pollfd pollfd = { .fd = peer, .events = POLLIN };
	int ready;

	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (rights_keep()) {
		warn_about("cannot give up the rights that attaching does not need");
		return;
	}
	keeper->sight = see(keeper->options->interface);
	keeper->whole = true;
	do {
		ready = poll(&pollfd, 1, LOOK_MS);
		if (!ready)
			look(keeper);
	} while (!ready || (ready < 0 && errno == EINTR));
}

int keeper_start(const struct options *options, const struct maps *maps)
{
	struct keeper keeper = { .options = options, .maps = maps };
	int ends[2];
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -errno;
	fflush(stdout);
	child = fork();
	if (child) {
		int err = child < 0 ? -errno : 0;

		close(ends[1]);
		if (err)
			close(ends[0]);
		return err ? err : ends[0];
	}
	close(ends[0]);
	keep(&keeper, ends[1]);
	_exit(0);
}
