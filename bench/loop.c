// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "loop.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "frame.h"
#include "loop.skel.h"
#include "subject.h"

enum {
	SETTLE_PACKETS = 20000, /* before what is measured */
	LOST_PERCENT_MAX = 5,
	CHECKSUM_BYTES = 4, /* of Ethernet: not seen by XDP */
};

struct bench {
	struct loop_bpf *object;
	struct subject *subject;
	uint32_t generator, edge; /* ifindex */
	struct frame frame;
};

static int attach(uint32_t ifindex, int program_fd)
{
	return bpf_xdp_attach(ifindex, program_fd, XDP_FLAGS_DRV_MODE, NULL);
}

static int set_up(struct bench *bench)
{
	static const struct subject_options plain = { .family = 4 };
	int err;

	bench->generator = if_nametoindex(LOOP_GENERATOR);
	bench->edge = if_nametoindex(LOOP_EDGE);
	if (!bench->generator || !bench->edge) {
		fprintf(stderr, "bench: no interfaces '%s' and '%s': start it by bench/run\n",
			LOOP_GENERATOR, LOOP_EDGE);
		return -ENODEV;
	}
	bench->object = loop_bpf__open_and_load();
	if (!bench->object)
		return -errno;
	bench->object->bss->way_out = bench->generator;
	bench->object->bss->flows = LOOP_FLOWS;
	err = subject_new(&plain, bench->edge, &bench->subject);
	return err ? err : attach(bench->generator, bpf_program__fd(bench->object->progs.sink));
}

static int generate(struct bench *bench, uint32_t packets)
{
	uint8_t bytes[FRAME_MAX_BYTES];
	LIBBPF_OPTS(bpf_test_run_opts, run, .data_in = bytes, .repeat = packets,
		    .flags = BPF_F_TEST_XDP_LIVE_FRAMES);

	run.data_size_in = frame_build(&bench->frame, bytes);
	bench->object->bss->total = packets;
	bench->object->bss->sent = 0;
	bench->object->bss->returned = 0;
	bench->object->bss->odd = 0;
	return bpf_prog_test_run_opts(bpf_program__fd(bench->object->progs.generator), &run);
}

/* Sends packets through the program on the edge. *rate: packets a second that came back. */
static int run(struct bench *bench, int program_fd, uint32_t returned_bytes, double *rate,
	       double *lost)
{
	int err = attach(bench->edge, program_fd);

	bench->object->bss->expected_bytes = returned_bytes;
	if (!err)
		err = generate(bench, SETTLE_PACKETS);
	if (!err)
		err = generate(bench, LOOP_PACKETS);
	if (err)
		return err;
	*lost = 1 - (double)bench->object->bss->returned / LOOP_PACKETS;
	*rate = bench->object->bss->returned * 1e9 /
		(bench->object->bss->last_ns - bench->object->bss->first_ns);
	if (!bench->object->bss->odd && *lost * 100 <= LOST_PERCENT_MAX)
		return 0;
	fprintf(stderr, "bench: of %u packets %llu came back, and %llu of a wrong length\n",
		LOOP_PACKETS, (unsigned long long)bench->object->bss->returned,
		(unsigned long long)bench->object->bss->odd);
	return -EBADMSG;
}

static int measure_size(struct bench *bench, struct loop *loop, int size)
{
	struct subject_count before, after;
	uint32_t bytes = frame_bytes(&bench->frame);
	double bare, poise, lost;
	int err;

	err = run(bench, bpf_program__fd(bench->object->progs.bare), bytes, &bare, &lost);
	if (err)
		return err;
	subject_count(bench->subject, &before);
	err = run(bench, subject_program_fd(bench->subject), bytes + FRAME_IP4_BYTES, &poise,
		  &lost);
	if (err)
		return err;
	subject_count(bench->subject, &after);
	if (after.sent - before.sent < bench->object->bss->returned) {
		fprintf(stderr, "bench: others than Poise sent packets\n");
		return -EBADMSG;
	}
	samples_add(&loop->size[size].bare_rate, bare);
	samples_add(&loop->size[size].poise_rate, poise);
	samples_add(&loop->size[size].ratio, poise / bare);
	samples_add(&loop->lost, lost);
	return 0;
}

static int measure_round(struct bench *bench, struct loop *loop)
{
	int err = 0;

	for (int i = 0; i < LOOP_SIZES && !err; i++) {
		bench->frame = (struct frame){ .family = 4,
					       .protocol = IPPROTO_TCP,
					       .tcp_flags = FRAME_ACK,
					       .bytes = loop_sizes[i] - CHECKSUM_BYTES };
		err = measure_size(bench, loop, i);
	}
	return err;
}

int loop_measure(int rounds, struct loop *loop)
{
	struct bench bench = {};
	int err;

	memset(loop, 0, sizeof(*loop));
	err = set_up(&bench);
	for (int round = 0; round < rounds && !err; round++)
		err = measure_round(&bench, loop);
	if (err)
		fprintf(stderr, "bench: the loop through veth: %s\n", strerror(-err));
	if (bench.object) {
		attach(bench.edge, -1);
		attach(bench.generator, -1);
	}
	subject_free(bench.subject);
	loop_bpf__destroy(bench.object);
	return err;
}
