#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Traffic between two namespaces, for the measurements in virtual time.

load.py serve PORT                 answers each message with one byte
load.py ask NAME ADDRESS PORT CLASS BYTES PERIOD SECONDS SEED
        sends a message of BYTES every PERIOD s, its phase varied by a tenth, and
        prints "NAME MS" for each: from the first byte sent to the answer. When
        one takes longer than the period, those that would have begun meanwhile
        are left out.
load.py bulk ADDRESS PORT SECONDS CLASS...
        a TCP flow (cubic) of each CLASS given, as fast as it goes
load.py sink PORT FROM SECONDS
        takes them, and prints "CLASS BYTES" for what came in SECONDS s, FROM s
        after the first connection
load.py job NAME ADDRESS PORT PRIORITY BYTES COMPUTE ITERATIONS [HINT...]
        a training job: BYTES over TCP, then COMPUTE s of silence. Prints
        "NAME MS" for each iteration. HINT is run before each.

CLASS is dmsc's number of it; it gives the packets' DSCP and priority.
"""
import random
import socket
import struct
import subprocess
import sys
import threading
import time

# dmsc's default profile; the priority is the class's number, which stock qdiscs map to a band.
DSCP = {0: 0, 1: 8, 2: 18, 4: 34, 5: 46}


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


def connect(address, port, dscp, priority):
    sock = socket.socket()
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    # After the DSCP, which sets a priority of its own.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, struct.pack("I", priority))
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    sock.connect((address, port))
    return sock


def exchange(sock, size):
    """A message and its answer; milliseconds."""
    begin = time.monotonic()
    sock.sendall(struct.pack("!I", size) + bytes(size))
    if not read(sock, 1):
        sys.exit("load.py: the server went away")
    return (time.monotonic() - begin) * 1000


def ask(name, sock, size, period, seconds, seed):
    rand = random.Random(seed)
    start = time.monotonic()
    turn = 0
    while True:
        due = start + period * (turn + 0.1 * rand.random())
        if due >= start + seconds:
            return
        now = time.monotonic()
        if due > now:
            time.sleep(due - now)
        print(name, "%.3f" % exchange(sock, size - 4), flush=True)
        turn = max(turn + 1, int((time.monotonic() - start) / period) + 1)


def send_for(sock, cls, seconds):
    end = time.monotonic() + seconds
    block = bytes(1 << 16)
    try:
        sock.sendall(bytes([cls]))
        while time.monotonic() < end:
            sock.sendall(block)
        sock.close()
    except OSError:
        return  # the sink has seen enough


def bulk(address, port, seconds, classes):
    threads = []
    for cls in classes:
        sock = connect(address, port, DSCP[cls], cls)
        threads.append(threading.Thread(target=send_for, args=(sock, cls, seconds)))
    for thread in threads:
        thread.start()


class Sink:
    def __init__(self, begin, seconds):
        self.begin, self.end = begin, begin + seconds
        self.count = {}

    def take(self, sock):
        cls = sock.recv(1)[0]
        while True:
            data = sock.recv(1 << 16)
            if not data:
                return
            if self.begin <= time.monotonic() < self.end:
                self.count[cls] = self.count.get(cls, 0) + len(data)


def sink(port, skip, seconds):
    listener = socket.create_server(("", port))
    sock, _ = listener.accept()
    s = Sink(time.monotonic() + skip, seconds)
    while sock:
        threading.Thread(target=s.take, args=(sock,), daemon=True).start()
        listener.settimeout(max(0.001, s.end - time.monotonic()))
        try:
            sock, _ = listener.accept()
            sock.settimeout(None)
        except socket.timeout:
            sock = None
    for cls in sorted(s.count):
        print(cls, s.count[cls], flush=True)


def job(name, sock, size, compute, iterations, hint):
    for _ in range(iterations):
        begin = time.monotonic()
        if hint:
            subprocess.run(hint, check=True)
        exchange(sock, size)
        time.sleep(compute)
        print(name, "%.3f" % ((time.monotonic() - begin) * 1000), flush=True)


def main():
    what, args = sys.argv[1], sys.argv[2:]
    if what == "serve":
        serve(int(args[0]))
    elif what == "ask":
        name, address, port, cls, size = args[0], args[1], int(args[2]), int(args[3]), int(args[4])
        ask(name, connect(address, port, DSCP[cls], cls), size, float(args[5]), float(args[6]),
            int(args[7]))
    elif what == "bulk":
        bulk(args[0], int(args[1]), float(args[2]), [int(a) for a in args[3:]])
    elif what == "sink":
        sink(int(args[0]), float(args[1]), float(args[2]))
    elif what == "job":
        sock = connect(args[1], int(args[2]), DSCP[4], int(args[3], 0))
        job(args[0], sock, int(args[4]), float(args[5]), int(args[6]), args[7:])
    else:
        sys.exit(__doc__)


main()
