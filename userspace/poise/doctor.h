/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What poise doctor looks at, and what it found. A check (doctor_*.c) asks the host
 * (doctor_host.h), the configuration and poised's status, changes nothing, and adds findings; it
 * says nothing where it cannot know.
 */
#ifndef POISE_DOCTOR_H
#define POISE_DOCTOR_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "config.h"
#include "doctor_host.h"
#include "view.h"

/* X(NAME, why it matters); names in lower case are the ids that people and programs see. */
#define DOCTOR_CHECKS(X)                                                                           \
	X(POISED, "what runs, which next hops answer and which mode was obtained only poised can " \
		  "tell")                                                                          \
	X(STATE, "changes made by command would be lost when the host restarts")                   \
	X(KERNEL, "Poise is not made for older kernels: the verifier may refuse its program")      \
	X(BPFFS, "what is pinned there forwards while poised restarts; poised does not start "     \
		 "without it")                                                                     \
	X(JIT, "without it the kernel interprets the program, and a packet costs several times "   \
	       "as much")                                                                          \
	X(JIT_HARDEN, "the kernel hides each constant of the program behind more instructions, "   \
		      "for each packet")                                                           \
	X(CLOCK, "the ages of moving slots and recorded connections are kept by it")               \
	X(INTERFACE, "no packet comes in by an interface that is missing or down")                 \
	X(ATTACHED, "clients' packets go up the host's stack, and are not balanced")               \
	X(MODE, "in generic mode each packet has cost a socket buffer before Poise sees it")       \
	X(CHAIN, "an interface has room for one XDP program, or for several in libxdp's "          \
		 "dispatcher")                                                                     \
	X(QUEUES, "a CPU without a receive queue forwards nothing, the others do all the work")    \
	X(IRQS, "queues whose interrupts share a CPU share its time, while other CPUs idle")       \
	X(RX_RING, "a burst that comes while the CPU is busy overflows a short ring")              \
	X(LRO, "the card joins packets, which XDP cannot take apart, or refuses native "           \
	       "mode")                                                                             \
	X(HW_GRO, "the card joins packets to ones that fit no tunnel, or refuses native "          \
		  "mode")                                                                          \
	X(RXVLAN, "the card takes the tag off before XDP: packets of a VLAN look untagged, and "   \
		  "leave so")                                                                      \
	X(VETH_PEER, "what Poise turns around is delivered at once only where the peer has a "     \
		     "native XDP program, too")                                                    \
	X(MTU, "full packets of clients are dropped or answered with an ICMP error, and "          \
	       "connections hang where that is lost")                                              \
	X(ROUTE, "a backend without a way to it gets no packet")                                   \
	X(NEXT_HOP, "a backend without a next hop gets no packet")                                 \
	X(NEIGHBOURS, "with a full neighbour table next hops are forgotten, and backends with "    \
		      "them")                                                                      \
	X(RP_FILTER, "answers to checks with 'via: tunnel' come from the service's address, and "  \
		     "are dropped without a trace")                                                \
	X(ACCEPT_LOCAL, "answers to checks with 'via: tunnel' come from an address of this host, " \
			"and are dropped")                                                         \
	X(LOCAL_VIP, "connections of this host itself to the service reach this host, not a "      \
		     "backend")                                                                    \
	X(MEMORY, "where memory is short, maps cannot be made, and the kernel ends processes")     \
	X(CGROUP, "the maps and poised count against the limit; beyond it poised is ended")        \
	X(FILES, "each check that runs holds a socket; without a free one checks fail")            \
	X(RING_SIZE, "with few slots a backend's shares are uneven, and more of them move on a "   \
		     "change")                                                                     \
	X(SEED, "who knows the seed can compute which connections go to one backend, and flood "   \
		"it")                                                                              \
	X(CHECK, "a backend that is dead goes on getting connections")                             \
	X(PANIC, "when a check fails everywhere by mistake, the service is wholly down")

enum doctor_check {
#define DOCTOR_ENUM(name, why) DOCTOR_##name,
	DOCTOR_CHECKS(DOCTOR_ENUM)
#undef DOCTOR_ENUM
};

/* problem: packets are lost, or Poise does not run. warning: a cost or a risk. note: to be known.
 */
enum doctor_level { DOCTOR_OK, DOCTOR_NOTE, DOCTOR_WARNING, DOCTOR_PROBLEM };

struct doctor {
	const struct config *config; /* what runs, else the file's */
	const char *config_path;
	const struct view_status *status; /* NULL: poised was not reached */
	const char *socket;		  /* where it was sought */
	json_t *findings;		  /* as --json prints them */
	enum doctor_level worst;
};

/* A new finding about the subject (an interface, a service; "": the host). doctor_mend() adds the
 * command, which can be copied and run, to the last one. */
void doctor_add(struct doctor *doctor, enum doctor_check check, enum doctor_level level,
		const char *subject, const char *found, ...) __attribute__((format(printf, 5, 6)));
void doctor_mend(struct doctor *doctor, const char *command, ...)
	__attribute__((format(printf, 2, 3)));

/* For people: the worst first; what is fine only if verbose. */
void doctor_print(const struct doctor *doctor, bool verbose);

/* The checks by what they look at. */
void doctor_check_poised(struct doctor *doctor);
void doctor_check_kernel(struct doctor *doctor);
void doctor_check_links(struct doctor *doctor);
void doctor_check_queues(struct doctor *doctor, const char *interface,
			 const struct host_link *link);
void doctor_check_reach(struct doctor *doctor);
void doctor_check_paths(struct doctor *doctor);
void doctor_check_memory(struct doctor *doctor);
void doctor_check_config(struct doctor *doctor);

#endif
