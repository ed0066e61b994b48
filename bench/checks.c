// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "checks.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "health.h"
#include "responder.h"

enum {
	WARM_SECONDS = 2, /* first checks, and connections of the past that the kernel keeps */
	INTERVAL_MS = 1000,
	TIMEOUT_MS = 500,
	BINS = SAMPLES_MAX,
	KIB = 1024,
};

struct bench {
	struct event_base *base;
	struct event *second;
	struct healths *healths;
	struct health *health[CHECKS_BACKENDS_MAX];
	struct checks_row *row;
	uint32_t bins[BINS];		  /* starts since begin_us, CHECKS_BIN_MS each */
	double begin_us, wall_us, cpu_us; /* of the first second, and of this one */
	uint64_t checks, failures;	  /* when it began */
	int left;			  /* seconds, these included: */
	int warming;
};

static double clock_us(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

/* "VmHWM" and the like of this process, MiB. */
static double status_mib(const char *key)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[128];
	double kib = 0;

	while (file && fgets(line, sizeof(line), file))
		if (strncmp(line, key, strlen(key)) == 0)
			kib = strtod(line + strlen(key) + 1, NULL);
	if (file)
		fclose(file);
	return kib / KIB;
}

/* From now on VmHWM is of what follows (proc_pid_clear_refs(5)). */
static void forget_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);

	malloc_trim(0);
	if (fd < 0)
		return;
	(void)!write(fd, "5", 1);
	close(fd);
}

static void count_checks(const struct bench *bench, uint64_t *checks, uint64_t *failures)
{
	*checks = *failures = 0;
	for (int i = 0; i < bench->row->backends; i++) {
		*checks += health_get(bench->health[i])->checks;
		*failures += health_get(bench->health[i])->failures;
	}
}

static void begin_second(struct bench *bench)
{
	count_checks(bench, &bench->checks, &bench->failures);
	bench->wall_us = clock_us(CLOCK_MONOTONIC);
	bench->cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID);
}

static void end_second(struct bench *bench)
{
	double wall_us = clock_us(CLOCK_MONOTONIC) - bench->wall_us;
	double cpu_us = clock_us(CLOCK_THREAD_CPUTIME_ID) - bench->cpu_us;
	struct checks_row *row = bench->row;
	uint64_t checks, failures;

	count_checks(bench, &checks, &failures);
	checks -= bench->checks;
	failures -= bench->failures;
	samples_add(&row->cores, cpu_us / wall_us);
	if (checks)
		samples_add(&row->us, cpu_us / checks);
	samples_add(&row->answered, (checks - failures) * 1e6 / wall_us);
	samples_add(&row->failed, failures * 1e6 / wall_us);
}

static void second_passed(evutil_socket_t fd, short what, void *context)
{
	struct bench *bench = context;

	(void)fd;
	(void)what;
	if (bench->warming && --bench->warming == 0)
		bench->begin_us = clock_us(CLOCK_MONOTONIC);
	else if (!bench->warming) {
		end_second(bench);
		bench->left--;
	}
	if (bench->left)
		begin_second(bench);
	else
		event_base_loopbreak(bench->base);
}

/* Called as each check starts; leads it nowhere else. */
static void count_start(void *context, struct check_way *way)
{
	struct bench *bench = context;
	double bin = (clock_us(CLOCK_MONOTONIC) - bench->begin_us) / (CHECKS_BIN_MS * 1e3);

	(void)way;
	if (!bench->warming && bin < BINS)
		bench->bins[(int)bin]++;
}

static void state_changed(void *context, const struct health_status *status)
{
	(void)context;
	(void)status;
}

static int add_health(struct bench *bench, int number, enum check_type type)
{
	struct check_target target = { .service = "web",
				       .backend = "app",
				       .address = { .family = 4,
						    .bytes = { 10, 97, (uint8_t)(number >> 8),
							       (uint8_t)number } },
				       .find_way = count_start,
				       .way_context = bench };
	struct config_check check = { .type = type,
				      .port = RESPONDER_PORT,
				      .interval_ms = INTERVAL_MS,
				      .timeout_ms = TIMEOUT_MS,
				      .rise = 2,
				      .fall = 3,
				      .jitter = 5,
				      .expect = { { 200, 399 } },
				      .expect_count = 1 };

	bench->health[number] =
		health_new(bench->healths, &target, &check, HEALTH_UP, state_changed, NULL);
	return bench->health[number] ? 0 : -errno;
}

static int set_up(struct bench *bench, enum check_type type)
{
	const struct timeval second = { .tv_sec = 1 };
	int err;

	bench->base = event_base_new();
	bench->second = event_new(bench->base, -1, EV_PERSIST, second_passed, bench);
	if (!bench->second || event_add(bench->second, &second))
		return -ENOMEM;
	err = healths_new(bench->base, &bench->healths);
	for (int i = 0; i < bench->row->backends && !err; i++)
		err = add_health(bench, i, type);
	return err;
}

static void tear_down(struct bench *bench)
{
	for (int i = 0; i < bench->row->backends; i++)
		health_free(bench->health[i]);
	healths_free(bench->healths);
	if (bench->second)
		event_free(bench->second);
	if (bench->base)
		event_base_free(bench->base);
	free(bench);
}

static void add_starts(const struct bench *bench, int seconds)
{
	int bins = seconds * 1000 / CHECKS_BIN_MS;

	for (int i = 0; i < bins && i < BINS; i++)
		samples_add(&bench->row->starts, bench->bins[i]);
}

static int measure_row(enum check_type type, int seconds, struct checks_row *row)
{
	struct bench *bench = calloc(1, sizeof(*bench));
	double before_mib;
	int err;

	if (!bench)
		return -ENOMEM;
	forget_peak();
	before_mib = status_mib("VmRSS:");
	bench->row = row;
	bench->warming = WARM_SECONDS;
	bench->left = seconds;
	err = set_up(bench, type);
	if (!err)
		event_base_dispatch(bench->base);
	add_starts(bench, seconds);
	row->peak_mib = status_mib("VmHWM:") - before_mib;
	tear_down(bench);
	return err;
}

/* As poised does: each check under way has a socket. */
static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int checks_measure(int seconds, struct checks *checks)
{
	static const struct {
		const char *name;
		enum check_type type;
		int backends;
	} rows[CHECKS_ROWS] = { { "tcp", CHECK_TCP, 1000 },
				{ "tcp", CHECK_TCP, CHECKS_BACKENDS_MAX },
				{ "http", CHECK_HTTP, 1000 },
				{ "http", CHECK_HTTP, CHECKS_BACKENDS_MAX } };
	struct responder *responder = NULL;
	int err = responder_new(&responder);

	allow_files();
	for (int i = 0; i < CHECKS_ROWS && !err; i++) {
		checks->row[i].kind = rows[i].name;
		checks->row[i].backends = rows[i].backends;
		err = measure_row(rows[i].type, seconds, &checks->row[i]);
	}
	responder_free(responder);
	if (err)
		fprintf(stderr, "bench: health checks: %s\n", strerror(-err));
	return err;
}
