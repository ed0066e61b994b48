// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include <errno.h>
#include <event2/event.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "apply.h"
#include "balancer.h"
#include "changes.h"
#include "loader.h"
#include "machine.h"
#include "maglev.h"
#include "maps.h"
#include "ring_ahead.h"
#include "runtime.h"

enum { SEED = 0x5eed, PATIENCE_MS = 60000, WEIGHT = 100, OTHER_WEIGHT = 50 };

struct bench {
	struct event_base *base;
	struct loader *loader;
	struct balancer *balancer;
};

static double wall_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e3 + now.tv_nsec / 1e6;
}

static int measure_build(int rounds, struct changes *changes)
{
	static struct maglev_member members[CHANGES_BACKENDS];
	uint16_t *owners = calloc(CHANGES_SLOTS, sizeof(*owners));
	int err = owners ? 0 : -ENOMEM;

	for (uint16_t i = 0; i < CHANGES_BACKENDS; i++)
		members[i] = (struct maglev_member){
			.address = { .family = 4,
				     .bytes = { 10, 64, (uint8_t)(i >> 8), (uint8_t)i } },
			.index = i + 1,
			.weight = 100,
		};
	for (int i = 0; i < rounds && !err; i++) {
		double begin = cpu_ms();

		err = maglev_build(members, CHANGES_BACKENDS, CHANGES_SLOTS, SEED, owners);
		samples_add(&changes->build, cpu_ms() - begin);
	}
	free(owners);
	return err;
}

/* So many services of so many backends each; all backends differ. One of them has this weight. */
static char *write_config(int services, int backends, int weight)
{
	size_t length;
	char *text;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out,
		"interfaces:\n  - name: " CHANGES_INTERFACE
		"\ntunnel:\n  source_ipv4: 172.16.0.0/16\nseed: %d\nservices:\n",
		SEED);
	for (int i = 0; i < services; i++) {
		fprintf(out,
			"- name: s%d\n  address: 198.18.%d.%d\n  port: 80\n  ring_size: %d\n"
			"  backends:\n",
			i, i >> 8, i & 255, CHANGES_SLOTS);
		for (int k = i * backends; k < (i + 1) * backends; k++)
			fprintf(out, "  - { name: b%d, address: 10.%d.%d.%d, weight: %d }\n", k,
				64 + (k >> 16), k >> 8 & 255, k & 255,
				k == services / 2 * backends ? weight : WEIGHT);
	}
	fclose(out);
	return text;
}

static int load(const char *text, struct config **out)
{
	struct config_errors errors = { 0 };
	int err = config_load_text("bench", text, strlen(text), out, &errors);

	if (err)
		fprintf(stderr, "bench: %s\n", errors.count ? errors.lines[0] : "?");
	return err;
}

static int apply_config(struct bench *bench, struct config *config)
{
	struct audit_list changes = { 0 };
	struct lines lines = { 0 };
	int err = balancer_apply(bench->balancer, config, &changes, &lines);

	if (err)
		fprintf(stderr, "bench: %s\n", lines.count ? lines.text[0] : "?");
	audit_list_free(&changes);
	lines_free(&lines);
	return err;
}

static int apply(struct bench *bench, const char *text)
{
	struct config *config;
	int err = load(text, &config);

	return err ? err : apply_config(bench, config);
}

static bool is_filled(const struct service *service)
{
	if (service->dirty || !service->filled)
		return false;
	for (const struct backend *b = service->backends; b; b = b->next)
		if (b->dirty || !backend_up(b))
			return false;
	return true;
}

/* *filled: services that were found so already, the first ones. */
static bool are_filled(const struct balancer *balancer, size_t *filled)
{
	while (*filled < balancer->service_count && is_filled(balancer->services[*filled]))
		++*filled;
	return *filled == balancer->service_count;
}

/* Until every ring is there, with all backends. */
static int wait_until_filled(struct bench *bench)
{
	double end = wall_ms() + PATIENCE_MS;
	size_t filled = 0;

	while (!are_filled(bench->balancer, &filled)) {
		if (wall_ms() > end)
			return -ETIMEDOUT;
		event_base_loop(bench->base, EVLOOP_ONCE);
	}
	return 0;
}

static void stop(struct bench *bench)
{
	balancer_free(bench->balancer);
	loader_free(bench->loader);
	if (bench->base)
		event_base_free(bench->base);
	*bench = (struct bench){ 0 };
}

