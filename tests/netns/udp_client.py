#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""udp_client.py ADDRESS PORT COUNT BYTES [SECONDS]: sends COUNT random datagrams, each from a port of its
own, and prints a line for each: who sent it back whole, 'broken', or 'lost' when nobody did within
SECONDS, 60 if left out, or an ICMP error came."""
import os
import socket
import sys

LARGEST = 65535


def answer(address, port, size, seconds):
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    data = os.urandom(size)
    with socket.socket(family, socket.SOCK_DGRAM) as client:
        client.settimeout(seconds)
        client.connect((address, port))
        client.send(data)
        try:
            name, _, got = client.recv(LARGEST).partition(b" ")
        except OSError:  # time is up, or an ICMP error came
            return "lost"
    return name.decode() if got == data else "broken"


def main():
    address, port, count, size, seconds = sys.argv[1], *map(int, [*sys.argv[2:], 60][:4])
    for _ in range(count):
        print(answer(address, port, size, seconds))


main()
