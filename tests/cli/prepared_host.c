// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * A host for poise doctor that a test prepares, in place of the real one: the directory that
 * $POISE_TEST_HOST names has
 *   proc/... sys/...    files, as the kernel would show them
 *   release clock pid   a line each: uname -r, nanoseconds, poised's process id
 *   link/NAME           an interface: lines of "key value"
 *   chain/NAME          its XDP programs: "native" or "generic", "dispatcher" or "single", then
 * lines of "name id priority" route/ADDRESS       the way to an address: "local", or "dev NAME" and
 * maybe "mtu N" What is not there the host does not have.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doctor_file.h"
#include "doctor_host.h"
#include "file_text.h"

enum { PATH_BYTES = 512 };

static char *read_below(const char *directory, const char *name)
{
	const char *root = getenv("POISE_TEST_HOST");
	char path[PATH_BYTES];

	if (!root)
		abort();
	snprintf(path, sizeof(path), "%s/%s/%s", root, directory, name);
	return file_text_read(path);
}

/* The number behind key in lines of "key value"; 0: there is none. */
static uint32_t number(const char *text, const char *key)
{
	int64_t value;

	return doctor_file_number(text, key, &value) ? (uint32_t)value : 0;
}

/* The word behind key, "" if there is none. */
static void word(const char *text, const char *key, char *out, size_t bytes)
{
	const char *at = strstr(text, key);

	at = at ? at + strlen(key) : "";
	at += strspn(at, " ");
	snprintf(out, bytes, "%.*s", (int)strcspn(at, " \n"), at);
}

char *host_read(const char *path)
{
	return read_below("", path);
}

const char *host_release(void)
{
	static char release[HOST_NAME_BYTES];
	char *text = read_below("", "release");

	snprintf(release, sizeof(release), "%.*s", text ? (int)strcspn(text, "\n") : 0,
		 text ? text : "");
	free(text);
	return release;
}

int64_t host_coarse_clock_ns(void)
{
	int64_t ns = 0;

	host_read_number("clock", &ns);
	return ns;
}

pid_t host_listener(const char *socket_path)
{
	int64_t pid = -1;

	(void)socket_path;
	host_read_number("pid", &pid);
	return (pid_t)pid;
}

int host_link(const char *interface, struct host_link *out)
{
	char *text = read_below("link", interface);

	*out = (struct host_link){ 0 };
	if (!text)
		return -ENODEV;
	out->up = number(text, "up ");
	out->mtu = number(text, "mtu ");
	word(text, "driver ", out->driver, sizeof(out->driver));
	out->queues = number(text, "queues ");
	out->max_queues = number(text, "max_queues ");
	out->combined = number(text, "combined ");
	out->ring = number(text, "ring ");
	out->max_ring = number(text, "max_ring ");
	out->lro = number(text, "lro ");
	out->hw_gro = number(text, "hw_gro ");
	out->rxvlan = number(text, "rxvlan ");
	out->veth = !strcmp(out->driver, "veth");
	word(text, "peer ", out->peer, sizeof(out->peer));
	out->peer_xdp = number(text, "peer_xdp ");
	free(text);
	return 0;
}

int host_chain(const char *interface, struct host_chain *out)
{
	char *text = read_below("chain", interface), *rest = text, *line;

	*out = (struct host_chain){ 0 };
	if (text && !strcmp(text, "denied\n")) {
		free(text);
		return -EPERM;
	}
	while ((line = strsep(&rest, "\n"))) {
		struct host_program *program = &out->programs[out->count];

		out->native |= !strcmp(line, "native");
		out->dispatcher |= !strcmp(line, "dispatcher");
		if (out->count < HOST_MAX_PROGRAMS && sscanf(line, "%63s %u %u", program->name,
							     &program->id, &program->priority) == 3)
			out->count++;
	}
	free(text);
	return 0;
}

int host_route(const struct address *address, struct host_route *out)
{
	char name[ADDRESS_TEXT_BYTES], *text;

	*out = (struct host_route){ 0 };
	text = read_below("route", address_format(address, name));
	if (!text)
		return 0;
	out->found = true;
	out->local = !strncmp(text, "local", strlen("local"));
	word(text, "dev ", out->interface, sizeof(out->interface));
	out->mtu = number(text, "mtu ");
	free(text);
	return 0;
}
