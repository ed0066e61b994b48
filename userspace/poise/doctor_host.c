// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The host, asked by files, sockets and libxdp: see doctor_host.h. */
#include "doctor_host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "doctor_file.h"
#include "file_text.h"

char *host_read(const char *path)
{
	return file_text_read(path);
}

const char *host_release(void)
{
	static struct utsname name;

	return uname(&name) ? "" : name.release;
}

int64_t host_coarse_clock_ns(void)
{
	struct timespec step;

	if (clock_getres(CLOCK_MONOTONIC_COARSE, &step))
		return 0;
	return step.tv_sec * 1000000000LL + step.tv_nsec;
}

static void add_program(struct host_chain *chain, struct xdp_program *program, bool prioritized)
{
	struct host_program *out = &chain->programs[chain->count];
	const char *name = program ? xdp_program__name(program) : NULL;

	if (!name || chain->count == HOST_MAX_PROGRAMS)
		return;
	snprintf(out->name, sizeof(out->name), "%s", name);
	out->id = xdp_program__id(program);
	out->priority = prioritized ? xdp_program__run_prio(program) : 0;
	chain->count++;
}

int host_chain(const char *interface, struct host_chain *out)
{
	struct xdp_multiprog *chain =
		xdp_multiprog__get_from_ifindex((int)if_nametoindex(interface));
	int err = (int)libxdp_get_error(chain);
	struct xdp_program *program = NULL;

	*out = (struct host_chain){ 0 };
	if (err)
		return err == -ENOENT ? 0 : err;
	out->native = xdp_multiprog__attach_mode(chain) != XDP_MODE_SKB;
	out->dispatcher = !xdp_multiprog__is_legacy(chain);
	if (!out->dispatcher)
		add_program(out, xdp_multiprog__main_prog(chain), false);
	while (out->dispatcher && (program = xdp_multiprog__next_prog(program, chain)))
		add_program(out, program, true);
	xdp_multiprog__close(chain);
	return 0;
}

pid_t host_listener(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct ucred peer = { .pid = -1 };
	socklen_t length = sizeof(peer);
	int fd;

	if (strlen(socket_path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, socket_path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length))
		peer.pid = -1;
	close(fd);
	return peer.pid;
}
