#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""long_clients.py COUNT URL...: COUNT connections, spread over the URLs, each of which asks for its page
once a second until this ends by SIGTERM. A connection that breaks, stays without an answer for
SECONDS, or is answered by another server than at first, is told at once on a line 'broken: ...'.
At SIGUSR1 each asks at once, and when all that live are answered a line says 'answered'. At the end they
do the same, and the last line says how many live, and how many answers came. With LOCAL_PORT in the
environment they come from the ports from that one on, and end by resets, so that others can come from
the same ones."""
import asyncio
import os
import signal
import socket
import struct
import sys
import time
import urllib.parse

SECONDS = 90  # after an outage of 26 s a segment may come again only after 51 s
LOCAL_PORT = int(os.environ.get("LOCAL_PORT", 0))


class Connection:
    def __init__(self, url, number):
        self.local = ("0.0.0.0", LOCAL_PORT + number) if LOCAL_PORT else None
        parts = urllib.parse.urlsplit(url)
        self.address, self.port, self.server = parts.hostname, parts.port or 80, None
        self.asked, self.answers, self.prompt, self.task = 0, 0, asyncio.Event(), None
        host = parts.netloc
        self.request = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()

    async def ask(self, reader, writer):
        self.prompt.clear()
        self.asked += 1
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

    async def pause(self):
        try:
            await asyncio.wait_for(self.prompt.wait(), 1)
        except asyncio.TimeoutError:
            pass

    async def live(self):
        try:
            reader, writer = await asyncio.open_connection(self.address, self.port,
                                                           local_addr=self.local)
            if self.local:
                writer.get_extra_info("socket").setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            while True:
                await asyncio.wait_for(self.ask(reader, writer), SECONDS)
                await self.pause()
        except (OSError, EOFError, asyncio.TimeoutError) as error:
            print(f"broken: {time.strftime('%T')} {self.address} {self.server}: {error!r}",
                  flush=True)

    async def answered(self):
        """A question that is put from now on is answered, or the connection is broken."""
        wanted = self.asked + 1
        self.prompt.set()
        while self.answers < wanted and not self.task.done():
            await asyncio.sleep(0.02)


async def all_answered(connections):
    await asyncio.gather(*(c.answered() for c in connections))


async def tell_answered(connections):
    await all_answered(connections)
    print("answered", flush=True)


async def main():
    count, urls = int(sys.argv[1]), sys.argv[2:]
    connections = [Connection(urls[i % len(urls)], i) for i in range(count)]
    loop, end, telling = asyncio.get_running_loop(), asyncio.Event(), []
    for c in connections:
        c.task = asyncio.create_task(c.live())
    loop.add_signal_handler(signal.SIGTERM, end.set)
    loop.add_signal_handler(
        signal.SIGUSR1, lambda: telling.append(asyncio.create_task(tell_answered(connections))))
    while any(c.answers == 0 for c in connections) and not end.is_set():
        await asyncio.sleep(0.05)
    print("all connected", flush=True)
    await end.wait()
    await all_answered(connections)
    print(sum(not c.task.done() for c in connections), "live,",
          sum(c.answers for c in connections), "answers", flush=True)
    for task in [c.task for c in connections] + telling:
        task.cancel()


asyncio.run(main())
