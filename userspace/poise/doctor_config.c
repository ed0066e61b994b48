// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: what a valid configuration may still lack. */
#include <fcntl.h>
#include <sys/random.h>

#include "doctor.h"

enum { SLOTS_A_BACKEND = 100 }; /* poise.yaml(5), ring_size */

/* The least prime ring of the usual sizes that spreads so many backends evenly. */
static uint32_t ring_for(size_t backends)
{
	static const uint32_t usual[] = { 65537, 131071, 262147, 524287, 1048573 };
	size_t last = sizeof(usual) / sizeof(usual[0]) - 1;

	for (size_t i = 0; i < last; i++)
		if (usual[i] >= backends * SLOTS_A_BACKEND)
			return usual[i];
	return usual[last];
}

static void check_ring_size(struct doctor *doctor, const struct config_service *service)
{
	bool small = service->ring_size < service->backend_count * SLOTS_A_BACKEND;

	doctor_add(doctor, DOCTOR_RING_SIZE, small ? DOCTOR_WARNING : DOCTOR_OK, service->name,
		   "%u slots for %zu backends", service->ring_size, service->backend_count);
	if (small)
		doctor_mend(doctor,
			    "set 'ring_size: %u' of '%s' in %s   # before it runs; else as a new "
			    "service",
			    ring_for(service->backend_count), service->name, doctor->config_path);
}

static void check_health(struct doctor *doctor, const struct config_service *service)
{
	bool none = service->check.type == CHECK_NONE;

	if (service->backend_count < 2)
		return;
	doctor_add(doctor, DOCTOR_CHECK, none ? DOCTOR_NOTE : DOCTOR_OK, service->name, "%s",
		   none ? "its backends are not checked" : "its backends are checked");
	if (none)
		doctor_mend(doctor, "set 'check: { type: tcp }' of '%s' in %s, then: poise reload",
			    service->name, doctor->config_path);
}

static void check_panic(struct doctor *doctor, const struct config_service *service)
{
	/* with a role some are down as they are meant to be */
	if (service->backend_count < 2 || service->check.type == CHECK_NONE ||
	    service->check.role != MYSQL_ANY)
		return;
	doctor_add(doctor, DOCTOR_PANIC, service->panic_threshold ? DOCTOR_OK : DOCTOR_NOTE,
		   service->name,
		   service->panic_threshold ? "panic_threshold is %u %%"
					    : "it has no panic_threshold (%u %%)",
		   service->panic_threshold);
	if (!service->panic_threshold)
		doctor_mend(doctor, "set 'panic_threshold: 50%%' of '%s' in %s, then: poise reload",
			    service->name, doctor->config_path);
}

static void check_seed(struct doctor *doctor)
{
	uint64_t random = 0;

	doctor_add(doctor, DOCTOR_SEED, doctor->config->seed ? DOCTOR_OK : DOCTOR_WARNING, "",
		   doctor->config->seed ? "a seed is set" : "no seed is set");
	if (doctor->config->seed)
		return;
	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = 0;
	if (random)
		doctor_mend(doctor,
			    "set 'seed: 0x%016llx' in %s   # before it runs: it cannot "
			    "change",
			    (unsigned long long)random, doctor->config_path);
}

void doctor_check_config(struct doctor *doctor)
{
	static void (*const checks[])(struct doctor *, const struct config_service *) = {
		check_ring_size,
		check_health,
		check_panic,
	};

	check_seed(doctor);
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		for (size_t j = 0; j < doctor->config->service_count; j++)
			checks[i](doctor, &doctor->config->services[j]);
}
