/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What is balanced: services and their backends as they are now, declared or by command, and how a
 * change reaches the data plane. balancer.c owns the whole, backend.c and service.c one of each,
 * service_ring.c the slots, commit.c the order in which a change takes effect.
 *
 * A change marks what it touched (backend_refresh(), service_touch()); balancer_commit() then
 * brings the data plane to it in the order that no packet can suffer from: flags that forbid,
 * entries, flags that allow, rings.
 */
#ifndef POISE_BALANCER_H
#define POISE_BALANCER_H

#include <stdbool.h>
#include <stdint.h>

#include "addresses.h"
#include "backend_agent.h"
#include "config.h"
#include "extents.h"
#include "health.h"
#include "history.h"
#include "nexthop.h"
#include "poise_abi.h"
#include "ring.h"
#include "standing.h"

struct event;
struct event_base;
struct loader;
struct maps;
struct probe_route;
struct probes;
struct ring_ahead;

struct backend {
	struct service *service;
	struct backend *next, *previous; /* in the service's list */
	struct backend *next_hashed;	 /* in its bucket of the service's by_address */
	const struct config_backend
		*declared; /* while a configuration is applied or estimated; NULL: not in it */
	char name[POISE_NAME_BYTES];
	struct address address;
	uint16_t index;		  /* in the data plane */
	uint16_t weight;	  /* in force */
	int declared_weight;	  /* of the configuration; -1: not in it */
	bool declared_drain;	  /* likewise */
	uint8_t encapsulation;	  /* enum poise_encapsulation */
	uint8_t server_id_length; /* bytes; 0: none */
	uint8_t server_id[POISE_QUIC_ID_BYTES];
	uint8_t state;	/* enum poise_record_state */
	uint8_t record; /* enum poise_record_flags */
	bool hop_ready; /* its next hop is known */
	bool hop_asked; /* the next hop was resolved, or found not to be there, once */
	bool exposed;	/* packets may be using its entry */
	bool dirty;	/* entry or flags are not in the data plane; set by backend_touch() */
	bool cut;	/* at balancer_release(), unless it is back by then */
	uint8_t flags;	/* enum poise_backend_flags, as written */
	struct poise_backend entry; /* as written */
	struct standing standing;   /* what is remembered to decide who takes connections */
	uint16_t ring_weight;	    /* that the ring was built with */
	struct history history;
	struct health *health;
	struct backend_agent agent;
	struct nexthop_watch *watch;
	struct ring_count ring; /* slots */
	int64_t left_ms; /* monotonic: since when it owns no slot, if it owns none, or is removed */
	uint32_t exceptions;	 /* at the last complete sweep */
	uint64_t valid_at_round; /* the sweep round from which 'exceptions' counts */
};

/* Names that a ring got without a history: ring_guess.h. */
struct guess {
	uint16_t *without; /* the rings to be built, by who is not in them; NULL: none */
	size_t count, next;
	bool made; /* and not given up */
	int64_t made_ms;
};

/* First owners that are put together with names: ring_stage.h. */
struct stage {
	bool wanted;		    /* slots without owner are to have names before */
	bool active;		    /* 'ring' is a copy that no packet sees */
	int64_t since_ms, until_ms; /* monotonic: wanted since, waits until; 0: not known yet */
};

/* Slots that keep their owner for now, although they are to have another: ring_wait.h. */
struct waiting_slots {
	uint32_t slots;
	int64_t next_ms, last_ms; /* monotonic: when the first and the last of them may change */
};

