#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""sessions.py SECONDS VIP DIRECTORY: the survival matrix's connections of real programs, of which one
without an answer for SECONDS is broken. It takes the commands of client.c and prints the same lines;
kinds:

ssh    ssh, with a shell that echoes each line: one is sent every second
mysql  mysql, with a transaction that is open from the beginning to the end: a statement every second;
       at the end it is committed, and what it counted is asked for
http2  h2load, again and again: eight streams a connection at once, of 6 s each; a stream counts as one
"""
import asyncio
import random
import re
import signal
import sys
import time

STREAMS = 8
STREAM_S = 6
ENDS = ("whole", "refused", "reset", "closed", "wrong", "silent")

SILENT_S = int(sys.argv[1])
VIP, DIRECTORY = sys.argv[2:4]


class Counts:
    def __init__(self):
        self.total, self.stall_ms, self.broken = 0, 0, {}
        self.ends = dict.fromkeys(ENDS, 0)

    def end(self, how, backend, count=1):
        self.ends[how] += count
        if how != "whole":
            self.broken[backend] = self.broken.get(backend, 0) + count

    def line(self, kind):
        ends = "\t".join(str(self.ends[e]) for e in ENDS)
        broken = ",".join(f"{b}:{n}" for b, n in sorted(self.broken.items()))
        return f"{kind}\t{self.total}\t{ends}\t{self.stall_ms}\t{broken}"


COUNTS = {"ssh": Counts(), "mysql": Counts(), "http2": Counts()}
finishing = asyncio.Event()


class Broken(Exception):
    """Its only argument is one of ENDS."""


class Session:
    """A program that answers a line by a line."""

    def __init__(self, kind):
        self.counts, self.backend, self.serial, self.process = COUNTS[kind], 0, 0, None
        self.counts.total += 1
        self.live = asyncio.get_running_loop().create_future()

    async def start(self, *argv):
        self.process = await asyncio.create_subprocess_exec(
            *argv, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=LOG)

    async def ask(self, text):
        began = time.monotonic()
        try:
            self.process.stdin.write(f"{text}\n".encode())
            await self.process.stdin.drain()
            answer = await asyncio.wait_for(self.process.stdout.readline(), SILENT_S)
        except asyncio.TimeoutError:
            raise Broken("silent") from None
        except OSError:
            raise Broken("reset") from None
        stall = int((time.monotonic() - began) * 1000)
        if self.live.done():  # logging in takes its time
            self.counts.stall_ms = max(self.counts.stall_ms, stall)
        if not answer:
            raise Broken("reset")
        return answer.decode().strip()

    async def expect(self, text, answer):
        got = await self.ask(text)
        if got != answer:
            print(f"expected {answer!r}, got {got!r}", file=LOG, flush=True)
            raise Broken("wrong")

    async def run(self):
        try:
            await self.begin()
            self.live.set_result(True)
            while not finishing.is_set():
                await self.step()
                await asyncio.wait([END], timeout=1)
            await self.finish()
            end = "whole"
        except Broken as broken:
            end = broken.args[0] if self.live.done() else "refused"
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        self.counts.end(end, self.backend)
        if not self.live.done():
            self.live.set_result(False)


class Ssh(Session):
    async def begin(self):
        await self.start("ssh", "-F", "none", "-T", "-p", "2222", "-i", f"{DIRECTORY}/ssh/user",
                         "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                         "-o", "LogLevel=ERROR", f"root@{VIP}", "exec sh")
        self.backend = int(await self.ask("echo $BACKEND; exec cat"))

    async def step(self):
        word = f"{random.getrandbits(128):x}"
        await self.expect(word, word)

    async def finish(self):
        await self.step()
        self.process.stdin.close()
        if await asyncio.wait_for(self.process.wait(), SILENT_S):
            raise Broken("reset")


class Mysql(Session):
    async def begin(self):
        await self.start("mysql", "--no-defaults", "--unbuffered", "--batch", "--skip-column-names",
                         "--skip-reconnect", "-h", VIP, "-u", "survival", "survival")
        self.backend = int(await self.ask("SELECT @@server_id;"))
        self.own = random.getrandbits(62)
        await self.expect(f"BEGIN; INSERT INTO counts VALUES ({self.own}, 0); SELECT 'begun';", "begun")

    async def step(self):
        self.serial += 1
        await self.expect(f"UPDATE counts SET n = n + 1 WHERE id = {self.own}; "
                          f"SELECT n FROM counts WHERE id = {self.own};", str(self.serial))

    async def finish(self):
        await self.step()
        await self.expect(f"COMMIT; SELECT n FROM counts WHERE id = {self.own};", str(self.serial))
        self.process.stdin.close()
        await asyncio.wait_for(self.process.wait(), SILENT_S)


class Http2:
    """h2load with 'count' connections, again and again until the end."""

    def __init__(self, kind, count):
        self.counts, self.count = COUNTS[kind], count
        self.live = asyncio.get_running_loop().create_future()

    def judge(self, output):
        numbers = re.search(r"requests: .* (\d+) succeeded", output)
        longest = re.search(r"time for request: +\S+ +([\d.]+)(m?s)", output)
        whole = int(numbers[1]) if numbers else 0
        self.counts.end("whole", 0, whole)
        self.counts.end("reset", 0, self.count * STREAMS - whole)
        if longest:
            ms = float(longest[1]) * (1 if longest[2] == "ms" else 1000)
            self.counts.stall_ms = max(self.counts.stall_ms, int(ms - STREAM_S * 1000))
        if whole < self.count * STREAMS:
            print(output, file=LOG, flush=True)

    async def run(self):
        asyncio.get_running_loop().call_later(1, self.live.set_result, True)
        while not finishing.is_set():
            self.counts.total += self.count * STREAMS
            process = await asyncio.create_subprocess_exec(
                "h2load", "-c", str(self.count), "-m", str(STREAMS), "-N", f"{SILENT_S}s",
                "-n", str(self.count * STREAMS), f"http://{VIP}:2080/page",
                stdout=asyncio.subprocess.PIPE, stderr=LOG)
            output, _ = await process.communicate()
            self.judge(output.decode())


KINDS = {"ssh": Ssh, "mysql": Mysql}
LOG = open(f"{DIRECTORY}/sessions.log", "a")
END = None


def make(kind, count):
    return [Http2(kind, count)] if kind == "http2" else [KINDS[kind](kind) for _ in range(count)]


async def begin(kind, count, sessions, tasks):
    for session in make(kind, count):
        sessions.append(session)
        tasks.append(asyncio.create_task(session.run()))
        await asyncio.sleep(0.02)


async def main():
    global END
    loop = asyncio.get_running_loop()
    END = loop.create_task(finishing.wait())
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    sessions, tasks = [], []
    while not finishing.is_set():
        words = (await reader.readline()).decode().split()
        if not words:
            return
        if words[0] == "open":
            await begin(words[1], int(words[2]), sessions, tasks)
        elif words[0] == "wait":
            await asyncio.gather(*(s.live for s in sessions))
            print("live", len(sessions), flush=True)
        else:
            finishing.set()
    await asyncio.gather(*tasks)
    for kind, counts in COUNTS.items():
        if counts.total:
            print(counts.line(kind))
    print("end", flush=True)


signal.signal(signal.SIGPIPE, signal.SIG_IGN)
asyncio.run(main())
