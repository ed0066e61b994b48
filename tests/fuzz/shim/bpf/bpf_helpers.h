/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Stands in for libbpf's header of this name where a BPF program is built for the host: the same
 * notation of maps, and helpers that shim.c implements, as bpf-helpers(7) describes them.
 */
#ifndef POISE_SHIM_BPF_HELPERS_H
#define POISE_SHIM_BPF_HELPERS_H

#include <stddef.h>
#include <linux/types.h>

struct bpf_fib_lookup;
struct bpf_sock;
struct bpf_sock_tuple;
struct tcphdr;
struct xdp_md;

/* A map's variable is not read: shim_map_open() keeps its own pointer in there. */
#define SEC(name)
#define __uint(name, value)  int(*name)[value]
#define __type(name, value)  __typeof__(value) *name
#define __array(name, value) __typeof__(value) *name[]

#undef __always_inline
#define __always_inline	 inline __attribute__((always_inline))
#define __noinline	 __attribute__((noinline))
#define barrier()	 __asm__ volatile("" ::: "memory")
#define barrier_var(var) __asm__ volatile("" : "+r"(var))

void *bpf_map_lookup_elem(void *map, const void *key);
long bpf_map_update_elem(void *map, const void *key, const void *value, __u64 flags);
long bpf_map_delete_elem(void *map, const void *key);
long bpf_redirect_map(void *map, __u64 key, __u64 flags);

long bpf_xdp_adjust_head(struct xdp_md *ctx, int delta);
long bpf_xdp_adjust_meta(struct xdp_md *ctx, int delta);
long bpf_xdp_adjust_tail(struct xdp_md *ctx, int delta);
long bpf_xdp_load_bytes(struct xdp_md *ctx, __u32 offset, void *to, __u32 bytes);
long bpf_xdp_store_bytes(struct xdp_md *ctx, __u32 offset, void *from, __u32 bytes);

__s64 bpf_csum_diff(__be32 *from, __u32 from_bytes, __be32 *to, __u32 to_bytes, __u32 seed);
long bpf_loop(__u32 times, void *step, void *ctx, __u64 flags);

struct bpf_sock *bpf_skc_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 bytes,
				    __u64 namespace, __u64 flags);
struct bpf_sock *bpf_sk_lookup_tcp(void *ctx, struct bpf_sock_tuple *tuple, __u32 bytes,
				   __u64 namespace, __u64 flags);
struct tcp_timewait_sock *bpf_skc_to_tcp_timewait_sock(void *socket);
struct tcp_request_sock *bpf_skc_to_tcp_request_sock(void *socket);
struct tcp_sock *bpf_skc_to_tcp_sock(void *socket);
long bpf_sk_release(void *socket);
long bpf_tcp_check_syncookie(void *socket, void *ip, __u32 ip_bytes, struct tcphdr *tcp,
			     __u32 tcp_bytes);
long bpf_fib_lookup(void *ctx, struct bpf_fib_lookup *params, int bytes, __u32 flags);

__u64 bpf_ktime_get_coarse_ns(void);
__u64 bpf_ktime_get_ns(void);
__u64 bpf_jiffies64(void);
__u32 bpf_get_prandom_u32(void);
__u32 bpf_get_smp_processor_id(void);

#endif
