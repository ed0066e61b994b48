/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "settings.h"

#include <arpa/inet.h>
#include <string.h>

#include "config.h"
#include "poise_abi.h"
#include "poise_flow.h"

#define STORE(place, value) __atomic_store_n(&(place), (value), __ATOMIC_RELAXED)

/* Whose tunnels' packets come from this fleet: those with a source in its prefixes. */
static void write_sources(struct poise_settings *settings, const struct config *config)
{
	const struct prefix *source6 = &config->source_ipv6;
	uint64_t words[2];
	uint32_t word;

	memcpy(&word, config->source_ipv4.address.bytes, sizeof(word));
	STORE(settings->source4_mask, (uint32_t)poise_mask64(config->source_ipv4.length));
	STORE(settings->source4, word);
	memcpy(words, source6->address.bytes, sizeof(words));
	for (int i = 0; i < 2; i++) {
		int bits = source6->length - 64 * i;

		STORE(settings->source6_mask[i], poise_mask64(bits > 0 ? bits : 0));
		STORE(settings->source6[i], words[i]);
	}
}

void settings_write(struct poise_settings *settings, const struct config *config)
{
	uint32_t flags = settings->flags & POISE_SETTING_PREFIXES;

	if (config->fragments.pass_early)
		flags |= POISE_SETTING_PASS_FRAGMENTS;
	if (config->pass_oversize)
		flags |= POISE_SETTING_PASS_OVERSIZE;
	STORE(settings->flags, flags);
	STORE(settings->fragment_ns, (uint64_t)config->fragments.timeout_ms * 1000000);
	STORE(settings->echo_rate, config->icmp.echo ? config->icmp.echo_rate : 0);
	STORE(settings->error_rate, config->icmp.error_rate);
	STORE(settings->gue_port, htons(config->gue_port));
	write_sources(settings, config);
}
