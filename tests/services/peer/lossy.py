"""A bad wire: lossy.py NETNS-PATH OUTER INNER

Makes one TUN device here and one in the network namespace, and carries packets between them, of which it drops, repeats
and holds back a few (always the same ones). Prints "ready" when both devices are there.
"""
import ctypes
import fcntl
import os
import random
import select
import struct
import sys

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
CLONE_NEWNET = 0x40000000


def tun(name):
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def enter(path):
    libc = ctypes.CDLL(None, use_errno=True)
    with open(path) as namespace:
        if libc.setns(namespace.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def deliver(device, packet):
    try:
        os.write(device, packet)
    except OSError:
        pass  # the device is not up yet


def main():
    outer = tun(sys.argv[2])
    enter(sys.argv[1])
    inner = tun(sys.argv[3])
    print("ready", flush=True)
    chance = random.Random(1)
    other, held = {outer: inner, inner: outer}, {outer: None, inner: None}
    while True:
        readable, _, _ = select.select([outer, inner], [], [], 0.02)
        for source in readable or [outer, inner]:
            if source in readable:
                packet = os.read(source, 65536)
                roll = chance.random()
                if roll < 0.02:
                    continue
                if roll < 0.06 and held[source] is None:
                    held[source] = packet
                    continue
                deliver(other[source], packet)
                if roll > 0.97:
                    deliver(other[source], packet)
            if held[source] is not None:
                deliver(other[source], held[source])
                held[source] = None


main()
