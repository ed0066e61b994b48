/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The balancer's program, loaded and set up in a network namespace of its own: TCP and UDP
 * services on port 80 of an IPv4 and an IPv6 address, backends of every kind, and room for services
 * of the tests' own. Packets go in by BPF_PROG_TEST_RUN; what
 * must come out is computed here, from the entries and the reference functions of poise_flow.h.
 */
#ifndef POISE_TEST_FIXTURE_H
#define POISE_TEST_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "build.h"
#include "extents.h"
#include "inspect.h"
#include "maps.h"
#include "poise_abi.h"
#include "poise_flow.h"

#define CLIENT4	   "198.51.100.2"
#define CLIENT6	   "2001:db8:1::2"
#define VIP4	   "203.0.113.10"
#define VIP6	   "2001:db8:f::10"
#define OTHER4	   "203.0.113.11" /* no service's */
#define OTHER6	   "2001:db8:f::11"
#define ROUTER_MAC "02:00:00:00:01:01" /* where the client's packets come from */
#define EDGE_MAC   "02:00:00:00:01:02" /* the balancer's */

enum {
	SERVICE_PORT = 80,
	CLIENT_PORT = 40001,
	DEFAULT_MTU = 1500,
	SETTLE_TICKS = 840,
	SEED = 0x5eed,
};

enum {		     /* indexes into 'services' */
       SERVICE4 = 1, /* TCP */
       SERVICE4_ADDRESS,
       SERVICE6,
       SERVICE6_ADDRESS,
       UDP_SERVICE4,
       UDP_SERVICE6,
       FREE_SERVICE, /* the first that is the tests' own */
       SERVICE_COUNT = FREE_SERVICE + 24,
};

/*
 * X(name, family, address, source, entropy bits, way out). The ways: IN is the interface that
 * packets come in by, OUT another one, LOST one that is not in the devmap, NONE stands for no next
 * hop.
 */
#define BACKENDS(X)                                                                                \
	X(A4, 4, "10.0.1.11", "172.16.0.0", 16, IN)                                                \
	X(B4, 4, "10.0.1.12", "172.16.0.0", 16, IN)                                                \
	X(C4, 4, "10.0.1.13", "172.16.0.0", 16, IN)                                                \
	X(A6, 6, "2001:db8:2::11", "100::", 32, IN)                                                \
	X(B6, 6, "2001:db8:2::12", "100::", 32, IN)                                                \
	X(FIXED4, 4, "10.0.1.21", "10.0.1.2", 0, IN)                                               \
	X(FIXED6, 6, "2001:db8:2::21", "2001:db8:2::2", 0, IN)                                     \
	X(BITS4, 4, "10.0.1.22", "172.17.8.0", 9, IN)                                              \
	X(AWAY4, 4, "10.0.1.31", "172.16.0.0", 16, OUT)                                            \
	X(AWAY6, 6, "2001:db8:2::31", "100::", 32, OUT)                                            \
	X(LOST4, 4, "10.0.1.41", "172.16.0.0", 16, LOST)                                           \
	X(LOST6, 6, "2001:db8:2::41", "100::", 32, LOST)                                           \
	X(NO_HOP4, 4, "10.0.1.51", "172.16.0.0", 16, NONE)                                         \
	X(NO_HOP6, 6, "2001:db8:2::51", "100::", 32, NONE)

enum backend_index {
	NOBODY = 0,
#define BACKEND_ENUM(name, family, address, source, bits, way) name,
	BACKENDS(BACKEND_ENUM)
#undef BACKEND_ENUM
		BACKEND_COUNT
};

enum way { WAY_NONE, WAY_IN, WAY_OUT, WAY_LOST, WAY_COUNT };

struct loader;
struct traced;

