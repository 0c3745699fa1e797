#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic for the latency and share measurements, in virtual time.

load.py serve PORT                 answers each message with one byte
load.py ask NAME ADDRESS PORT TOS PRIORITY BYTES PERIOD SECONDS SEED
        sends a message of BYTES every PERIOD s, its phase varied by a tenth, and
        prints "NAME MS" for each: from the first byte sent to the answer. When
        one takes longer than the period, those that would have begun meanwhile
        are left out.
load.py flood ADDRESS PORT TOS PRIORITY SECONDS
        UDP packets of 1472 bytes, as fast as the socket's buffer empties
"""
import random
import socket
import struct
import sys
import threading
import time


def read(sock, n):
    while n:
        data = sock.recv(min(n, 1 << 16))
        if not data:
            return False
        n -= len(data)
    return True


def answer(sock):
    with sock:
        while True:
            header = sock.recv(4, socket.MSG_WAITALL)
            if len(header) < 4 or not read(sock, struct.unpack("!I", header)[0]):
                return
            sock.sendall(b"!")


def serve(port):
    listener = socket.create_server(("", port))
    while True:
        sock, _ = listener.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=answer, args=(sock,), daemon=True).start()


def mark(sock, tos, priority):
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)
    # After the DSCP, which sets a priority of its own.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, priority)


def ask(name, address, port, tos, priority, size, period, seconds, seed):
    rand = random.Random(seed)
    sock = socket.socket()
    mark(sock, tos, priority)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.connect((address, port))
    message = struct.pack("!I", size) + bytes(size)
    start = time.monotonic()
    turn = 0
    while True:
        due = start + period * (turn + 0.1 * rand.random())
        if due >= start + seconds:
            return
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        begin = time.monotonic()
        sock.sendall(message)
        if not read(sock, 1):
            sys.exit("load.py: the server went away")
        end = time.monotonic()
        print(name, "%.3f" % ((end - begin) * 1000), flush=True)
        turn = max(turn + 1, int((end - start) / period) + 1)


def flood(address, port, tos, priority, seconds):
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    mark(sock, tos, priority)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
    sock.connect((address, port))
    data = bytes(1472)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            sock.send(data)
        except ConnectionRefusedError:
            pass


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "serve":
        serve(int(args[0]))
    elif what == "ask":
        name, address = args[:2]
        port, tos, priority, size = (int(a, 0) for a in args[2:6])
        ask(name, address, port, tos, priority, size, float(args[6]), float(args[7]), int(args[8]))
    elif what == "flood":
        port, tos, priority = (int(a, 0) for a in args[1:4])
        flood(args[0], port, tos, priority, float(args[4]))
    else:
        sys.exit(__doc__)


main()
