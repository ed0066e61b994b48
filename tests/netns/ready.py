#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""ready.py PROGRAM ARGUMENT...: runs it as a service manager would, with a socket for sd_notify(3)
and a watchdog of a second; prints 'PID number', each message that comes, and at its end its status."""
import os
import socket
import subprocess
import sys

manager, name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM), f"\0poise-ready-{os.getpid()}"
manager.bind(name)
manager.settimeout(0.2)
child = subprocess.Popen(sys.argv[1:], env={**os.environ, "NOTIFY_SOCKET": "@" + name[1:],
                                            "WATCHDOG_USEC": "1000000"})
print("PID", child.pid, flush=True)
while child.poll() is None:
    try:
        print(manager.recv(4096).decode(), flush=True)
    except TimeoutError:
        pass
print("STATUS", child.returncode, flush=True)
