/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "traced.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "loader.h"
#include "map_memory.h"
#include "maps.h"
#include "traced.skel.h"

/* That the kernel takes for a while at least, besides maps, to verify such a program. */
enum { VERIFIER_BYTES = 4 << 20 };

struct traced {
	struct loader *loader;
	enum traced_role role;
	struct traced_bpf *object;
	const int *joined;	    /* another's own maps, while it is loaded; or NULL */
	struct poise_trace *traces; /* room for each CPU's */
	int cpus;
};

static void list_own_maps(const struct traced_bpf *object, struct bpf_map *maps[TRACED_OWN_MAPS])
{
	maps[0] = object->maps.captures;
	maps[1] = object->maps.capture_options;
	maps[2] = object->maps.trace;
}

static int join_maps(struct traced_bpf *object, const int fds[TRACED_OWN_MAPS])
{
	struct bpf_map *maps[TRACED_OWN_MAPS];
	int err = 0;

	list_own_maps(object, maps);
	for (int i = 0; i < TRACED_OWN_MAPS && !err; i++)
		err = bpf_map__reuse_fd(maps[i], fds[i]);
	return err;
}

/* With the maps of 'like' as far as that has them, else with maps of its own. */
static int share_maps(struct loader *loader, struct bpf_object *object,
		      const struct traced_bpf *like)
{
	int err = loader_share_maps(loader, object);
	struct bpf_map *map;

	if (!like)
		return err;
	bpf_object__for_each_map (map, object) {
		struct bpf_map *same;

		if (err || bpf_map__is_internal(map) || bpf_map__fd(map) >= 0)
			continue;
		same = bpf_object__find_map_by_name(like->obj, bpf_map__name(map));
		err = bpf_map__reuse_fd(map, bpf_map__fd(same));
	}
	return err;
}

static struct traced_bpf *open_object(const struct traced *traced)
{
	struct traced_bpf *object = traced_bpf__open();

	if (!object)
		return NULL;
	object->rodata->poise_seed = loader_seed(traced->loader);
	object->rodata->poise_flow_mask = loader_flow_mask(traced->loader);
	object->rodata->poise_dry = traced->role == TRACED_DRY;
	object->rodata->poise_capturing = traced->role == TRACED_CAPTURING;
	if (!share_maps(traced->loader, object->obj, traced->object))
		return object;
	traced_bpf__destroy(object);
	return NULL;
}

static int load(struct traced *traced)
{
	struct traced_bpf *object = open_object(traced);
	int err = 0;

	if (!object)
		return -ENOMEM;
	/* a dry one sends nothing through the ring buffer: one page */
	if (traced->role == TRACED_DRY)
		bpf_map__set_max_entries(object->maps.captures, 4096);
	if (traced->joined)
		err = join_maps(object, traced->joined);
	if (!err)
		err = map_memory_room(map_memory_least(object->obj) + VERIFIER_BYTES);
	if (!err)
		err = traced_bpf__load(object);
	if (err) {
		traced_bpf__destroy(object);
		return err;
	}
	traced->object = object;
	return 0;
}

static int make(struct loader *loader, enum traced_role role, const int *joined,
		struct traced **out)
{
	struct traced *traced = calloc(1, sizeof(*traced));
	int err = -ENOMEM;

	if (!traced)
		return err;
	*traced = (struct traced){ .loader = loader, .role = role, .joined = joined };
	traced->cpus = libbpf_num_possible_cpus();
	traced->traces = calloc(traced->cpus, sizeof(*traced->traces));
	if (traced->traces)
		err = load(traced);
	if (err) {
		traced_free(traced);
		return err;
	}
	traced->joined = NULL;
	*out = traced;
	return 0;
}

int traced_new(struct loader *loader, enum traced_role role, struct traced **out)
{
	return make(loader, role, NULL, out);
}

int traced_join(struct loader *loader, const int fds[TRACED_OWN_MAPS], struct traced **out)
{
	return make(loader, TRACED_CAPTURING, fds, out);
}

