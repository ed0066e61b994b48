/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Network namespaces by the ids that they have in this process's one: programs name them so. */
#ifndef POISE_AGENT_NETNS_H
#define POISE_AGENT_NETNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "poise_agent_abi.h"

/*
 * The id of the network namespace at path (/run/netns/NAME, /proc/PID/ns/net); one that has none is
 * given one, which takes CAP_NET_ADMIN. The id ends with the namespace, and may then be another's.
 * 0; -ENOTTY: path is no network namespace; or another negative errno.
 */
int netns_find_id(const char *path, int32_t *id);

/* Whether path is a network namespace, without giving it an id: as netns_find_id(). */
int netns_check(const char *path);

/* Whether an id is a namespace's now; true also when the kernel cannot be asked. */
bool netns_has_id(int32_t id);

/* Namespaces by their paths, of which some may lead nowhere at times, and some to the same. */
struct netns_list {
	const char *const *paths;
	size_t path_count;
	int outcomes[POISE_AGENT_MAX_NAMESPACES]; /* of each path: as netns_find_id() says */
	int32_t ids[POISE_AGENT_MAX_NAMESPACES];  /* each once */
	size_t count;
};

/* paths: at most POISE_AGENT_MAX_NAMESPACES, which must outlive the list. */
void netns_list_init(struct netns_list *list, const char *const *paths, size_t count);

/* Asks for all ids anew. tell (NULL: nobody) is given each path whose outcome is another one than
 * last time. */
void netns_list_find(struct netns_list *list, void (*tell)(const char *path, int outcome));

/* What an outcome other than 0 means, for people. */
const char *netns_error(int outcome);

#endif
