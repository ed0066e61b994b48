/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "offline.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include "attach.h"
#include "pins.h"
#include "probe_attach.h"

int offline_detach(const char *pin_path, FILE *out)
{
	char error[PINS_ERROR_BYTES] = "";
	struct pins_found found = {};
	char next[PATH_MAX];
	int lock, err;

	attach_set_print(NULL);
	if (access(pin_path, F_OK))
		return -errno;
	lock = pins_open(pin_path, NULL, error);
	if (lock < 0) {
		fprintf(stderr, "poise: %s\n", error);
		return lock;
	}
	/* whatever version made them: -EPROTO still tells which map is theirs */
	err = pins_read(pin_path, &found, error);
	if (!found.settings_id && err) {
		fprintf(stderr, "poise: %s\n", error);
		goto out_close;
	}
	attach_add_former(pins_next_settings(pin_path));
	err = attach_remove_all(found.settings_id, out);
	if (!err)
		err = probe_detach_all(out);
	if (!err && !pins_next(pin_path, next, sizeof(next)))
		err = pins_remove(next, out);
	if (!err)
		err = pins_remove(pin_path, out);
out_close:
	close(lock);
	return err;
}
