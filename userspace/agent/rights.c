// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Gives rights up: see rights.h. */
#include "rights.h"

#include <cap-ng.h>
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

enum { PASSWD_BYTES = 16384, NUMBER_DIGITS = 10 };

static bool is_number(const char *text)
{
	return !text[strspn(text, "0123456789")] && strlen(text) <= NUMBER_DIGITS;
}

int rights_find_user(const char *name, struct rights_user *out)
{
	struct passwd entry, *found = NULL;
	char room[PASSWD_BYTES];
	int err;

	*out = (struct rights_user){ 0 };
	if (!name)
		return 0;
	if (is_number(name))
		err = getpwuid_r((uid_t)strtoul(name, NULL, 10), &entry, room, sizeof(room),
				 &found);
	else
		err = getpwnam_r(name, &entry, room, sizeof(room), &found);
	if (err || !found)
		return err ? -err : -ENOENT;
	*out = (struct rights_user){ true, found->pw_uid, found->pw_gid };
	return 0;
}

/* Only what this process has can be kept. */
static void keep(int capability)
{
	capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned int)capability);
}

int rights_keep(void)
{
	static const int capabilities[] = { CAP_NET_ADMIN, CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN };
	bool had[sizeof(capabilities) / sizeof(capabilities[0])];
	size_t count = sizeof(capabilities) / sizeof(capabilities[0]);

	capng_get_caps_process();
	for (size_t i = 0; i < count; i++)
		had[i] = capng_have_capability(CAPNG_PERMITTED, (unsigned int)capabilities[i]);
	capng_clear(CAPNG_SELECT_CAPS);
	for (size_t i = 0; i < count; i++)
		if (had[i])
			keep(capabilities[i]);
	if (capng_apply(CAPNG_SELECT_CAPS))
		return -EPERM;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

int rights_drop(const struct rights_user *user, bool namespaces)
{
	bool net_admin, bpf;
	int failed;

	capng_get_caps_process();
	net_admin = namespaces && capng_have_capability(CAPNG_PERMITTED, CAP_NET_ADMIN);
	bpf = namespaces && capng_have_capability(CAPNG_PERMITTED, CAP_BPF);
	capng_clear(CAPNG_SELECT_BOTH);
	if (net_admin)
		keep(CAP_NET_ADMIN);
	if (bpf)
		keep(CAP_BPF);
	if (user->set)
		failed = capng_change_id((int)user->uid, (int)user->gid,
					 CAPNG_INIT_SUPP_GRP | CAPNG_CLEAR_BOUNDING);
	else
		failed = capng_apply(CAPNG_SELECT_CAPS);
	if (failed)
		return -EPERM;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}