struct service {
	struct balancer *balancer;
	struct config_service config; /* its own copy, without backends */
	uint16_t index;		      /* in the data plane */
	uint32_t position;	      /* in the configuration */
	uint32_t flags;		      /* enum poise_service_flags */
	struct extent extent;
	struct ring ring;
	struct extent schedule_extent; /* of roundrobin and leastconn; size 0: none */
	struct ring schedule;
	struct ring_moving moving; /* slots */
	struct waiting_slots waiting;
	struct guess guess;
	struct stage stage;
	bool filled;	 /* the ring had its first owners */
	bool dirty;	 /* the ring is to be built anew; set by service_touch() */
	bool urgent;	 /* at the next commit, whatever else waits */
	int ring_error;	 /* a negative errno: it could not be built; 0: it could */
	bool published;	 /* packets reach it */
	bool ownerless;	 /* no backend takes new connections, which was said */
	int64_t fill_by; /* ms, monotonic: when to fill even if not all backends are known */
	bool undecided;	 /* something changed that its backends' availability may follow */
	struct standing_verdict verdict;
	int64_t stepped_ms; /* monotonic: the last step of its backends' slow starts */
	struct backend *backends, *last_backend;
	size_t backend_count;
	bool tunnels6;		     /* some backend's tunnel is IPv6, or was */
	struct backend **by_address; /* bucket_count lists; NULL: none are needed so far */
	size_t bucket_count;	     /* a power of two */
	struct service *next_named;  /* in its bucket of by_name */
	const struct config_service
		*declared;	    /* while a configuration is applied; NULL: not in it */
	struct probe_route *probes; /* of checks with via: tunnel; NULL: none were started */
};

enum { BALANCER_NAME_BUCKETS = 4096 };

struct balancer {
	struct event_base *base;
	struct maps *maps;
	struct nexthops *nexthops;
	struct healths *healths;
	struct probes *probes;
	struct config *config; /* as declared, the last that was applied */
	struct service **services;
	size_t service_count;
	struct service *by_name[BALANCER_NAME_BUCKETS]; /* lists, the eldest first */
	struct service_address *addresses;		/* in the order of port_prefix_compare() */
	size_t address_count;
	struct backend *by_index[POISE_MAX_BACKENDS];
	/* sweep round after which a given-up index may serve again; 0: it is not given up */
	uint64_t swept_at[POISE_MAX_BACKENDS];
	struct service *service_at[POISE_SERVICE_ENTRIES]; /* by index */
	bool service_used[POISE_SERVICE_ENTRIES];
	uint32_t lowest_index; /* no index of a backend below it is free */
	struct event *commit_event, *settle_event, *sweep_event, *guess_event;
	struct json_t *ring_history; /* to be taken by rings that are filled first; NULL: none */
	struct ring_ahead *ahead;    /* rings for the first fills; NULL: none */
	bool empty;		     /* the maps were, when this poised began */
	uint32_t staged_slots;	     /* of rings whose stage is active */
	uint32_t sweep_bucket;	     /* next to look at */
	uint64_t sweep_round;	     /* complete rounds */
	uint32_t flows_seen;	     /* recorded flows, in the round under way */
	uint32_t flows_used;	     /* recorded flows, at the last complete sweep of them */
	uint32_t *counts;	     /* POISE_MAX_BACKENDS, of the round under way */
	struct backend **dirty;	     /* room for POISE_MAX_BACKENDS, during a commit */
	bool any_dirty;		     /* some backend may be */
	bool chains_ended;	     /* packets that name some may be under way */
	size_t ring_next;	     /* service whose ring is looked at next */
	int64_t rings_left_ms;	     /* monotonic: when building them was left; 0: it ended */
	int moves_error;  /* why memory for slots that move was not made ahead; 0: it was */
	size_t step_next; /* service whose slow starts are looked at next */
	bool adopting;	  /* what exists takes no part in traffic decisions so far */
	bool held;	  /* between balancer_hold() and balancer_release() */
	bool sweep_wanted, cut_wanted;	/* at the release */
	void (*changed)(void *context); /* called after every change by command or reload */
	void *changed_context;
};

enum { BALANCER_ERROR_BYTES = 320 };

/* balancer.c */
int balancer_new(struct event_base *base, struct maps *maps, struct balancer **out);
void balancer_free(struct balancer *balancer); /* the data plane goes on; takes NULL */
/* The list of services. 0 or -ENOMEM. */
int balancer_append(struct balancer *balancer, struct service *service);
void balancer_drop(struct balancer *balancer, struct service *service);
struct service *balancer_find(const struct balancer *balancer, const char *name);
/* The running service that a configured one continues: it has its identity. NULL: there is none. */
struct service *balancer_continued(const struct balancer *balancer,
				   const struct config_service *config);
