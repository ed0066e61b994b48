#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""long_clients.py COUNT URL...: COUNT connections, spread over the URLs, each of which asks for its page
once a second until this ends by SIGTERM. A connection that breaks, stays without an answer for
SECONDS, or is answered by another server than at first, is told at once on a line 'broken: ...'; the
last line says how many live, and how many answers came. With LOCAL_PORT in the environment they come
from the ports from that one on, and end by resets, so that others can come from the same ones."""
import asyncio
import os
import signal
import socket
import struct
import sys
import time
import urllib.parse

SECONDS = 10
LOCAL_PORT = int(os.environ.get("LOCAL_PORT", 0))


class Connection:
    def __init__(self, url, number):
        self.local = ("0.0.0.0", LOCAL_PORT + number) if LOCAL_PORT else None
        parts = urllib.parse.urlsplit(url)
        self.address, self.port, self.server, self.answers = parts.hostname, parts.port or 80, None, 0
        host = parts.netloc
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    async def ask(self, reader, writer):
        writer.write(self.request)
        await writer.drain()
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        await reader.readexactly(int(fields["Content-Length"]))
        server = fields["X-Server"]
        if self.server not in (None, server):
            raise OSError(f"{self.server} was its server, {server} answers")
        self.server = server
        self.answers += 1

    async def live(self):
        try:
            reader, writer = await asyncio.open_connection(self.address, self.port,
                                                           local_addr=self.local)
            if self.local:
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while True:
                await asyncio.wait_for(self.ask(reader, writer), SECONDS)
                await asyncio.sleep(1)
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            print(f"broken: {time.strftime('%T')} {self.address} {self.server}: {error!r}",
                  flush=True)


async def main():
    count, urls = int(sys.argv[1]), sys.argv[2:]
    connections = [Connection(urls[i % len(urls)], i) for i in range(count)]
    tasks = [asyncio.create_task(c.live()) for c in connections]
    end = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end.set)
    while any(c.answers == 0 for c in connections) and not end.is_set():
        await asyncio.sleep(0.05)
    print("all connected", flush=True)
    await end.wait()
    print(sum(not t.done() for t in tasks), "live,", sum(c.answers for c in connections), "answers",
          flush=True)
    for task in tasks:
        task.cancel()


asyncio.run(main())
