/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
#include "check_shortage.h"

bool check_shortage_tells(struct check_shortage *shortage, int64_t now_us)
{
	if (!shortage->last_us || now_us - shortage->last_us >= CHECK_SHORTAGE_ENDS_US)
		shortage->began_us = now_us;
	shortage->last_us = now_us;
	if (now_us - shortage->began_us < CHECK_SHORTAGE_LASTS_US ||
	    (shortage->told_us && now_us - shortage->told_us < CHECK_SHORTAGE_TELL_US))
		return false;
	shortage->told_us = now_us;
	return true;
}
