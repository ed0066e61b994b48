#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A backend's UDP server: udp_server.py NAME PORT ADDRESS... sends each datagram back, NAME before it."""
import selectors
import socket
import sys

LARGEST = 65535


def listen(address, port):
    """A socket of the address itself, so that answers come from it."""
    server = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET,
                           socket.SOCK_DGRAM)
    server.bind((address, port))
    return server


def main():
    name, port = sys.argv[1].encode(), int(sys.argv[2])
    ready = selectors.DefaultSelector()
    for address in sys.argv[3:]:
        ready.register(listen(address, port), selectors.EVENT_READ)
    print("ready", flush=True)
    while True:
        for key, _ in ready.select():
            data, client = key.fileobj.recvfrom(LARGEST)
            key.fileobj.sendto(name + b" " + data, client)


main()
