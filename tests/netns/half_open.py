#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""A client whose SYN, sent twice, came to two backends:

  half_open.py FAMILY FIRST SECOND OWNER VIP   tunnels over FAMILY, by lb0

Both answer it. The client goes on with the SYN-ACK of OWNER, one of the two; its packets go to FIRST,
with SECOND in the chain. Prints the page that it gets, or what came in its place.
"""

import os
import select
import socket
import sys
import time

from scapy.layers.inet import TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw
from send_chain import LAYER, emit, family, gue, outer

CLIENT = {4: "198.51.100.77", 6: "2001:db8:1::77"}
SECONDS = 60
NUMBER = 1000


class Client:
    def __init__(self, number, vip):
        self.number, self.port = number, 20000 + os.getpid() % 40000  # not that of another run
        self.ip = LAYER[family(vip)](src=CLIENT[family(vip)], dst=vip)
        self.wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
        self.wire.bind(("lb0", 0))

    def segment(self, payload=b"", **fields):
        return self.ip / TCP(sport=self.port, dport=80, **fields) / Raw(payload)

    def syn(self, backend):
        """The number of the backend's SYN-ACK."""
        emit(outer(self.number, backend) / self.segment(flags="S", seq=NUMBER))
        return self.answer(lambda tcp: tcp.flags.S).seq

    def answer(self, wanted):
        """The first segment that is wanted."""
        end = time.monotonic() + SECONDS
        while (left := end - time.monotonic()) > 0 and select.select([self.wire], [], [], left)[0]:
            frame = Ether(self.wire.recv(65535))
            if TCP in frame and frame[TCP].dport == self.port and wanted(frame[TCP]):
                return frame[TCP]
        sys.exit("no answer")


def main(number, first, second, owner, vip):
    client = Client(int(number), vip)
    offers = {backend: client.syn(backend) for backend in (first, second)}
    request = client.segment(b"GET / HTTP/1.0\r\n\r\n", flags="PA", seq=NUMBER + 1,
                             ack=offers[owner] + 1)
    emit(outer(client.number, first) / gue(request, second))
    answer = client.answer(lambda tcp: tcp.flags.R or Raw in tcp)
    print("reset" if answer.flags.R else bytes(answer[Raw]).decode().split()[-1])


main(*sys.argv[1:])
