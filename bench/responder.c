// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#include "responder.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>

#include "responder.skel.h"

struct responder {
	struct responder_bpf *object;
};

static int attach(struct responder *responder)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)if_nametoindex(RESPONDER_INTERFACE),
				    .attach_point = BPF_TC_INGRESS };
	LIBBPF_OPTS(bpf_tc_opts, filter,
		    .prog_fd = bpf_program__fd(responder->object->progs.respond));
	int err;

	if (!hook.ifindex) {
		fprintf(stderr, "bench: no interface '%s': start it by bench/run\n",
			RESPONDER_INTERFACE);
		return -ENODEV;
	}
	err = bpf_tc_hook_create(&hook);
	return err && err != -EEXIST ? err : bpf_tc_attach(&hook, &filter);
}

int responder_new(struct responder **out)
{
	struct responder *responder = calloc(1, sizeof(*responder));
	int err;

	if (!responder)
		return -ENOMEM;
	responder->object = responder_bpf__open_and_load();
	err = responder->object ? attach(responder) : -errno;
	if (err) {
		responder_free(responder);
		return err;
	}
	*out = responder;
	return 0;
}

/* The filter ends with the interface. */
void responder_free(struct responder *responder)
{
	if (!responder)
		return;
	responder_bpf__destroy(responder->object);
	free(responder);
}
