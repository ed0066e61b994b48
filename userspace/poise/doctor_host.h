/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * All that poise doctor asks of the host: files of /proc and /sys, and what the kernel tells by
 * rtnetlink, ethtool and libxdp. Judges nothing, changes nothing. The tests of the CLI have another
 * implementation, which reads a prepared directory (tests/cli/prepared_host.c).
 */
#ifndef POISE_DOCTOR_HOST_H
#define POISE_DOCTOR_HOST_H

#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "address.h"

enum { HOST_NAME_BYTES = 64, HOST_MAX_PROGRAMS = 16 };

/* Numbers are 0 where the driver does not tell. */
struct host_link {
	bool up;
	uint32_t mtu;
	char driver[HOST_NAME_BYTES];
	uint32_t queues, max_queues; /* that receive */
	bool combined;		     /* queues both receive and send: ethtool's 'combined' */
	uint32_t ring, max_ring;     /* places of a receive ring */
	bool lro, hw_gro, rxvlan;    /* offloads that are on */
	bool veth;
	char peer[IF_NAMESIZE]; /* of a veth; "": in another network namespace */
	bool peer_xdp;		/* it has a native XDP program */
};

struct host_program {
	char name[HOST_NAME_BYTES];
	uint32_t id, priority;
};

/* What is attached to an interface. */
struct host_chain {
	bool native, dispatcher;
	size_t count; /* 0: nothing */
	struct host_program programs[HOST_MAX_PROGRAMS];
};

struct host_route {
	bool found, local;
	char interface[IF_NAMESIZE]; /* that the route names */
	uint32_t mtu;		     /* the route's own; 0: its interface's counts */
};

/* The file's text, to be free()d, of at most 1 MiB; NULL: it cannot be read. */
char *host_read(const char *path);

/* A number that is all of a file; false: it cannot be read. */
bool host_read_number(const char *path, int64_t *out);

/* "6.1.0-18-amd64" */
const char *host_release(void);

/* Between two steps of CLOCK_MONOTONIC_COARSE, in nanoseconds. */
int64_t host_coarse_clock_ns(void);

/* 0, -ENODEV, or another negative errno. */
int host_link(const char *interface, struct host_link *out);

/* 0 or a negative errno: only root may ask. */
int host_chain(const char *interface, struct host_chain *out);

/* The way to an address. 0 or a negative errno. */
int host_route(const struct address *address, struct host_route *out);

/* The process that listens on a Unix socket; -1: there is none. */
pid_t host_listener(const char *socket_path);

#endif
