/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What stands in files of /proc and /sys. */
#ifndef POISE_DOCTOR_FILE_H
#define POISE_DOCTOR_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* The number that follows the key in a text of lines, "MemTotal:   123 kB"; false: there is none.
 */
bool doctor_file_number(const char *text, const char *key, int64_t *out);

/* CPUs in a list as the kernel writes it, "0-3,8". */
unsigned doctor_file_cpus(const char *list);

#endif