/* Several changes become one: commits, sweeps and cuts wait for the release. Within one event only.
 */
void balancer_hold(struct balancer *balancer);
void balancer_release(struct balancer *balancer);
/* Sweeps, so that the counts of exceptions are right soon. */
void balancer_sweep(struct balancer *balancer);
/* What was changed by command, or what lies under it, is another now. */
void balancer_notify(struct balancer *balancer);
/* Unused indexes, or 0. */
uint16_t balancer_take_index(struct balancer *balancer);
/* listed: the entry is to be published in the service table. */
uint16_t balancer_take_service_index(struct balancer *balancer, const struct poise_service *entry,
				     bool listed);
size_t balancer_free_indexes(const struct balancer *balancer);
uint16_t balancer_clock(void);			    /* coarse, as in poise_abi.h */
int64_t balancer_now_ms(void);			    /* monotonic */
uint16_t balancer_settle_ticks(uint64_t settle_ms); /* rounded up, so that all of it passes */

/* commit.c */
int commit_start(struct balancer *balancer); /* 0 or -ENOMEM */
void commit_stop(struct balancer *balancer);
/* Brings the data plane up to date now: all backends, all urgent rings, and other rings for a
 * moment; those that are left follow in the event loop's next turns. */
void balancer_commit(struct balancer *balancer);
/* The same, once the present event has been handled. */
void balancer_commit_later(struct balancer *balancer);
/* An interface came back: what leads out by it may do so again. */
void balancer_renew_egress(struct balancer *balancer, uint32_t ifindex);

/* backend.c */
struct backend_spec {
	const char *name;
	struct address address;
	uint16_t weight;
	int declared_weight;
	bool declared_drain;
	uint8_t record; /* enum poise_record_flags */
	uint8_t encapsulation;
	const uint8_t *server_id; /* NULL: none */
	uint8_t server_id_length;
};
/* Makes a backend and writes its record; NULL when out of indexes or memory. */
struct backend *backend_new(struct service *service, struct balancer *balancer,
			    const struct backend_spec *spec);
/* Takes up one that an earlier poised left. */
struct backend *backend_adopt(struct service *service, struct balancer *balancer, uint16_t index,
			      const struct poise_backend_record *record);
/* Begins health checks and next-hop resolution, or begins them anew after a change of the check. */
int backend_start(struct balancer *balancer, struct backend *backend);
/* Gives the index up: it serves again after a sweep. The ring must not name it any more, and
 * maps_synchronize() must have been called since. */
void backend_free(struct balancer *balancer, struct backend *backend);
/* Sends it no new connection, and forgets it once those that it has are gone. */
void backend_leave(struct balancer *balancer, struct backend *backend);
/* Sends it nothing more: its connections go to the owners of their slots. Ends its life, unless it
 * must be remembered as removed. */
void backend_cut(struct balancer *balancer, struct backend *backend);
/* No packet is to go to it any more, and nothing asks for it: for one that the ring does not name.
 */
void backend_close(struct balancer *balancer, struct backend *backend);
/* Ends the life of a closed one, or remembers it as removed. maps_synchronize() must have been
 * called since it was closed. */
void backend_retire(struct balancer *balancer, struct backend *backend);
bool backend_is_added(const struct backend *backend); /* by command, and still there */
bool backend_has_server_id(const struct backend *backend, const struct config_backend *declared);
bool backend_drains(const struct backend *backend); /* declared, or by command */
/* What is so of it, whatever else is decided. */
struct standing_facts backend_facts(const struct backend *backend);
bool backend_up(const struct backend *backend);
bool backend_known(const struct backend *backend); /* enough is known to say whether it is up */
bool backend_eligible(const struct backend *backend);
/* What the ring is built with, 0-1000: the weight in force, less what reduces it for now. */
uint16_t backend_effective_weight(const struct backend *backend);
/* Recorded flows of it that have not ended. */
uint32_t backend_active(const struct balancer *balancer, const struct backend *backend);
bool backend_gone(const struct balancer *balancer, const struct backend *backend);
/* Its entry or flags are to be written by the next commit. */
void backend_touch(struct backend *backend);
/* After any change of state, weight, health or next hop: marks it and its service. */
void backend_refresh(struct balancer *balancer, struct backend *backend);
int backend_write_record(struct balancer *balancer, const struct backend *backend);
/* Why packets cannot be brought to it, for people; NULL when they can. */
const char *backend_way_problem(const struct backend *backend);
/* After its encapsulation changed. */
void backend_recheck_way(struct balancer *balancer, struct backend *backend);
/* Another id replaces the one that it had, if any. */
void backend_set_server_id(struct balancer *balancer, struct backend *backend, const uint8_t *id,
			   uint8_t length);
