/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The data plane's maps, and the order in which their words may change under it. The only module
 * that reads or writes maps; knows nothing of configuration or health. maps.c owns the whole,
 * maps_rings.c, maps_services.c, maps_backends.c and maps_counts.c a part each.
 */
#ifndef POISE_MAPS_H
#define POISE_MAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "extents.h"
#include "poise_abi.h"
#include "ring.h"

struct bpf_object;
struct poise_bpf;
struct maps;

/* Maps of a loaded object, shared with the data plane. 0 or a negative errno. */
int maps_new(struct poise_bpf *object, struct maps **out);
void maps_free(struct maps *maps); /* takes NULL; the maps themselves live on where pinned */

/* Gives another object, which is not loaded so far, the same maps. 0 or a negative errno. */
int maps_lend(const struct maps *maps, struct bpf_object *object);

struct poise_settings *maps_settings(struct maps *maps);

/* Does the kernel answer for the maps, and the data plane's version? 0 or a negative errno. */
int maps_answer(struct maps *maps);

/* Waits until no packet that began before this call is under way in the data plane. */
void maps_synchronize(struct maps *maps);

/* A place for a ring of size slots, which are zeroed (settled, without owner). It is there after
 * maps_rings_open(). 0, -ENOSPC or another negative errno. */
int maps_ring_allocate(struct maps *maps, uint32_t size, struct extent *out);
/* Makes the memory of all rings that were allocated. 0 or a negative errno; then none is there. */
int maps_rings_open(struct maps *maps);
/* Takes a ring that an earlier poised made. 0 or a negative errno. */
int maps_ring_adopt(struct maps *maps, const struct extent *extent);
void maps_ring_release(struct maps *maps, const struct extent *extent);
struct ring maps_ring(struct maps *maps, const struct extent *extent);
/* Lets the ring's slots move: before that it has no moves. 0 or a negative errno. */
int maps_ring_allow_moves(struct maps *maps, const struct extent *extent, struct ring *ring);
/* Makes some of the memory that maps_ring_allow_moves() would have to. 0 or a negative errno. */
int maps_moves_ahead(struct maps *maps);

/* Writes an entry that nothing leads to so far; it is not listed. */
void maps_service_write(struct maps *maps, uint32_t index, const struct poise_service *service);
/* Writes the entry, then lists it in the service table. The index must be one of service_place()'s
 * that no packet can hold: unused, and maps_synchronize()d since it was withdrawn. */
void maps_service_publish(struct maps *maps, uint32_t index, const struct poise_service *service);
void maps_service_withdraw(struct maps *maps, uint32_t index);
const struct poise_service *maps_service(struct maps *maps, uint32_t index);
bool maps_service_published(struct maps *maps, uint32_t index);
void maps_service_set_idle(struct maps *maps, uint32_t index, uint16_t ticks);
void maps_service_set_chain(struct maps *maps, uint32_t index, bool chain);
/* Of an address's entry; which: 0 for TCP, 1 for UDP. What the word named before may be released
 * after maps_synchronize(). */
void maps_service_set_ranges(struct maps *maps, uint32_t index, int which, uint32_t ranges);

/* Writes port ranges, at most POISE_MAX_RANGES, to a free place; out is the word that names them.
 * 0, -ENOSPC, -E2BIG or -ENOMEM. */
int maps_ranges_write(struct maps *maps, const struct poise_port_range *list, size_t count,
		      uint32_t *out);
/* Takes ranges that an earlier poised wrote. 0 or a negative errno. */
int maps_ranges_adopt(struct maps *maps, uint32_t ranges);
void maps_ranges_release(struct maps *maps, uint32_t ranges);
size_t maps_ranges_used(const struct maps *maps); /* entries */
const struct poise_port_range *maps_ranges(struct maps *maps, uint32_t ranges);

/* The same as of the service table for the entry of a prefix. 0 or a negative errno. */
int maps_prefix_publish(struct maps *maps, uint32_t index, const struct poise_service *entry);
void maps_prefix_withdraw(struct maps *maps, uint32_t index);
bool maps_prefix_published(struct maps *maps, uint32_t index);

/* Which backend a server id names; 0: none. */
int maps_quic_set(struct maps *maps, const struct poise_quic_server *server, uint32_t backend);
uint32_t maps_quic_get(struct maps *maps, const struct poise_quic_server *server);
void maps_quic_delete(struct maps *maps, const struct poise_quic_server *server);
/* The server id behind 'after' (NULL: the first one); false at the end. */
bool maps_quic_next(struct maps *maps, const struct poise_quic_server *after,
		    struct poise_quic_server *out);

/* One change of a backend's entry. */
struct maps_backend_change {
	uint32_t index;
	struct poise_backend entry; /* 'current' and 'flags' are ignored */
};

/* Writes entries that packets may be using; all of the batch are in effect when it returns. */
void maps_backends_write(struct maps *maps, const struct maps_backend_change *changes,
			 size_t count);
/* Writes an entry that no packet uses, with its flags. */
void maps_backend_write(struct maps *maps, uint32_t index, const struct poise_backend *entry);
/* The same, and sets its counters to 0. */
void maps_backend_init(struct maps *maps, uint32_t index, const struct poise_backend *entry);
/* The copy that packets use. */
const struct poise_backend *maps_backend(struct maps *maps, uint32_t index);
void maps_backend_set_flags(struct maps *maps, uint32_t index, uint8_t flags);

/* What an earlier poised left. 0 or a negative errno. */
int maps_service_record_read(struct maps *maps, uint32_t index, struct poise_service_record *out);
int maps_service_record_write(struct maps *maps, uint32_t index,
			      const struct poise_service_record *record);
int maps_backend_record_read(struct maps *maps, uint32_t index, struct poise_backend_record *out);
int maps_backend_record_write(struct maps *maps, uint32_t index,
			      const struct poise_backend_record *record);

/* Sums over all CPUs. */
void maps_service_count(struct maps *maps, uint32_t index, struct poise_service_count *out);
void maps_backend_count(struct maps *maps, uint32_t index, struct poise_backend_count *out);
uint64_t maps_reason_count(struct maps *maps, uint32_t reason);
uint64_t maps_event_count(struct maps *maps, uint32_t event);
void maps_service_count_reset(struct maps *maps, uint32_t index);

/* POISE_EXCEPTION_BUCKETS buckets; change words by compare-and-exchange only. */
struct poise_exception_bucket *maps_exceptions(struct maps *maps);
/* The recorded flows' table, *buckets of them (a power of two); likewise. */
struct poise_exception_bucket *maps_flows(struct maps *maps, uint32_t *buckets);
/* Where the first fragment of a packet went; does not count as a use of it. 0 or -ENOENT. */
int maps_fragment(struct maps *maps, const struct poise_fragment_key *key,
		  struct poise_fragment *out);
/* Forgets where the first fragments went that name such a backend. */
void maps_fragments_forget(struct maps *maps, bool (*forgets)(void *context, uint32_t backend),
			   void *context);
/* A backend's load; 'active' is shared with the data plane: change it by atomic additions only. */
struct poise_backend_load *maps_load(struct maps *maps, uint32_t index);

/* Lets packets leave by an interface other than the one they came in by. 0 or a negative errno. */
int maps_egress_add(struct maps *maps, uint32_t ifindex);

#endif