struct fixture {
	struct loader *loader;
	struct traced *dry; /* the same program for dry runs */
	struct maps *maps;
	uint32_t ifindex[WAY_COUNT];
	struct poise_service *services;	      /* the map */
	uint32_t ring_size;		      /* of services that are published from now on */
	struct extent extents[SERVICE_COUNT]; /* of the services' rings */
	uint32_t places[SERVICE_COUNT];	      /* the services' indexes; 0: it has none so far */
	struct poise_backend entries[BACKEND_COUNT]; /* by fixture_backend_init() */
};

/* Loads and sets up; every backend is live and eligible, no slot has an owner. Ends the program
 * when that fails: skipped without the right to make a network namespace, failed otherwise. */
void fixture_open(struct fixture *fixture, uint32_t ring_size);
void fixture_close(struct fixture *fixture);

/* Settings, to be changed in place. */
struct poise_settings *fixture_settings(const struct fixture *fixture);

/*
 * Writes the entry of a service of the tests, or an address's (POISE_SERVICE_ADDRESS), and
 * publishes it in the service table; what was published as this service is withdrawn before.
 * address and family are taken from the text, the ring is one of the service's own, made when it
 * has none. Its index follows from its address and port: places[service].
 */
void fixture_publish(struct fixture *fixture, uint32_t number, const char *address,
		     const struct poise_service *service);
/* The same for what port ranges or prefixes lead to: it is not listed. */
void fixture_write(struct fixture *fixture, uint32_t number, const char *address,
		   const struct poise_service *service);
void fixture_withdraw(struct fixture *fixture, uint32_t number);
/* Its entry, to be changed in place. */
struct poise_service *fixture_service_entry(const struct fixture *fixture, uint32_t number);

struct ring fixture_ring(struct fixture *fixture, uint32_t service);
/* Makes one backend the settled owner of every slot of all rings. */
void fixture_own(struct fixture *fixture, uint16_t backend);
/* Makes it the owner of every slot by ring_change(). */
void fixture_change(struct fixture *fixture, uint16_t backend, uint16_t now);
/* Withdraws a service and publishes it again with another ring. */
void fixture_move_ring(struct fixture *fixture, uint32_t service, const struct extent *extent);

/* The entry that BACKENDS() describes, with this MTU. */
struct poise_backend fixture_entry(const struct fixture *fixture, uint16_t backend, uint16_t mtu);
void fixture_backend_init(struct fixture *fixture, uint16_t backend,
			  const struct poise_backend *entry);

/* A map of the program, by its name; aborts when there is none. Its descriptor, or, of an array
 * that is mmapable, memory shared with it. */
int fixture_map_fd(const struct fixture *fixture, const char *name);
void *fixture_map(const struct fixture *fixture, const char *name);

/* The verdict, with what came out; or a negative errno. */
int fixture_run(const struct fixture *fixture, const struct packet *in, struct packet *out);
/* The same with metadata_bytes of metadata, which take room from the tunnel header's. */
int fixture_run_metadata(const struct fixture *fixture, const struct packet *in,
			 uint32_t metadata_bytes, struct packet *out);

/* The same of another program than the one that forwards. */
int fixture_run_other(const struct fixture *fixture, int program, const struct packet *in,
		      struct packet *out);

/* Of a packet with ports. */
uint64_t fixture_flow_hash(const struct packet *packet);
/* The service on port 80 that has the packet's family and protocol. */
uint32_t fixture_service(const struct packet *packet);
/* The slot of a packet in its service's ring. */
uint32_t fixture_slot(const struct fixture *fixture, const struct packet *packet);
/* What must come out when the packet goes to a backend with this entry. */
struct packet fixture_encapsulated(const struct packet *in, const struct poise_backend *entry);
/* The same for a packet of a flow with this hash. */
struct packet fixture_encapsulated_hash(const struct packet *in, const struct poise_backend *entry,
					uint64_t hash);
int fixture_verdict(const struct fixture *fixture, const struct poise_backend *entry);

/* The coarse clock, with a good part of its tick left. */
uint16_t fixture_tick(void);
/* Whether it still shows now. */
bool fixture_same_tick(uint16_t now);

#endif
