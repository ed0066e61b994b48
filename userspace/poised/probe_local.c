/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "probe_local.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "timer.h"

enum { FRESH_MS = 3000, PATH_BYTES = 64 };

static bool is_set(const char *interface)
{
	char path[PATH_BYTES];
	FILE *file;
	int value = '0';

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/accept_local", interface);
	file = fopen(path, "re");
	if (!file)
		return false;
	value = getc(file);
	fclose(file);
	return value == '1';
}

static struct address address_of(const struct sockaddr *from)
{
	struct address address = { 0 };

	if (from->sa_family == AF_INET) {
		address.family = 4;
		memcpy(address.bytes, &((const struct sockaddr_in *)from)->sin_addr, 4);
	} else if (from->sa_family == AF_INET6) {
		address.family = 6;
		memcpy(address.bytes, &((const struct sockaddr_in6 *)from)->sin6_addr, 16);
	}
	return address;
}

/* The interface's first address of the service's family but that one. */
static struct address find_source(const struct address *service, const char *interface)
{
	struct address found = { 0 };
	struct ifaddrs *list;

	if (getifaddrs(&list))
		return found;
	for (struct ifaddrs *i = list; i && !found.family; i = i->ifa_next) {
		struct address address;

		if (!i->ifa_addr || strcmp(i->ifa_name, interface) != 0)
			continue;
		address = address_of(i->ifa_addr);
		if (address.family == service->family && address_is_host(&address) &&
		    !address_equal(&address, service))
			found = address;
	}
	freeifaddrs(list);
	return found;
}

void probe_local_refresh(struct probe_local *local, const struct address *service,
			 const char *interface)
{
	int64_t now = timer_now_ms();

	if (now < local->until_ms && strcmp(local->interface, interface) == 0)
		return;
	local->until_ms = now + FRESH_MS;
	snprintf(local->interface, sizeof(local->interface), "%s", interface);
	local->source = find_source(service, interface);
	local->accepted = service->family == 6 || is_set("all") || is_set(interface);
}
