/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "pulse.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "balancer.h"
#include "daemon.h"
#include "loader.h"
#include "log.h"
#include "maps.h"
#include "notify.h"
#include "pins.h"
#include "poise_version.h"
#include "timer.h"

enum { START_MS = 20, BEAT_MS = 5000 };

struct pulse {
	struct daemon *daemon;
	struct event *timer;
	int64_t beat_ms;
	bool ready; /* was said */
	bool lost;  /* the pins are gone, which was said */
};

/* The rings have their first owners: from then on packets are forwarded. */
static bool is_filled(const struct balancer *balancer)
{
	for (size_t i = 0; i < balancer->service_count; i++)
		if (!balancer->services[i]->filled || balancer->services[i]->stage.active)
			return false;
	return true;
}

static void say_ready(struct pulse *pulse)
{
	if (pulse->ready || !is_filled(pulse->daemon->balancer))
		return;
	pulse->ready = true;
	log_info("poised %s is ready", POISE_VERSION);
	notify_ready();
}

static void say_alive(struct pulse *pulse)
{
	int err = maps_answer(loader_maps(pulse->daemon->loader));

	if (err)
		log_error("the data plane's maps do not answer: %s", strerror(-err));
	else if (notify_watchdog_ms())
		notify_alive();
}

/* Somebody removed them, or unmounted the bpffs. Packets go on, and later the next start fails. */
static void look_after_pins(struct pulse *pulse)
{
	const char *path = pulse->daemon->balancer->config->pin_path;
	bool lost = pins_are_gone(path);

	if (lost && !pulse->lost)
		log_error("the pins in '%s' are gone: packets are forwarded still, but no other "
			  "poised can take this over: at its restart end the program by 'ip link "
			  "set INTERFACE xdp off'",
			  path);
	pulse->lost = lost;
}

/* The first interface that the program is not on; NULL: it is on all. */
static const char *lost_interface(const struct loader *loader)
{
	for (size_t i = 0; i < loader_attachment_count(loader); i++)
		if (attachment_is_lost(loader_attachment(loader, i)))
			return loader_attachment(loader, i)->interface;
	return NULL;
}

static void say_status(const struct balancer *balancer, const struct loader *loader)
{
	const char *lost = lost_interface(loader);
	size_t up = 0, total = 0;

	for (size_t i = 0; i < balancer->service_count; i++) {
		for (const struct backend *b = balancer->services[i]->backends; b; b = b->next) {
			if (b->state != POISE_RECORD_ACTIVE)
				continue;
			total++;
			up += backend_up(b);
		}
	}
	notify_status("%zu services, %zu of %zu backends up%s%s", balancer->service_count, up,
		      total, lost ? ", not attached to " : "", lost ? lost : "");
}

static void beat(evutil_socket_t fd, short what, void *context)
{
	struct pulse *pulse = context;

	(void)fd;
	(void)what;
	if (pulse->ready)
		log_end_start(); /* who took rings up is ready before all next hops are known */
	say_ready(pulse);
	timer_set(pulse->timer, pulse->ready ? pulse->beat_ms : START_MS);
	if (!pulse->ready)
		return;
	say_alive(pulse);
	look_after_pins(pulse);
	say_status(pulse->daemon->balancer, pulse->daemon->loader);
	log_flush(false);
}

int pulse_new(struct daemon *daemon, struct pulse **out)
{
	struct pulse *pulse = calloc(1, sizeof(*pulse));

	if (!pulse)
		return -ENOMEM;
	pulse->daemon = daemon;
	pulse->beat_ms = BEAT_MS;
	if (notify_watchdog_ms() && notify_watchdog_ms() / 2 < BEAT_MS)
		pulse->beat_ms = notify_watchdog_ms() / 2;
	pulse->timer = evtimer_new(daemon->base, beat, pulse);
	if (!pulse->timer) {
		free(pulse);
		return -ENOMEM;
	}
	timer_set(pulse->timer, 0);
	*out = pulse;
	return 0;
}

void pulse_free(struct pulse *pulse)
{
	if (!pulse)
		return;
	event_free(pulse->timer);
	free(pulse);
}
