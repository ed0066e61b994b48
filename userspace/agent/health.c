// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* What this backend says of itself: see health.h. */
#include "health.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "load_weight.h"

/* The load average of the last minute (getloadavg(3)), a CPU; where there is none, 0. */
static double load_a_cpu(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	double load;

	if (getloadavg(&load, 1) != 1)
		return 0;
	return load / (cpus > 0 ? (double)cpus : 1);
}

const char *health_line(void *context)
{
	struct health *health = context;

	if (health->stopping || (health->drain_file && !access(health->drain_file, F_OK)))
		return "drain\n";
	health->said = load_weight(load_a_cpu(), health->load_target, health->said);
	snprintf(health->line, sizeof(health->line), "up ready %u%%\n", health->said);
	return health->line;
}
