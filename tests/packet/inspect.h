/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a packet says of itself, for whole and honest ones alone. Knows nothing of Poise. */
#ifndef POISE_TEST_INSPECT_H
#define POISE_TEST_INSPECT_H

#include "build.h"

/* Bytes before the IP header: of Ethernet and its tags. */
size_t packet_l3(const struct packet *packet);
int packet_family(const struct packet *packet);	      /* 4 or 6; 0: not IP */
uint8_t packet_tos(const struct packet *packet);      /* or traffic class */
size_t packet_ip_length(const struct packet *packet); /* of the IP packet by its header */
/* Of the transport header; of a fragment, that of the whole packet's. */
uint8_t packet_protocol(const struct packet *packet);
/* Bytes before the transport header, or before a fragment's part of the payload. */
size_t packet_l4(const struct packet *packet);
uint32_t packet_ports(const struct packet *packet); /* source | destination << 16, as they stand */
/* 0 for what is not TCP. */
unsigned int packet_tcp_flags(const struct packet *packet);

#endif
