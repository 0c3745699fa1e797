#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
#
# crash.py PINS SOCKET ROUNDS PLAN OTHER -- DAEMON...: starts the daemon, has one plan and
# the other applied in turns and kills it (-9) at random moments of that. Looks into
# the pinned maps each time, by system calls of its own, and starts it again. Prints
# what it saw and at last "rounds N killed N old N new N whole N same N".
#
# PLAN is in force, and the daemon is running as DAEMON... with its number in
# SOCKET's directory, file "pid"; so it is again in the end.
import ctypes
import json
import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time

CLASSES = {"default": 0, "bulk": 1, "data": 2, "pipeline": 3, "expert": 4, "tensor": 5,
           "gateway": 6, "control": 7}
SYS_BPF, LOOKUP, NEXT_KEY, OBJ_GET = 321, 1, 4, 7
PATIENCE = 120  # seconds, an upper bound that decides nothing
libc = ctypes.CDLL(None, use_errno=True)


def bpf(cmd, attr):
    attr = ctypes.create_string_buffer(attr.ljust(128, b"\0"), 128)
    return libc.syscall(SYS_BPF, cmd, attr, 128)


class Map:
    def __init__(self, path, key, value):
        self.key, self.value = struct.Struct(key), struct.Struct(value)
        name = ctypes.create_string_buffer(path.encode())
        self.fd = bpf(OBJ_GET, struct.pack("QII", ctypes.addressof(name), 0, 0))
        if self.fd < 0:
            raise OSError(ctypes.get_errno(), path)

    def lookup(self, key):
        k = ctypes.create_string_buffer(key, len(key))
        v = ctypes.create_string_buffer(self.value.size)
        if bpf(LOOKUP, struct.pack("IIQQQ", self.fd, 0, ctypes.addressof(k),
                                   ctypes.addressof(v), 0)):
            return None
        return self.value.unpack(v.raw)

    def items(self):
        k = None
        while True:
            n = ctypes.create_string_buffer(self.key.size)
            if bpf(NEXT_KEY, struct.pack("IIQQ", self.fd, 0, ctypes.addressof(k) if k else 0,
                                         ctypes.addressof(n))):
                return
            k = n
            v = self.lookup(k.raw)
            if v:
                yield self.key.unpack(k.raw), v

    def close(self):
        os.close(self.fd)


def wanted(name):
    """What the maps hold when this plan is in force on its first host."""
    p = json.load(open(name))
    inst, groups = p["instances"], set()
    for f in p["flows"]:
        s, d = inst[f["src"]], inst[f["dst"]]
        if s["host"] != d["host"]:
            a, b = (s, d) if s["host"] == 0 else (d, s)
            groups.add((a["sid"], b["sid"], CLASSES[f["class"]]))
    return p["job"], (sorted(i["sid"] for i in inst if i["host"] == 0), sorted(groups),
                      sorted((i["sid"], c) for i in inst for c, port in enumerate(i["ports"])
                             if port))


def kernel(pins, plans):
    """(job, generation) as the kernel has it; job "neither" for a mixture."""
    maps = [Map(pins + "/dmsc_" + n, k, v) for n, k, v in (
        ("ctl", "I", "4I"), ("instances", "QII", "IIBBH8H"), ("groups", "IIBBH", "I"),
        ("endpoints", "16sHBB", "IIB3x"))]
    generation = maps[0].lookup(struct.pack("I", 0))[0]
    side = generation & 1
    have = (sorted(v[0] for k, v in maps[1].items() if k[1] == side),
            sorted((k[0], k[1], k[2]) for k, v in maps[2].items() if k[3] == side and k[1]),
            sorted((v[0], v[2]) for k, v in maps[3].items() if k[3] == side))
    for m in maps:
        m.close()
    return next((job for job, want in plans if want == have), "neither"), generation


def send(path, request):
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    s.sendall(json.dumps(request).encode() + b"\n")
    return s


def status(path):
    try:
        with send(path, {"cmd": "status"}) as s:
            return json.loads(s.makefile().readline() or "{}")
    except (OSError, ValueError):
        return {}


def alive(pid):
    try:
        with open("/proc/%d/stat" % pid) as f:
            return f.read().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, or before it is read
        return False


def main():
    dash = sys.argv.index("--")
    pins, sock, rounds, files = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4:dash]
    plans = [wanted(f) for f in files]
    texts = [open(f).read() for f in files]
    log = open(os.path.dirname(sock) + "/log", "a")
    pid_file = os.path.dirname(sock) + "/pid"
    pid = int(open(pid_file).read())
    began = time.time()
    with send(sock, {"cmd": "apply", "plan": texts[1], "check": False}) as s:
        s.makefile().readline()
    took = time.time() - began
    print("# an apply takes %d ms" % (took * 1000))
    child, now, n = None, 1, dict.fromkeys(("killed", "old", "new", "whole", "same"), 0)
    for i in range(rounds):
        # The first one certainly comes too early: the daemon never sees the request.
        if not i:
            os.kill(pid, signal.SIGSTOP)
        s = send(sock, {"cmd": "apply", "plan": texts[1 - now], "check": False})
        if i:
            time.sleep(random.uniform(0, 1.1 * took))
        os.kill(pid, signal.SIGKILL)
        n["killed"] += 1
        s.close()
        if child:
            child.wait()
        else:
            while alive(pid):
                time.sleep(0.001)
        have = kernel(pins, plans)
        if have[0] == plans[now][0]:
            n["old"] += 1
            n["whole"] += 1
        elif have[0] == plans[1 - now][0]:
            n["new"] += 1
            n["whole"] += 1
        else:
            print("# round %d: the kernel holds %s" % (i, have))
        child = subprocess.Popen(sys.argv[dash + 1:], stdout=log, stderr=log)
        pid = child.pid
        end = time.time() + PATIENCE
        answer = {}
        while answer.get("state") != "in force" and time.time() < end:
            time.sleep(0.005)
            answer = status(sock)
        again = kernel(pins, plans)
        told = ((answer.get("plan") or {}).get("job"), answer.get("generation"))
        if told == have and again == have:
            n["same"] += 1
        else:
            print("# round %d: had %s, after the restart %s, which says %s" %
                  (i, have, again, told))
        now = [job for job, _ in plans].index(told[0]) if told[0] else now
        sys.stdout.flush()
    with open(pid_file, "w") as f:
        f.write("%d\n" % pid)
    print("rounds %d" % rounds, *("%s %d" % kv for kv in n.items()))


main()