void traced_own_maps(const struct traced *traced, int fds[TRACED_OWN_MAPS])
{
	struct bpf_map *maps[TRACED_OWN_MAPS];

	list_own_maps(traced->object, maps);
	for (int i = 0; i < TRACED_OWN_MAPS; i++)
		fds[i] = bpf_map__fd(maps[i]);
}

void traced_free(struct traced *traced)
{
	if (!traced)
		return;
	traced_bpf__destroy(traced->object);
	free(traced->traces);
	free(traced);
}

/* Which CPU the run will be on is not known: every one has the fragment. */
static int write_traces(struct traced *traced, const struct poise_fragment *fragment)
{
	__u32 zero = 0;

	memset(traced->traces, 0, traced->cpus * sizeof(*traced->traces));
	for (int i = 0; i < traced->cpus; i++)
		traced->traces[i].fragment = *fragment;
	return bpf_map_update_elem(bpf_map__fd(traced->object->maps.trace), &zero, traced->traces,
				   BPF_ANY);
}

static int read_trace(struct traced *traced, struct poise_trace *out)
{
	__u32 zero = 0;
	int err =
		bpf_map_lookup_elem(bpf_map__fd(traced->object->maps.trace), &zero, traced->traces);

	for (int i = 0; i < traced->cpus && !err; i++) {
		if (!(traced->traces[i].flags & POISE_TRACE_DONE))
			continue;
		*out = traced->traces[i];
		return 0;
	}
	return err ? err : -EIO;
}

static int run_once(struct traced *traced, const void *frame, size_t length, uint32_t ifindex,
		    const struct poise_fragment *fragment, struct traced_result *out)
{
	struct xdp_md context = { .data_end = (__u32)length, .ingress_ifindex = ifindex };
	LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = frame, .data_size_in = (__u32)length,
		    .data_out = out->frame, .data_size_out = sizeof(out->frame), .ctx_in = &context,
		    .ctx_size_in = sizeof(context), .repeat = 1);
	int err = write_traces(traced, fragment);

	if (!err)
		err = bpf_prog_test_run_opts(bpf_program__fd(traced->object->progs.poise),
					     &options);
	if (!err)
		err = read_trace(traced, &out->trace);
	out->verdict = (int)options.retval;
	out->length = options.data_size_out;
	return err;
}

int traced_run(struct traced *traced, const void *frame, size_t length, uint32_t ifindex,
	       struct traced_result *out)
{
	struct poise_fragment fragment = {};
	int err;

	if (length < TRACED_MIN_BYTES || length > TRACED_MAX_BYTES)
		return -EMSGSIZE;
	err = run_once(traced, frame, length, ifindex, &fragment, out);
	if (err || !(out->trace.flags & POISE_TRACE_FRAGMENT))
		return err;
	/* a look-up by system call does not mark the entry as used */
	if (maps_fragment(loader_maps(traced->loader), &out->trace.fragment_key, &fragment))
		return 0;
	return run_once(traced, frame, length, ifindex, &fragment, out);
}

/* For libxdp's dispatcher. */
static struct bpf_object *open_copy(void *context)
{
	struct traced_bpf *copy = open_object(context);
	struct bpf_object *object;

	if (!copy)
		return NULL;
	object = copy->obj;
	copy->obj = NULL;
	traced_bpf__destroy(copy);
	return object;
}

struct attach_program traced_program(struct traced *traced)
{
	return (struct attach_program){
		.fd = bpf_program__fd(traced->object->progs.poise),
		.settings_id = loader_settings_id(traced->loader),
		.open_copy = open_copy,
		.context = traced,
	};
}

int traced_set_capture(struct traced *traced, const struct poise_capture_options *options)
{
	__u32 zero = 0;

	return bpf_map_update_elem(bpf_map__fd(traced->object->maps.capture_options), &zero,
				   options, BPF_ANY);
}

uint64_t traced_capture_lost(struct traced *traced)
{
	struct poise_capture_options options = {};
	__u32 zero = 0;

	bpf_map_lookup_elem(bpf_map__fd(traced->object->maps.capture_options), &zero, &options);
	return options.lost;
}

int traced_captures_fd(const struct traced *traced)
{
	return bpf_map__fd(traced->object->maps.captures);
}