static int start(struct bench *bench)
{
	struct loader_options options = { .seed = SEED, .flow_entries = POISE_MIN_FLOWS };
	char error[LOADER_ERROR_BYTES];
	int err = loader_new(&options, &bench->loader, error);

	if (err) {
		fprintf(stderr, "bench: %s\n", error);
		return err;
	}
	bench->base = event_base_new();
	return bench->base ? balancer_new(bench->base, loader_maps(bench->loader), &bench->balancer)
			   : -ENOMEM;
}

/* Drains a backend of the service and takes it back, in turn. */
static int measure_drain(struct bench *bench, const char *name, int rounds, struct samples *out)
{
	struct service *service = balancer_find(bench->balancer, name);
	char error[RUNTIME_ERROR_BYTES];
	int err = service ? 0 : -ENOENT;

	for (int i = 0; i < 2 * rounds && !err; i++) {
		double begin = wall_ms();

		err = runtime_drain(bench->balancer, service->backends, i % 2 == 0, error);
		balancer_commit(bench->balancer);
		samples_add(out, wall_ms() - begin);
		if (!err && !service->moving.recorded)
			err = -EBADMSG;
		if (err)
			fprintf(stderr, "bench: a drain moved nothing, or failed\n");
	}
	return err;
}

/* Another weight of one backend, and the first one again, in turn. */
static int measure_reload(struct bench *bench, const char *name, int rounds, char *const texts[2],
			  struct samples *out)
{
	struct service *service = balancer_find(bench->balancer, name);
	int err = 0;

	for (int i = 1; i <= 2 * rounds && !err; i++) {
		double begin = wall_ms();

		err = apply(bench, texts[i % 2]);
		samples_add(out, wall_ms() - begin);
		if (!err && (service->dirty || !service->moving.recorded))
			err = -EBADMSG;
		if (err)
			fprintf(stderr, "bench: a reload moved nothing, or failed\n");
	}
	return err;
}

/* From the text until every ring is there, on every CPU: as poised starts. */
static int measure_start(struct bench *bench, const char *text, struct samples *out)
{
	double begin = wall_ms();
	struct ring_ahead *ahead = NULL;
	struct config *config;
	int err = machine_pin(false);

	if (!err)
		err = load(text, &config);
	if (!err)
		ahead = ring_ahead_begin(config);
	if (!err)
		err = start(bench);
	if (bench->balancer)
		bench->balancer->ahead = ahead;
	else
		ring_ahead_free(ahead);
	if (!err)
		err = apply_config(bench, config);
	if (!err)
		err = wait_until_filled(bench);
	samples_add(out, wall_ms() - begin);
	return err ? err : machine_pin(true);
}

/* NULL: not measured. */
struct wanted {
	struct samples *load, *reload, *drain;
};

static int measure_services(int rounds, int services, int backends, struct wanted wanted)
{
	char *texts[2] = { write_config(services, backends, WEIGHT),
			   write_config(services, backends, OTHER_WEIGHT) };
	static struct samples unused;
	struct bench bench = { 0 };
	char name[16];
	int err = texts[0] && texts[1] ? 0 : -ENOMEM;

	snprintf(name, sizeof(name), "s%d", services / 2);
	if (!err)
		err = measure_start(&bench, texts[0], wanted.load ? wanted.load : &unused);
	if (!err && wanted.reload)
		err = measure_reload(&bench, name, rounds, texts, wanted.reload);
	if (!err)
		err = measure_drain(&bench, name, rounds, wanted.drain);
	stop(&bench);
	free(texts[0]);
	free(texts[1]);
	return err;
}

int changes_measure(int rounds, bool quick, struct changes *changes)
{
	int err = measure_build(rounds, changes);

	if (!err)
		err = measure_services(rounds, 1, CHANGES_BACKENDS,
				       (struct wanted){ .drain = &changes->drain });
	if (!err && !quick)
		err = measure_services(rounds, CHANGES_SERVICES, CHANGES_SERVICE_BACKENDS,
				       (struct wanted){ .load = &changes->load,
							.reload = &changes->reload,
							.drain = &changes->among });
	if (err == -ETIMEDOUT) { /* on a machine with much else to do; the other figures stand */
		printf("%d services were not ready in %d s: not measured\n", CHANGES_SERVICES,
		       PATIENCE_MS / 1000);
		err = 0;
	}
	if (err)
		fprintf(stderr, "bench: changes by command: %s\n", strerror(-err));
	return err;
}
