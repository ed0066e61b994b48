#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A backend's TCP server: tcp_server.py NAME PORT... tells each connection NAME, on every address, and
keeps it until the client closes it."""
import selectors
import socket
import sys


def listen(port):
    return socket.create_server(("::", port), family=socket.AF_INET6, backlog=512,
                                dualstack_ipv6=True)


def main():
    name = sys.argv[1].encode() + b"\n"
    ready = selectors.DefaultSelector()
    listeners = {listen(int(port)) for port in sys.argv[2:]}
    for server in listeners:
        ready.register(server, selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            if key.fileobj in listeners:
                connection, _ = key.fileobj.accept()
                connection.sendall(name)
                ready.register(connection, selectors.EVENT_READ)
            elif not key.fileobj.recv(4096):
                ready.unregister(key.fileobj)
                key.fileobj.close()


main()
