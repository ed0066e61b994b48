#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""download.py URL RATE HEADER SUM: downloads at RATE ('3m', '100k' bytes a second), and the more slowly
the less is left, so that it lasts until SIGUSR1; then the rest at once. The answer's header is in
the file HEADER when the first bytes are there, the SHA-256 sum in SUM at the end, in the form of
sha256sum. It is the client that is slow: the server sends as fast as it takes."""
import hashlib
import http.client
import signal
import socket
import sys
import time
import urllib.parse

BUFFER = 128 * 1024  # as little as a connection needs that is to be busy all the time
STEP = 0.02          # seconds between two reads
LAST = 10            # seconds for which the rest would do, at the least
SILENT = 120         # seconds without a byte, after which it is given up

hurry = False


def rate_of(text):
    return int(text[:-1]) << {"k": 10, "m": 20}[text[-1]]


def connect(url):
    client = socket.socket(socket.AF_INET6 if ":" in url.hostname else socket.AF_INET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
    client.settimeout(SILENT)
    client.connect((url.hostname, url.port or 80))
    return client


def ask(url):
    connection = http.client.HTTPConnection(url.hostname)
    connection.sock = connect(url)
    connection.request("GET", url.path, headers={"Connection": "close"})
    return connection.getresponse()


def receive(answer, rate):
    """The body's sum."""
    got, left = hashlib.sha256(), int(answer.headers["Content-Length"])
    while left and not hurry:
        time.sleep(STEP)
        data = answer.read(max(1, int(min(rate, left / LAST) * STEP)))
        got.update(data)
        left -= len(data)
        if not data:
            sys.exit(f"closed with {left} bytes left")
    while data := answer.read(BUFFER):
        got.update(data)
        left -= len(data)
    if left:
        sys.exit(f"closed with {left} bytes left")
    return got.hexdigest()


def be_quick(*_):
    global hurry
    hurry = True


def main(url, rate, header, total):
    signal.signal(signal.SIGUSR1, be_quick)
    answer = ask(urllib.parse.urlsplit(url))
    if answer.status != 200:
        sys.exit(f"status {answer.status}")
    with open(header, "w", encoding="ascii") as file:
        file.write(str(answer.headers))
    result = receive(answer, rate_of(rate))
    with open(total, "w", encoding="ascii") as file:
        file.write(f"{result}  -\n")


main(*sys.argv[1:])
