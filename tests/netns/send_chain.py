#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Sends one packet of a client to a backend as a balancer does that is not the one under test:

  send_chain.py chain FAMILY BACKEND NEXT VIP PORT   a SYN in GUE over FAMILY, with NEXT in its chain
  send_chain.py sum FAMILY BACKEND VIP PORT          a SYN in IP in IP whose TCP checksum is wrong
  send_chain.py vlan FAMILY BACKEND VIP PORT MAC     a SYN in IP in IP, in a frame with a VLAN tag
"""

import ipaddress
import socket
import sys

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.packet import Raw
from scapy.sendrecv import sendp

SOURCE = {4: "172.16.1.1", 6: "100::1:1"}
CLIENT = {4: "198.51.100.2", 6: "2001:db8:1::2"}
LAYER = {4: IP, 6: IPv6}


def family(address):
    return ipaddress.ip_address(address).version


def syn(vip, port, **fields):
    return LAYER[family(vip)](src=CLIENT[family(vip)], dst=vip) / TCP(
        sport=4711, dport=int(port), flags="S", **fields)


def outer(number, backend):
    return LAYER[number](src=SOURCE[number], dst=backend)


def gue(inner, hop):
    address = ipaddress.ip_address(hop).packed
    private = b"PO" + bytes([1 << 4 | 1, len(address) == 16]) + address
    header = bytes([len(private) // 4, 4 if IP in inner else 41, 0, 0])
    return UDP(sport=50000, dport=6080) / Raw(header + private + bytes(inner))


def emit(packet):
    """By the kernel's routes and neighbours: scapy's own ARP gives up soon."""
    internet = socket.AF_INET if packet.version == 4 else socket.AF_INET6
    with socket.socket(internet, socket.SOCK_RAW, socket.IPPROTO_RAW) as raw:
        raw.sendto(bytes(packet), (packet.dst, 0))


def main(what, number, backend, *rest):
    number = int(number)
    if what == "chain":
        hop, vip, port = rest
        emit(outer(number, backend) / gue(syn(vip, port), hop))
    elif what == "sum":
        emit(outer(number, backend) / syn(*rest, chksum=0x1234))
    else:
        vip, port, mac = rest
        sendp(Ether(dst=mac) / Dot1Q(vlan=5) / outer(number, backend) / syn(vip, port),
              iface="lb0", verbose=False)


if __name__ == "__main__":
    main(*sys.argv[1:])
