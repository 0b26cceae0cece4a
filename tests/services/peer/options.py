"""Prints the TCP options of kind 25 of all packets to a port: `length value payload-bytes`, one line each.

Usage: options.py PORT
"""

import socket
import sys

PORT = int(sys.argv[1])
KIND = 25


def options(header):
    at = 20
    while at + 1 < len(header) and header[at]:
        length = 1 if header[at] == 1 else header[at + 1]
        yield header[at], header[at : at + length]
        at += max(length, 1)


packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
print("ready", flush=True)
while True:
    packet = packets.recv(65536)
    if packet[0] >> 4 != 4 or packet[9] != socket.IPPROTO_TCP:
        continue
    total = int.from_bytes(packet[2:4], "big")
    tcp = packet[(packet[0] & 15) * 4 : total]
    if int.from_bytes(tcp[2:4], "big") != PORT:
        continue
    end = (tcp[12] >> 4) * 4
    for kind, option in options(tcp[:end]):
        if kind == KIND:
            print(len(option), option[2:].hex(), len(tcp) - end, flush=True)
