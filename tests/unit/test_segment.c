// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The size of segments that fit a tunnel. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "poise_agent_abi.h"
#include "segment.h"

enum {
	IPIP = 1 << POISE_AGENT_IPIP,
	GUE = 1 << POISE_AGENT_GUE,
	GRE = 1 << POISE_AGENT_GRE,
};

static const struct {
	const char *name;
	struct segment_tunnel tunnel;
	uint32_t mtu;
	uint16_t size4, size6;
} cases[] = {
	{ "IP in IPv4", { IPIP, false, false, false }, 1500, 1440, 1420 },
	{ "IP in IPv6", { IPIP, true, false, false }, 1500, 1420, 1400 },
	{ "GRE", { IPIP | GRE, false, false, false }, 1500, 1436, 1416 },
	{ "GUE, the largest of all", { IPIP | GUE | GRE, false, false, false }, 1500, 1428, 1408 },
	{ "GUE over IPv6", { GUE, true, false, false }, 1500, 1408, 1388 },
	{ "a chain of IPv4", { GUE, false, true, false }, 1500, 1416, 1396 },
	{ "a chain of IPv4 over IPv6", { GUE, true, true, false }, 1500, 1396, 1376 },
	/* which is more than what an IPv4 tunnel's packet takes at most on its way: 72 */
	{ "a chain of IPv6, which leads over IPv6", { GUE, false, true, true }, 1500, 1372, 1352 },
	{ "jumbo frames", { GUE, true, true, true }, 9000, 8872, 8852 },
	{ "no room for IPv6's headers", { IPIP, false, false, false }, 80, 20, 0 },
	{ "no room at all", { GUE, true, true, true }, 100, 0, 0 },
	{ "more than a word holds", { IPIP, false, false, false }, 100000, 65535, 65535 },
};

static void test_sizes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint16_t size4 = segment_size(&cases[i].tunnel, cases[i].mtu, 4);
		uint16_t size6 = segment_size(&cases[i].tunnel, cases[i].mtu, 6);

		if (size4 != cases[i].size4 || size6 != cases[i].size6)
			fail_msg("%s: expected %u and %u, got %u and %u", cases[i].name,
				 cases[i].size4, cases[i].size6, size4, size6);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_sizes) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
