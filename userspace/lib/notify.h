/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * What a daemon tells the service manager that started it: lines of sd_notify(3), each message a
 * datagram to the socket that the environment names. Without one, nothing is said, and what is lost
 * on the way is lost. libsystemd is not used: it would bring five libraries of compression and
 * cryptography into a daemon with CAP_BPF, for one sendto().
 */
#ifndef POISE_NOTIFY_H
#define POISE_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>

/* Reads the environment (NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID) and takes it away, so that no
 * program that the daemon starts speaks in its name. 0, or -EINVAL: NOTIFY_SOCKET is neither a path
 * nor '@' and a name, and nothing is notified. */
int notify_init(void);

/* How often the watchdog wants to hear of the daemon, in ms; 0: never. */
int64_t notify_watchdog_ms(void);

void notify_ready(void);
void notify_reloading(void); /* the time is said too, as Type=notify-reload wants */
void notify_reloaded(void);  /* ready again; neither says anything before notify_ready() */
void notify_stopping(void);
void notify_alive(void); /* for the watchdog */
/* One line for people, shown by systemctl status; said when it differs from the last one. */
void notify_status(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
