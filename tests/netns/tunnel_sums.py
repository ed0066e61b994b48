#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""Reads a capture of Ethernet frames (pcap) and looks at every tunnel packet in it as a strict
receiver would: lengths, and the checksums of all headers, outer and inner. Prints 'packets wrong
largest', the last the bytes of the largest IP packet; what is wrong goes to standard error."""

import struct
import sys

ICMP, IPIP, TCP, UDP, IPV6, GRE, ICMP6 = 1, 4, 6, 17, 41, 47, 58
GUE_PORT = 6080
CHECKSUM_AT = {TCP: 16, UDP: 6, ICMP: 2, ICMP6: 2}


class Wrong(Exception):
    pass


def ones_sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total


def frames(capture):
    header = capture.read(24)
    order = "<" if header[:4] == b"\xd4\xc3\xb2\xa1" else ">"
    while record := capture.read(16):
        yield capture.read(struct.unpack(order + "IIII", record)[2])


def open_ip(packet):
    """Protocol, pseudo header's addresses, and payload of an IP packet."""
    if packet[0] >> 4 == 4:
        length = struct.unpack("!H", packet[2:4])[0]
        if packet[0] != 0x45 or length > len(packet):
            raise Wrong(f"IPv4 header {packet[:20].hex()} of {len(packet)} bytes")
        if ones_sum(packet[:20]) != 0xFFFF:
            raise Wrong(f"IPv4 header checksum: {packet[:20].hex()}")
        return packet[9], packet[12:20], packet[20:length]
    length = 40 + struct.unpack("!H", packet[4:6])[0]
    if length > len(packet):
        raise Wrong(f"IPv6 header {packet[:40].hex()} of {len(packet)} bytes")
    return packet[6], packet[8:40], packet[40:length]


def check_transport(protocol, addresses, data):
    if protocol not in CHECKSUM_AT:
        raise Wrong(f"protocol {protocol}")
    if protocol == UDP and len(addresses) == 8 and data[6:8] == b"\0\0":
        return
    pseudo = b"" if protocol == ICMP else addresses + struct.pack("!II", len(data), protocol)
    if ones_sum(pseudo + data) != 0xFFFF:
        raise Wrong(f"checksum of protocol {protocol}, {len(data)} bytes: {data[:40].hex()}")


def open_tunnel(protocol, addresses, data):
    """The inner packet, or None when it is no tunnel's."""
    if protocol in (IPIP, IPV6):
        return data
    if protocol == GRE:
        return data[4:]
    if protocol == UDP and struct.unpack("!H", data[2:4])[0] == GUE_PORT:
        if struct.unpack("!H", data[4:6])[0] != len(data):
            raise Wrong(f"UDP length: {data[:8].hex()} of {len(data)} bytes")
        if len(addresses) > 8 and data[6:8] == b"\0\0":
            raise Wrong("UDP over IPv6 without a checksum")
        check_transport(protocol, addresses, data)
        return data[12:]
    return None


def main():
    packets = wrong = largest = 0
    with open(sys.argv[1], "rb") as capture:
        for frame in frames(capture):
            if struct.unpack("!H", frame[12:14])[0] not in (0x0800, 0x86DD):
                continue
            try:
                inner = open_tunnel(*open_ip(frame[14:]))
                if inner is None:
                    continue
                packets += 1
                largest = max(largest, len(frame) - 14)
                check_transport(*open_ip(inner))
            except Wrong as error:
                wrong += 1
                print(error, file=sys.stderr)
    print(packets, wrong, largest)


main()
