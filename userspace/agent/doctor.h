/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the files of poise-agent doctor share: the list of findings. */
#ifndef POISE_AGENT_DOCTOR_H
#define POISE_AGENT_DOCTOR_H

#include <jansson.h>
#include <stddef.h>

#include "preflight.h"
#include "status.h"

enum { DOCTOR_FOUND_BYTES = 320 };

/* Besides preflight's checks: X(NAME, why it matters). */
#define DOCTOR_CHECKS(X)                                                                           \
	X(DECAPSULATION, "the host does not open what balancers send, and clients get no answer")  \
	X(VERSION, "this poise-agent cannot look into what another version attached")              \
	X(MODE, "in generic or tc mode each packet has cost a socket buffer before it is opened")  \
	X(JIT, "without it the kernel interprets the program, and a packet costs several times "   \
	       "as much")                                                                          \
	X(FRAGMENT, "tunnel packets that come in fragments are not opened: connections hang")      \
	X(BAD_SOURCE, "packets for a VIP from sources that --from does not name are dropped")      \
	X(HOP_ROUTE, "packets of connections that another backend has are not handed on to it, "   \
		     "and break")                                                                  \
	X(HOP_REFUSED, "a backend that is missing in --second-chance gets none of its "            \
		       "connections back, and they break")                                         \
	X(HOP_SOURCE, "what is handed on over the other family comes from --source, and agents "   \
		      "with these --from drop it")                                                 \
	X(LO_FORWARDING, "the programs cannot ask for routes: packets for other backends take "    \
			 "the slow path, and reach only those by the tunnels' interface")          \
	X(SECOND_CHANCE, "balancers send chains, and connections that other backends have break "  \
			 "here")                                                                   \
	X(CHAIN, "packets with chains that this agent does not know are dropped")                  \
	X(NETNS, "connections of containers count as unknown, and their packets are handed on")

enum doctor_check {
#define DOCTOR_ENUM(name, why) DOCTOR_##name,
	DOCTOR_CHECKS(DOCTOR_ENUM)
#undef DOCTOR_ENUM
};

/* problem: packets are lost. warning: a cost or a risk. note: to be known. */
enum level { LEVEL_OK, LEVEL_NOTE, LEVEL_WARNING, LEVEL_PROBLEM };

struct doctor {
	json_t *findings; /* as --json prints them; NULL: out of memory */
	enum level worst;
	size_t attached; /* interfaces with the program */
};

/* subject: an interface, or "": the host. */
void doctor_add(struct doctor *doctor, enum doctor_check check, const char *subject,
		enum level level, const char *mend, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* What second chance needs of the host, and meets: of what is attached; of what it may be. */
void doctor_check_second(struct doctor *doctor, const struct status *status);
void doctor_check_hops(struct doctor *doctor, const char *interface,
		       const struct maps_content *content);

#endif
