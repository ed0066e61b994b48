/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Runs poise_agent, or poise_agent_tc, by BPF_PROG_TEST_RUN, and looks at verdict, bytes and
 * counters. Verdicts are those of XDP: TC_ACT_UNSPEC is XDP_PASS, TC_ACT_SHOT is XDP_DROP.
 */
#ifndef POISE_TEST_AGENT_RUN_H
#define POISE_TEST_AGENT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent_packet.h"
#include "poise_agent_abi.h"

enum agent_run_hook {
	AGENT_RUN_XDP,
	AGENT_RUN_TC,
	AGENT_RUN_HOOKS, /* at which everything is decided */
	AGENT_RUN_TC_AFTER_XDP,
};

/* Loads the program, with AGENT_VIP4 and AGENT_VIP6, any source. 0 or a negative errno. */
int agent_run_begin(enum agent_run_hook hook);
void agent_run_end(void);

void agent_run_check_sources(bool check);
/* bit n: encapsulation n is opened; all are when agent_run_begin() returns. */
void agent_run_open(unsigned int encapsulations, unsigned int gue_port);
void agent_run_add_vip(int family, const char *address, unsigned int bits);
uint64_t agent_run_vip_packets(int family, const char *address, unsigned int bits);
void agent_run_add_source(int family, const char *address, unsigned int bits);

void agent_run_add_hop(int family, const char *address, unsigned int bits);
/* Second chance on or off, with the sockets of these network namespaces beside the own ones. */
void agent_run_second_chance(bool on, const int *namespaces, unsigned int count);
/* Where the family of the tunnel changes: the prefix, of which the last bits carry the hash. */
void agent_run_tunnel_sources(const char *source4, uint32_t mask4, const char *source6,
			      uint32_t mask6);
/* The interface by which frames come in from now on; 0: none in particular. */
void agent_run_interface(unsigned int ifindex);

/* In TC: frames are segments of so many bytes that were made one; 0: they are not. */
void agent_run_merged(unsigned int bytes);

uint64_t agent_run_counter(enum poise_agent_reason reason);
const char *agent_run_reason_name(enum poise_agent_reason reason);

/* The shortest frame that a test run takes: in TC it must have the whole IP header. */
size_t agent_run_shortest(int family);

/* One run, nothing looked at: the verdict, or a negative errno. */
int agent_run_packet(const struct packet *in, struct packet *out);

/*
 * Runs in; expects reason, counted once and alone, and its verdict; when that is XDP_PASS, out.
 * vip: the family of the VIP that counts the packet, with bytes; 0 none. Notes what differs.
 */
bool agent_run_counted(const char *name, const struct packet *in, enum poise_agent_reason reason,
		       const struct packet *out, int vip, uint64_t bytes);

/* XDP leaves a packet to TC, untouched, with a mark before it, and counts no reason. */
enum { AGENT_RUN_LEFT_TO_TC = -1, AGENT_RUN_UNDECIDED = -1 };

/*
 * The same of a packet with a chain. reason: enum poise_agent_reason or AGENT_RUN_LEFT_TO_TC;
 * decision: enum poise_agent_decision, counted once and alone, or AGENT_RUN_UNDECIDED. What is not
 * dropped must be out.
 */
bool agent_run_decided(const char *name, const struct packet *in, int reason, int decision,
		       const struct packet *out, int vip, uint64_t bytes);

/* A packet that is passed untouched, or dropped. */
bool agent_run_refused(const char *name, const struct packet *in, enum poise_agent_reason reason);

/* The reason with which such a packet is opened. */
enum poise_agent_reason agent_run_opened_reason(const struct packet *in, int outer, int inner);

/* A tunnel packet that is opened into out, trailing bytes of which are padding. */
bool agent_run_opened(const char *name, const struct packet *in, int outer, int inner,
		      const struct packet *out, size_t trailing);

#endif
