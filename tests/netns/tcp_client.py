#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""tcp_client.py ADDRESS PORT STEP...: connections to tcp_server.py, one after another. Steps:

open:N      opens N, and prints on one line how many came to each server
close:NAME  closes those of that server
from:SOURCE the next ones come from that address
within:S    the next ones are given up after so many seconds, 60 if not said
until:FILE  waits until there is one of that name
still       every open connection still reaches its server: prints how many there are
"""
import collections
import os
import socket
import sys
import time


class Client:
    def __init__(self, address, port):
        self.target, self.source, self.connections = (address, port), None, []
        self.seconds = 60

    def open(self, count):
        names = collections.Counter()
        for _ in range(int(count)):
            connection = socket.create_connection(self.target, self.seconds, self.source)
            name = connection.makefile().readline().strip()
            self.connections.append((name, connection))
            names[name] += 1
        print(*[f"{name} {count}" for name, count in sorted(names.items())], flush=True)

    def close(self, wanted):
        """Returns when the server has the last FIN."""
        for name, connection in self.connections:
            if name == wanted:
                connection.shutdown(socket.SHUT_WR)
                connection.recv(16)
                connection.close()
        self.connections = [c for c in self.connections if c[0] != wanted]

    def from_(self, source):
        self.source = (source, 0)

    def within(self, seconds):
        self.seconds = float(seconds)

    @staticmethod
    def until(path):
        while not os.path.exists(path):
            time.sleep(0.05)

    def still(self):
        for _, connection in self.connections:
            connection.shutdown(socket.SHUT_WR)
        ended = [connection.recv(16) == b"" for _, connection in self.connections]
        print(sum(ended))


def main():
    client = Client(sys.argv[1], int(sys.argv[2]))
    for step in sys.argv[3:]:
        name, *argument = step.split(":", 1)
        getattr(client, "from_" if name == "from" else name)(*argument)


main()
