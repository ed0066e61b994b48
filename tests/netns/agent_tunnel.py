#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""The balancer's side of pair.sh: sends tunnel packets made by scapy out of eth0.

agent_tunnel.py exchange OUTER INNER SOURCE [SHIM [VIP]]
                                             a TCP connection to the VIP, its packets in a tunnel
                                             from SOURCE, by ipip, gue or gre; prints the server's
                                             answer, exit 1 on none
agent_tunnel.py silence ...                  the same, where no answer is expected: waits less long
agent_tunnel.py other                        one tunnel packet for an address that is no VIP
agent_tunnel.py stream                       tunnel packets for the VIP, until stdin is closed;
                                             prints how many
"""
import errno
import os
import select
import socket
import sys
import time

from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import GRE, Ether
from scapy.packet import Raw

BACKEND = {4: "10.0.1.11", 6: "2001:db8:2::11"}
CLIENT = {4: "198.51.100.2", 6: "2001:db8:1::2"}
VIP = {4: "203.0.113.10", 6: "2001:db8:f::10"}
OTHER = "203.0.113.99"
LAYER = {4: IP, 6: IPv6}
BACKEND_MAC = "02:00:00:00:01:0b"
ANSWER_SECONDS = 60
SILENT_SECONDS = 1


def open_socket():
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    raw.bind(("eth0", 0))
    return raw


def gue(inner):
    """UDP and GUE, variant 0; scapy fills in the UDP checksum."""
    header = bytes([0, 4 if IP in inner else 41, 0, 0])
    return UDP(sport=50000, dport=6080) / Raw(header + bytes(inner))


def wrap(inner, outer, source, shim="ipip"):
    payload = {"ipip": lambda: inner, "gue": lambda: gue(inner),
               "gre": lambda: GRE() / inner}[shim]()
    return bytes(Ether(dst=BACKEND_MAC) / LAYER[outer](src=source, dst=BACKEND[outer]) / payload)


def wait_tcp(raw, port, wanted, seconds=ANSWER_SECONDS):
    """The first TCP segment to the port that is wanted; None when none comes in time."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0:
        if not select.select([raw], [], [], left)[0]:
            break
        frame = Ether(raw.recv(65535))
        if TCP in frame and frame[TCP].dport == port and wanted(frame[TCP]):
            return frame[TCP]
    return None


def exchange(seconds, outer, inner, source, shim="ipip", vip=None):
    raw = open_socket()
    port = 20000 + os.getpid() % 40000  # not that of another run
    ip = LAYER[inner](src=CLIENT[inner], dst=vip or VIP[inner])

    def send(payload=b"", **fields):
        raw.send(wrap(ip / TCP(sport=port, dport=80, **fields) / Raw(payload), outer, source,
                      shim))

    send(flags="S", seq=1000)
    syn = wait_tcp(raw, port, lambda tcp: tcp.flags.S and tcp.flags.A, seconds)
    if not syn:
        sys.exit("no answer to the SYN")
    send(flags="A", seq=1001, ack=syn.seq + 1)
    send(b"hello", flags="PA", seq=1001, ack=syn.seq + 1)
    data = wait_tcp(raw, port, lambda tcp: Raw in tcp and bytes(tcp[Raw]).startswith(b"got "))
    if not data:
        sys.exit("no answer to the request")
    print(bytes(data[Raw]).decode())
    send(flags="R", seq=1006)


def other():
    inner = IP(src=CLIENT[4], dst=OTHER) / ICMP()
    open_socket().send(wrap(inner, 4, "10.0.1.2"))


def stream():
    inner = IP(src=CLIENT[4], dst=VIP[4]) / UDP(sport=9, dport=9) / Raw(b"x" * 40)
    frame = wrap(inner, 4, "10.0.1.2")
    raw = open_socket()
    sent = 0
    while not select.select([sys.stdin], [], [], 0.0002)[0]:
        try:
            sent += raw.send(frame) == len(frame)
        except OSError as error:  # the backend's ring is full
            if error.errno != errno.ENOBUFS:
                raise
    print(sent)


if sys.argv[1] in ("exchange", "silence"):
    exchange(ANSWER_SECONDS if sys.argv[1] == "exchange" else SILENT_SECONDS,
             int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
elif sys.argv[1] == "other":
    other()
else:
    stream()
