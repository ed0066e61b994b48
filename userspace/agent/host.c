// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What the host is set to: see host.h. Devices, addresses and sysctls; routes are in host_route.c.
 */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static int open_sysctl(const char *name, int flags)
{
	char path[HOST_SYSCTL_BYTES + 16];
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/%s", name);
	fd = open(path, flags | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int host_sysctl_get(const char *name, long *value)
{
	char text[32] = "", *end;
	int fd = open_sysctl(name, O_RDONLY);
	ssize_t length;

	if (fd < 0)
		return fd;
	length = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (length < 0)
		return -EIO;
	*value = strtol(text, &end, 10);
	return end == text ? -EINVAL : 0;
}

int host_sysctl_set(const char *name, long value)
{
	int fd = open_sysctl(name, O_WRONLY), err = 0;

	if (fd < 0)
		return fd;
	if (dprintf(fd, "%ld\n", value) < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Takes one ifaddrs apart: whether it is an IP address, and which. */
static bool get_address(const struct ifaddrs *entry, struct address *out)
{
	*out = (struct address){ 0 };
	if (!entry->ifa_addr)
		return false;
	if (entry->ifa_addr->sa_family == AF_INET) {
		out->family = 4;
		memcpy(out->bytes, &((struct sockaddr_in *)entry->ifa_addr)->sin_addr, 4);
		return true;
	}
	if (entry->ifa_addr->sa_family == AF_INET6) {
		out->family = 6;
		memcpy(out->bytes, &((struct sockaddr_in6 *)entry->ifa_addr)->sin6_addr, 16);
		return true;
	}
	return false;
}

static bool find_address(const struct address *address, char interface[IF_NAMESIZE])
{
	struct ifaddrs *all, *entry;
	struct address one;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (entry = all; entry && !found; entry = entry->ifa_next) {
		found = get_address(entry, &one) && address_equal(&one, address);
		if (found)
			snprintf(interface, IF_NAMESIZE, "%s", entry->ifa_name);
	}
	freeifaddrs(all);
	return found;
}

/* The kernel's list may miss an address while another one changes, and getifaddrs() does not tell.
 */
bool host_find_address(const struct address *address, char interface[IF_NAMESIZE])
{
	enum { TRIES = 3 };

	for (int i = 0; i < TRIES; i++)
		if (find_address(address, interface))
			return true;
	return false;
}

bool host_has_family(const char *interface, uint8_t family)
{
	struct ifaddrs *all, *entry;
	struct address one;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (entry = all; entry && !found; entry = entry->ifa_next)
		found = !strcmp(entry->ifa_name, interface) && get_address(entry, &one) &&
			one.family == family &&
			!(family == 6 && IN6_IS_ADDR_LINKLOCAL((struct in6_addr *)one.bytes));
	freeifaddrs(all);
	return found;
}

static int ask_device(unsigned long request, const char *interface, struct ifreq *ifreq)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), err = 0;

	if (fd < 0)
		return -errno;
	*ifreq = (struct ifreq){ 0 };
	snprintf(ifreq->ifr_name, sizeof(ifreq->ifr_name), "%s", interface);
	if (ioctl(fd, request, ifreq))
		err = -errno;
	close(fd);
	return err;
}

int host_mtu(const char *interface, uint32_t *mtu)
{
	struct ifreq ifreq;
	int err = ask_device(SIOCGIFMTU, interface, &ifreq);

	if (!err)
		*mtu = (uint32_t)ifreq.ifr_mtu;
	return err;
}

bool host_is_ethernet(const char *interface)
{
	struct ifreq ifreq;

	return !ask_device(SIOCGIFHWADDR, interface, &ifreq) &&
	       ifreq.ifr_hwaddr.sa_family == ARPHRD_ETHER;
}
