// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "harness.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness.skel.h"
#include "limit.skel.h"

struct harness {
	struct harness_bpf *object;
	struct limit_bpf *limit;
	int program_fd; /* the one that stands behind now */
	uint32_t fresh; /* flows that never were */
	uint32_t turn;	/* flows so far: where the next run begins */
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

static int front_fd(const struct harness *harness, const struct frame *frame)
{
	if (frame->family == 6)
		return bpf_program__fd(harness->object->progs.harness6);
	if (frame->shape == FRAME_VLAN)
		return bpf_program__fd(harness->object->progs.harness_vlan);
	if (frame->shape == FRAME_OPTIONS)
		return bpf_program__fd(harness->object->progs.harness_options);
	return bpf_program__fd(harness->object->progs.harness4);
}

static void set_traffic(struct harness *harness, const struct traffic *traffic)
{
	harness->object->bss->bytes = frame_bytes(&traffic->frame);
	harness->object->bss->services = traffic->services ? traffic->services : 1;
	harness->object->bss->flows = traffic->flows;
	harness->object->bss->next_flow =
		traffic->flows ? harness->turn % traffic->flows : harness->fresh;
}

int harness_run(struct harness *harness, int program_fd, const struct traffic *traffic,
		const struct outcome *outcome, uint32_t packets, double *ns)
{
	uint8_t in[FRAME_MAX_BYTES], out[2 * FRAME_MAX_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = in, .data_out = out,
		    .data_size_out = sizeof(out), .repeat = packets);
	uint32_t bytes = frame_bytes(&traffic->frame) + outcome->growth;
	int err = put_behind(harness, program_fd);
	double begin;

	if (err)
		return err;
	run.data_size_in = frame_build(&traffic->frame, in);
	set_traffic(harness, traffic);
	harness->turn += outcome->growth ? packets : 0;
	begin = cpu_ns();
	err = bpf_prog_test_run_opts(front_fd(harness, &traffic->frame), &run);
	*ns = (cpu_ns() - begin) / packets;
	if (err)
		return err;
	if (!traffic->flows && outcome->growth)
		harness->fresh = harness->object->bss->next_flow;
	if (run.retval == outcome->verdict && run.data_size_out == bytes)
		return 0;
	fprintf(stderr, "bench: verdict %u and %u bytes instead of %u and %u\n", run.retval,
		run.data_size_out, outcome->verdict, bytes);
	return -EBADMSG;
}

int harness_run_empty(struct harness *harness, const struct traffic *traffic, uint32_t packets,
		      double *ns)
{
	static const struct outcome unchanged = { .verdict = XDP_TX };

	return harness_run(harness, bpf_program__fd(harness->object->progs.empty), traffic,
			   &unchanged, packets, ns);
}

int harness_run_limit(struct harness *harness, const struct traffic *traffic, uint32_t packets,
		      double *ns)
{
	bool is4 = traffic->frame.family == 4;
	struct outcome tunnel = { XDP_TX, is4 ? FRAME_IP4_BYTES : FRAME_IP6_BYTES };
	struct traffic tcp = *traffic;

	tcp.frame.protocol = IPPROTO_TCP;
	tcp.frame.shape = FRAME_PLAIN;
	return harness_run(
		harness,
		bpf_program__fd(is4 ? harness->limit->progs.limit4 : harness->limit->progs.limit6),
		&tcp, &tunnel, packets, ns);
}
