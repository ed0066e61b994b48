// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* poise doctor: what only poised knows: its own state, and the next hops of backends. */
#include <stdlib.h>
#include <string.h>

#include "doctor.h"
#include "text.h"

static void judge_next_hop(struct doctor *doctor, const struct view_backend *backend)
{
	const char *state = backend->next_hop.state;
	char *subject;

	if (!strcmp(state, "ready") || !strcmp(state, "no_route") || !strcmp(state, "local"))
		return; /* the last two: DOCTOR_ROUTE */
	subject = text_format("%s/%s", backend->service, backend->name);
	doctor_add(doctor, DOCTOR_NEXT_HOP, DOCTOR_PROBLEM, subject, "%s (%s)",
		   backend->next_hop.text, backend->address);
	if (!strcmp(state, "link_down") && backend->next_hop.interface[0])
		doctor_mend(doctor, "ip link set dev %s up", backend->next_hop.interface);
	else
		doctor_mend(doctor,
			    "ip route get %s; ping -c 3 %s; ip neighbour   # shows whether "
			    "the neighbour answers",
			    backend->address, backend->address);
	free(subject);
}

/* A set of the neighbours in use: those that a full table would forget. */
static void take_neighbour(json_t *neighbours, const struct view_backend *backend)
{
	const char *gateway = backend->next_hop.gateway;

	if (!strcmp(backend->next_hop.state, "ready"))
		json_object_set_new(neighbours, *gateway ? gateway : backend->address, json_true());
}

static size_t count_family(json_t *neighbours, bool six)
{
	const char *address;
	json_t *value;
	size_t count = 0;

	json_object_foreach (neighbours, address, value)
		count += (strchr(address, ':') != NULL) == six;
	return count;
}

/* Above gc_thresh2 the kernel forgets entries after 5 s, above gc_thresh3 it makes no new ones. */
static void judge_neighbours(struct doctor *doctor, json_t *neighbours, unsigned family)
{
	size_t count = count_family(neighbours, family == 6);
	char *path = text_format("/proc/sys/net/ipv%u/neigh/default/gc_thresh2", family);
	char *hard = text_format("/proc/sys/net/ipv%u/neigh/default/gc_thresh3", family);
	int64_t soft_limit, hard_limit;

	if (count && host_read_number(path, &soft_limit) && host_read_number(hard, &hard_limit)) {
		enum doctor_level level = (int64_t)count > hard_limit	? DOCTOR_PROBLEM
					  : (int64_t)count > soft_limit ? DOCTOR_WARNING
									: DOCTOR_OK;

		doctor_add(doctor, DOCTOR_NEIGHBOURS, level, "",
			   "%zu IPv%u next hops; the table is cleaned from %lld on, and full at "
			   "%lld",
			   count, family, (long long)soft_limit, (long long)hard_limit);
		if (level != DOCTOR_OK)
			doctor_mend(doctor,
				    "sysctl -w net.ipv%u.neigh.default.gc_thresh2=%zu "
				    "net.ipv%u.neigh.default.gc_thresh3=%zu",
				    family, 2 * count, family, 4 * count);
	}
	free(path);
	free(hard);
}

static void check_backends(struct doctor *doctor)
{
	json_t *neighbours = require_memory(json_object());
	const json_t *services = doctor->status->services;

	for (size_t i = 0; i < json_array_size(services); i++) {
		const json_t *backends = json_object_get(json_array_get(services, i), "backends");
		struct view_backend backend;

		for (size_t j = 0; j < json_array_size(backends); j++) {
			if (!view_backend(json_array_get(backends, j), &backend))
				continue;
			judge_next_hop(doctor, &backend);
			take_neighbour(neighbours, &backend);
		}
	}
	judge_neighbours(doctor, neighbours, 4);
	judge_neighbours(doctor, neighbours, 6);
	json_decref(neighbours);
}

void doctor_check_poised(struct doctor *doctor)
{
	if (!doctor->status) {
		doctor_add(doctor, DOCTOR_POISED, DOCTOR_NOTE, "",
			   "poised was not reached on '%s': what follows is from '%s' and the host",
			   doctor->socket, doctor->config_path);
		doctor_mend(doctor, "systemctl start poised");
		return;
	}
	doctor_add(doctor, DOCTOR_POISED, DOCTOR_OK, "", "poised %s runs", doctor->status->version);
	if (doctor->status->state_problem) {
		doctor_add(doctor, DOCTOR_STATE, DOCTOR_WARNING, "",
			   "runtime changes are not saved: %s", doctor->status->state_problem);
		doctor_mend(doctor, "poise save %s.new", doctor->config_path);
	} else {
		doctor_add(doctor, DOCTOR_STATE, DOCTOR_OK, "", "runtime changes are saved");
	}
	check_backends(doctor);
}
