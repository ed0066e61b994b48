// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: receive queues against CPUs, their interrupts and their rings. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "doctor_file.h"
#include "text.h"

enum {
	MAX_IRQS = 256,
	SHORT_RING = 1024, /* places: a millisecond at a million packets a second */
};

struct irqs {
	unsigned number[MAX_IRQS];
	char cpus[MAX_IRQS][HOST_NAME_BYTES]; /* where each is served, "3" or "0-7" */
	size_t count, distinct;
};

static unsigned count_cpus(void)
{
	char *list = host_read("/sys/devices/system/cpu/online");
	unsigned count = list ? doctor_file_cpus(list) : 0;

	free(list);
	return count;
}

static void check_count(struct doctor *doctor, const char *name, const struct host_link *link,
			unsigned cpus)
{
	uint32_t wanted = cpus < link->max_queues ? cpus : link->max_queues;
	bool few = link->queues < wanted;

	if (!cpus || !link->queues || !link->max_queues)
		return;
	doctor_add(doctor, DOCTOR_QUEUES, few ? DOCTOR_WARNING : DOCTOR_OK, name,
		   "%u receive queue%s of %u, for %u CPUs", link->queues,
		   link->queues == 1 ? "" : "s", link->max_queues, cpus);
	if (few)
		doctor_mend(doctor, "ethtool -L %s %s %u", name, link->combined ? "combined" : "rx",
			    wanted);
}

static void check_ring(struct doctor *doctor, const char *name, const struct host_link *link)
{
	uint32_t wanted = link->max_ring < SHORT_RING ? link->max_ring : SHORT_RING;
	bool is_short = link->ring < wanted;

	if (!link->ring || !link->max_ring)
		return;
	doctor_add(doctor, DOCTOR_RX_RING, is_short ? DOCTOR_WARNING : DOCTOR_OK, name,
		   "receive rings of %u places, of %u possible", link->ring, link->max_ring);
	if (is_short)
		doctor_mend(doctor, "ethtool -G %s rx %u", name, wanted);
}

/* Drivers name a queue's interrupt "eth0-TxRx-3" or "i40e-eth0-TxRx-3"; others are not known. */
static bool is_of(const char *action, const char *interface)
{
	size_t length = strlen(interface);

	for (const char *at = action; (at = strstr(at, interface)); at++)
		if ((at == action || at[-1] == '-') && at[length] == '-')
			return true;
	return false;
}

static void take_irq(struct irqs *irqs, unsigned number)
{
	char *path = text_format("/proc/irq/%u/effective_affinity_list", number);
	char *list = host_read(path);
	size_t i = 0;

	free(path);
	if (!list || irqs->count == MAX_IRQS) {
		free(list);
		return;
	}
	list[strcspn(list, "\n")] = 0;
	snprintf(irqs->cpus[irqs->count], HOST_NAME_BYTES, "%s", list);
	free(list);
	irqs->number[irqs->count] = number;
	while (strcmp(irqs->cpus[i], irqs->cpus[irqs->count]) != 0)
		i++;
	irqs->distinct += i == irqs->count;
	irqs->count++;
}

static void find_irqs(const char *interface, struct irqs *out)
{
	char *text = host_read("/proc/interrupts"), *rest = text, *line, *end;

	while ((line = strsep(&rest, "\n"))) {
		const char *action = strrchr(line, ' ');
		unsigned long number = strtoul(line, &end, 10);

		if (end != line && *end == ':' && action && is_of(action + 1, interface))
			take_irq(out, (unsigned)number);
	}
	free(text);
}

static void mend_irqs(struct doctor *doctor, const struct irqs *irqs, unsigned cpus)
{
	char *command = text_format("%s", "");

	for (size_t i = 0; i < irqs->count; i++) {
		char *longer = text_format("%s%secho %zu >/proc/irq/%u/smp_affinity_list", command,
					   i ? "; " : "", i % cpus, irqs->number[i]);

		free(command);
		command = longer;
	}
	doctor_mend(doctor, "%s", command);
	free(command);
}

static void check_irqs(struct doctor *doctor, const char *name, unsigned cpus)
{
	struct irqs *irqs = require_memory(calloc(1, sizeof(*irqs)));
	size_t wanted;

	find_irqs(name, irqs);
	wanted = irqs->count < cpus ? irqs->count : cpus;
	if (irqs->count > 1 && cpus > 1) {
		bool shared = irqs->distinct < wanted;

		doctor_add(doctor, DOCTOR_IRQS, shared ? DOCTOR_WARNING : DOCTOR_OK, name,
			   "%zu interrupts are served by %zu of %u CPUs", irqs->count,
			   irqs->distinct, cpus);
		if (shared)
			mend_irqs(doctor, irqs, cpus);
	}
	free(irqs);
}

void doctor_check_queues(struct doctor *doctor, const char *interface, const struct host_link *link)
{
	unsigned cpus = count_cpus();

	check_count(doctor, interface, link, cpus);
	check_ring(doctor, interface, link);
	check_irqs(doctor, interface, cpus);
}