/* Its entry and flags as they ought to be. */
struct poise_backend backend_entry(const struct balancer *balancer, const struct backend *backend);
uint8_t backend_flags(const struct backend *backend);

/* service.c */
/* Makes a service with an empty ring; not published. 0 or a negative errno with error written. */
int service_new(struct balancer *balancer, const struct config_service *config,
		struct service **out, char error[BALANCER_ERROR_BYTES]);
int service_adopt(struct balancer *balancer, uint16_t index, struct service **out);
/* Takes up its ring, which maps_rings_open() made, and writes the entry of a new service, so that
 * something may lead to it. 0 or a negative errno. */
int service_prepare(struct service *service);
/* Lets packets reach it: in the service table, where that is what leads to it. */
void service_publish(struct service *service);
/* From now on its backends are asked: how long the first fill waits for them. */
void service_await_fill(struct service *service);
/* Takes a service out of the service table, and stops its backends. No list of ports may name it.
 * Its index and ring are free after service_free(). */
void service_withdraw(struct balancer *balancer, struct service *service);
/* Frees one that was never published; or withdrawn, and maps_synchronize()d since. */
void service_free(struct balancer *balancer, struct service *service);
/* Is it of one address and port? Then the service table leads to it, else port ranges do. */
bool service_is_exact(const struct service *service);
bool service_has_identity(const struct service *service, const struct config_service *config);
/* The entry of a service as it is or ought to be; without what only a ring has. */
struct poise_service service_describe(const struct config_service *config);
struct poise_service service_entry(const struct service *service);
/* Takes what may change in a running service: all but its identity and what the entry says, idle
 * time excepted. 0 or -ENOMEM. */
int service_set_config(struct service *service, const struct config_service *config);
/* Ends packets' chains where the configuration has none. */
void service_end_chains(struct service *service);
/* Begins them where it has, once every way keeps room for them: after each commit of backends. */
void service_begin_chains(struct service *service);
/* changing: the ring is to be built anew. 0 or a negative errno. */
int service_write_record(struct service *service, bool changing);
/* The ring is to be built anew. Noted in the record first, so that poised may die at any point. */
void service_touch(struct service *service);

/* service_backends.c */
void service_link_backend(struct service *service, struct backend *backend); /* as the last one */
void service_unlink_backend(struct service *service, struct backend *backend);
void service_drop_backends(struct service *service); /* forgets them all, and frees none */
/* Bytes of the MTU of the ways to backends of that family that are kept for chains, so that what
 * fits does not change when a slot begins to move: as many as the service's backends may need. */
uint16_t service_chain_room(const struct service *service, uint8_t family);
struct backend *service_find(const struct service *service, const char *name);
struct backend *service_find_address(const struct service *service, const struct address *address);
/* Sets 'declared' of each backend by its address; it is right until config is freed. */
void service_match_backends(struct service *service, const struct config_service *config);

/* service_ring.c */
/* Enough is known of the backends for a first fill, or there was time enough. */
bool service_may_fill(const struct service *service);
/* Builds the rings that are to be built anew: those of urgent services, then others for a moment.
 * Returns whether any are left. */
bool rings_build(struct balancer *balancer);
void service_count_slots(struct service *service);
/* Settles what is to be; returns whether anything did, and counts anew then. */
bool service_settle(struct service *service);
/* Takes the index from moves that merely name it, of a backend whose time is over. */
void service_forget_names(struct service *service, uint16_t index);
enum ring_rules service_rules(const struct service *service);
/* If slots wait: whether they still have to is to be looked at again. */
void service_retry(struct service *service);

#endif
