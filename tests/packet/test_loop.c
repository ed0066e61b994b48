// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Packets that the fleet has encapsulated do not go round; those of others are the host's. */
#include <arpa/inet.h>
#include <linux/bpf.h>
#include <string.h>

#include "fate.h"
#include "hex.h"

enum { RING_SIZE = 251, GUE_PORT = 6080 };

#define SENT(name, ...)		   FATE(name, A4, XDP_TX, SENT, __VA_ARGS__)
#define PASSED(name, reason, ...)  FATE(name, A4, XDP_PASS, reason, __VA_ARGS__)
#define DROPPED(name, reason, ...) FATE(name, A4, XDP_DROP, reason, __VA_ARGS__)

#define OURS4	     ip4("172.16.200.1", VIP4)	 /* from 172.16.0.0/16 */
#define OURS6	     ip6("100::1234:5678", VIP6) /* from 100::/64 */
#define THEIRS4	     ip4("172.17.0.0", VIP4)
#define THEIRS6	     ip6("100:0:0:1::", VIP6)
#define INNER4	     ip4(CLIENT4, VIP4)
#define INNER6	     ip6(CLIENT6, VIP6)
#define WEB	     tcp(CLIENT_PORT, SERVICE_PORT, ACK)
#define GUE	     udp(CLIENT_PORT, GUE_PORT)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct fixture fixture;

static void test_fates(const struct fate *fates, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fate_test(&fixture, &fates[i]);
}

static void test_tunnels(void)
{
	const struct fate fates[] = {
		DROPPED("our 4in4", LOOP, OURS4, INNER4, WEB),
		DROPPED("our 6in4", LOOP, OURS4, INNER6, WEB),
		DROPPED("our 4in6", LOOP, OURS6, INNER4, WEB),
		DROPPED("our 6in6", LOOP, OURS6, INNER6, WEB),
		DROPPED("our GRE, IPv4", LOOP, next(OURS4, IPPROTO_GRE), payload(64)),
		DROPPED("our GRE, IPv6", LOOP, next(OURS6, IPPROTO_GRE), payload(64)),
		DROPPED("our GUE, IPv4", LOOP, OURS4, GUE, payload(64)),
		DROPPED("our GUE, IPv6", LOOP, OURS6, GUE, payload(64)),
		DROPPED("our 4in4 behind a tag", LOOP, vlan(1), OURS4, INNER4, WEB),
		DROPPED("our 4in6 behind options", LOOP, OURS6, ip6_extension(IPPROTO_DSTOPTS),
			INNER4, WEB),
		DROPPED("our 4in4, a later fragment", LOOP,
			next(ip4_fragment(OURS4, 185), IPPROTO_IPIP), payload(64)),
		PASSED("4in4 of others", NOT_SERVICE, THEIRS4, INNER4, WEB),
		PASSED("6in6 of others", NOT_SERVICE, THEIRS6, INNER6, WEB),
		PASSED("GRE of others", NOT_SERVICE, next(THEIRS4, IPPROTO_GRE), payload(64)),
		PASSED("GUE of others", NOT_SERVICE, THEIRS6, GUE, payload(64)),
		PASSED("our 4in4 to another address", NOT_SERVICE, ip4("172.16.0.1", OTHER4),
		       INNER4, WEB),
		PASSED("our 6in6 to another address", NOT_SERVICE, ip6("100::1", OTHER6), INNER6,
		       WEB),
		SENT("TCP from a tunnel's address", OURS4, WEB),
		SENT("UDP from a tunnel's address", ip4_options(OURS4, 4),
		     udp(GUE_PORT, SERVICE_PORT)),
		PASSED("another protocol from a tunnel's address", NOT_SERVICE,
		       next(OURS4, IPPROTO_SCTP), payload(64)),
		DROPPED("UDP from a tunnel's address, a later fragment", FRAGMENT_EARLY,
			next(ip4_fragment(OURS4, 185), IPPROTO_UDP), payload(64)),
	};

	test_fates(fates, COUNT(fates));
}

/* Without a mask no source is the fleet's, not even the address of zeros. */
static void test_unset(void)
{
	const struct fate fates[] = {
		PASSED("no IPv4 source set", NOT_SERVICE, OURS4, INNER4, WEB),
		PASSED("no IPv4 source set, from 0.0.0.0", NOT_SERVICE, ip4("0.0.0.0", VIP4),
		       INNER4, WEB),
		PASSED("no IPv6 source set", NOT_SERVICE, OURS6, INNER6, WEB),
		PASSED("no IPv6 source set, from ::", NOT_SERVICE, ip6("::", VIP6), INNER6, WEB),
	};
	struct poise_settings *settings = fixture_settings(&fixture);

	settings->source4 = settings->source4_mask = 0;
	memset(settings->source6, 0, sizeof(settings->source6));
	memset(settings->source6_mask, 0, sizeof(settings->source6_mask));
	test_fates(fates, COUNT(fates));
}

/* Masks that end within the second half of an IPv6 address, and within a byte. */
static void test_masks(void)
{
	struct poise_settings *settings = fixture_settings(&fixture);
	const struct fate fates[] = {
		DROPPED("within a mask of /21", LOOP, ip4("10.1.7.255", VIP4), INNER4, WEB),
		PASSED("beyond a mask of /21", NOT_SERVICE, ip4("10.1.8.0", VIP4), INNER4, WEB),
		DROPPED("within a mask of /128", LOOP, ip6("2001:db8::5", VIP6), INNER4, WEB),
		PASSED("beyond a mask of /128", NOT_SERVICE, ip6("2001:db8::4", VIP6), INNER4, WEB),
	};

	inet_pton(AF_INET, "10.1.0.0", &settings->source4);
	inet_pton(AF_INET, "255.255.248.0", &settings->source4_mask);
	inet_pton(AF_INET6, "2001:db8::5", settings->source6);
	memset(settings->source6_mask, 0xff, sizeof(settings->source6_mask));
	test_fates(fates, COUNT(fates));
}

int main(void)
{
	struct poise_settings *settings;

	fixture_open(&fixture, RING_SIZE);
	settings = fixture_settings(&fixture);
	inet_pton(AF_INET, "172.16.0.0", &settings->source4);
	inet_pton(AF_INET, "255.255.0.0", &settings->source4_mask);
	inet_pton(AF_INET6, "100::", settings->source6);
	memset(settings->source6_mask, 0xff, 8);
	settings->gue_port = htons(GUE_PORT);
	test_tunnels();
	test_unset();
	test_masks();
	fixture_close(&fixture);
	return tap_done();
}
