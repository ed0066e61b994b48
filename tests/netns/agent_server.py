#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The backend's server of pair.sh: answers "got ..." on port 80, IPv4 and IPv6."""
import socketserver


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(b"got " + self.request.recv(100) + b" on "
                             + self.request.getsockname()[0].encode())


class Server(socketserver.ThreadingTCPServer):
    address_family = socketserver.socket.AF_INET6
    daemon_threads = True
    request_queue_size = 64


with Server(("::", 80), Handler) as server:
    print("ready", flush=True)
    server.serve_forever()
