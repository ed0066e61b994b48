#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Lets a large tunnel packet come in by the TAP device tap0, with nothing but its Ethernet header in
the first piece of memory, as some cards deliver it: tap_frame.py MAC BACKEND VIP"""

import fcntl
import os
import struct
import sys

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

TUNSETIFF, TUNSETSNDBUF = 0x400454CA, 0x400454D4
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x0002, 0x1000, 0x4000
LARGER_THAN_A_PAGE = 5000
SEND_BYTES = 1 << 20  # with a limit the device does not make one piece of it

mac, backend, vip = sys.argv[1:]
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", b"tap0", IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
fcntl.ioctl(tap, TUNSETSNDBUF, struct.pack("i", SEND_BYTES))
inner = IPv6(src="2001:db8:1::2", dst=vip) if ":" in vip else IP(src="198.51.100.2", dst=vip)
outer = IPv6(src="100::1:1", dst=backend) if ":" in backend else IP(src="172.16.1.1", dst=backend)
frame = bytes(Ether(dst=mac) / outer / inner / UDP(sport=9, dport=9) /
              Raw(b"x" * LARGER_THAN_A_PAGE))
os.write(tap, struct.pack("<BBHHHH", 0, 0, 14, 0, 0, 0) + frame)
