#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Says to whoever connects what FILE holds at that time: line_server.py PORT FILE"""

import socketserver
import sys


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        with open(sys.argv[2], "rb") as file:
            self.request.sendall(file.read())


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


Server(("0.0.0.0", int(sys.argv[1])), Handler).serve_forever()
