// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Forwarding of lo: see forwarding.h. */
#include "forwarding.h"

#include "host.h"

const char *forwarding_name(uint8_t family)
{
	return family == 4 ? "net/ipv4/conf/lo/forwarding" : "net/ipv6/conf/lo/forwarding";
}

bool forwarding_is_off(uint8_t family)
{
	long value;

	return !host_sysctl_get(forwarding_name(family), &value) && !value;
}

int forwarding_set(uint8_t family)
{
	return host_sysctl_set(forwarding_name(family), 1);
}
