// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frame.h"
#include "harness.skel.h"
#include "limit.skel.h"

struct harness {
	struct harness_bpf *object;
	struct limit_bpf *limit;
	int program_fd; /* the one that stands behind now */
	uint32_t fresh; /* flows that never were */
};

int harness_new(struct harness **out)
{
	struct harness *harness = calloc(1, sizeof(*harness));

	if (!harness)
		return -ENOMEM;
	harness->program_fd = -1;
	harness->object = harness_bpf__open_and_load();
	harness->limit = limit_bpf__open_and_load();
	if (!harness->object || !harness->limit) {
		int err = -errno;

		fprintf(stderr, "bench: cannot load the harness: %s\n", strerror(-err));
		harness_free(harness);
		return err;
	}
	*out = harness;
	return 0;
}

void harness_free(struct harness *harness)
{
	if (!harness)
		return;
	harness_bpf__destroy(harness->object);
	limit_bpf__destroy(harness->limit);
	free(harness);
}

int harness_empty_fd(const struct harness *harness)
{
	return bpf_program__fd(harness->object->progs.empty);
}

int harness_limit_fd(const struct harness *harness, uint8_t family)
{
	return bpf_program__fd(family == 4 ? harness->limit->progs.limit4
					   : harness->limit->progs.limit6);
}

static int put_behind(struct harness *harness, int program_fd)
{
	__u32 zero = 0;
	int err;

	if (harness->program_fd == program_fd)
		return 0;
	err = bpf_map_update_elem(bpf_map__fd(harness->object->maps.subject), &zero, &program_fd,
				  BPF_ANY);
	if (!err)
		harness->program_fd = program_fd;
	return err;
}

static double cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return now.tv_sec * 1e9 + now.tv_nsec;
}

int harness_run(struct harness *harness, int program_fd, const struct traffic *traffic,
		uint32_t packets, double *ns)
{
	struct bpf_program *program = traffic->family == 4 ? harness->object->progs.harness4
							   : harness->object->progs.harness6;
	uint8_t in[FRAME_MAX_BYTES], out[2 * FRAME_MAX_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = packets);
	bool empty = program_fd == harness_empty_fd(harness);
	uint32_t bytes;
	double begin;
	int err = put_behind(harness, program_fd);

	if (err)
		return err;
	run.data_size_in = frame_build(traffic->family, traffic->tcp_flags, in);
	harness->object->bss->flows = traffic->flows;
	harness->object->bss->next_flow = traffic->flows ? 0 : harness->fresh;
	begin = cpu_ns();
	err = bpf_prog_test_run_opts(bpf_program__fd(program), &run);
	*ns = (cpu_ns() - begin) / packets;
	if (err)
		return err;
	if (!traffic->flows && !empty)
		harness->fresh = harness->object->bss->next_flow;
	bytes = empty ? frame_bytes(traffic->family) : frame_tunnel_bytes(traffic->family);
	if (run.retval == XDP_TX && run.data_size_out == bytes)
		return 0;
	fprintf(stderr, "bench: verdict %u and %u bytes instead of XDP_TX and %u bytes\n",
		run.retval, run.data_size_out, bytes);
	return -EBADMSG;
}
