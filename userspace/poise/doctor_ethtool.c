// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* An interface's driver, queues, rings and offloads, asked by ethtool's ioctl. */
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "doctor_host.h"
#include "doctor_netlink.h"

enum { MAX_FEATURES = 1024, FEATURES_A_BLOCK = 32 };

struct device {
	int fd;
	const char *name;
};

/* data begins with ethtool's command. */
static bool ask(const struct device *device, void *data)
{
	struct ifreq request = { .ifr_data = data };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", device->name);
	return ioctl(device->fd, SIOCETHTOOL, &request) == 0;
}

static void ask_queues(const struct device *device, struct host_link *out)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct ethtool_ringparam ring = { .cmd = ETHTOOL_GRINGPARAM };

	if (ask(device, &channels)) {
		out->combined = channels.max_combined > 0;
		out->queues = channels.combined_count + channels.rx_count;
		out->max_queues = out->combined ? channels.max_combined : channels.max_rx;
	}
	if (ask(device, &ring)) {
		out->ring = ring.rx_pending;
		out->max_ring = ring.rx_max_pending;
	}
}

/* How many offloads the kernel knows; 0: it does not tell. */
static uint32_t count_features(const struct device *device)
{
	struct {
		struct ethtool_sset_info info;
		uint32_t count;
	} set = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ull << ETH_SS_FEATURES } };

	if (!ask(device, &set) || !set.info.sset_mask || set.count > MAX_FEATURES)
		return 0;
	return set.count;
}

static void take_feature(const char *name, bool on, struct host_link *out)
{
	if (!strcmp(name, "rx-lro"))
		out->lro = on;
	if (!strcmp(name, "rx-gro-hw"))
		out->hw_gro = on;
	if (!strcmp(name, "rx-vlan-hw-parse"))
		out->rxvlan = on;
}

static void ask_features(const struct device *device, struct host_link *out)
{
	uint32_t count = count_features(device);
	uint32_t blocks = (count + FEATURES_A_BLOCK - 1) / FEATURES_A_BLOCK;
	struct ethtool_gstrings *names = calloc(1, sizeof(*names) + count * ETH_GSTRING_LEN);
	struct ethtool_gfeatures *features =
		calloc(1, sizeof(*features) + blocks * sizeof(features->features[0]));

	if (!count || !names || !features)
		goto out;
	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = count;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = blocks;
	if (!ask(device, names) || !ask(device, features))
		goto out;
	for (uint32_t i = 0; i < count; i++) {
		char name[ETH_GSTRING_LEN + 1] = "";

		memcpy(name, names->data + i * ETH_GSTRING_LEN, ETH_GSTRING_LEN);
		take_feature(
			name,
			features->features[i / FEATURES_A_BLOCK].active >> i % FEATURES_A_BLOCK & 1,
			out);
	}
out:
	free(names);
	free(features);
}

int host_link(const char *interface, struct host_link *out)
{
	struct device device = { socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), interface };
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	int err;

	*out = (struct host_link){ 0 };
	if (device.fd < 0)
		return -errno;
	err = doctor_netlink_link(interface, out);
	if (!err) {
		if (ask(&device, &driver))
			snprintf(out->driver, sizeof(out->driver), "%s", driver.driver);
		ask_queues(&device, out);
		ask_features(&device, out);
	}
	close(device.fd);
	return err;
}
