#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own client for netlink specifications drives the family: it knows
nothing of ours but include/netlink/specs/dmsc.yaml. Root, in a guest; the tools
lie in build/ynl/ (stage.sh). TAP."""
import errno
import os
import socket
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TOOLS = os.path.join(TOP, "build", "ynl")
NETNS = "dmscynl"
count = failed = 0


def skip(why):
    print("1..0 # SKIP " + why)
    sys.exit(4)


if not os.path.isdir(TOOLS):
    skip("selftests/ynl/stage.sh was not run")
sys.path[:0] = [TOOLS, os.path.join(TOOLS, "pyynl")]
from lib import NlError, YnlFamily  # noqa: E402


def sh(command):
    return subprocess.run(command, shell=True, stdout=subprocess.DEVNULL).returncode


def point(name, got, wanted=True):
    global count, failed
    count += 1
    if got == wanted:
        print("ok %d - %s" % (count, name), flush=True)
    else:
        failed += 1
        print("not ok %d - %s\n# got %r, expected %r" % (count, name, got, wanted), flush=True)


def refused(ynl, op, attrs):
    """The kernel's errno and text, or None when it did as asked."""
    try:
        ynl.do(op, attrs)
    except NlError as e:
        return e.error, (e.nl_msg.extack or {}).get("msg", "")
    return None


def differences(ynl, policy, attr_set, names):
    """Where the kernel's policy is not what the specification says."""
    wrong = []
    for name in names:
        spec = attr_set[name]
        if name not in policy:
            wrong.append("%s: unknown to the kernel" % name)
            continue
        got = policy[name]
        if spec["type"] == "nest":
            inner = ynl.attr_sets[spec.yaml["nested-attributes"]]
            wrong += ["%s.%s" % (name, w) for w in differences(
                ynl, got, inner, [a for a in inner if inner[a]["type"] in ("u32", "u64", "flag")])]
            continue
        if got.type != spec["type"]:
            wrong.append("%s: %s, not %s" % (name, got.type, spec["type"]))
        for check, bound in spec.yaml.get("checks", {}).items():
            have = getattr(got, "%s_value" % check)
            want = ynl.consts[bound]["value"] if bound in ynl.consts else bound
            if have != want:
                wrong.append("%s: %s %r, not %r" % (name, check, have, want))
    return wrong


def main():
    if os.geteuid() or sh("modprobe -q sch_dmsc"):
        skip("needs root and the module sch_dmsc")
    sh("ip netns del %s 2> /dev/null" % NETNS)
    if sh("ip netns add {0} && ip -n {0} link set lo up && ip -n {0} link add d0 type dummy && "
          "ip -n {0} link set d0 up && tc -n {0} qdisc add dev d0 root handle d: dmsc".format(NETNS)):
        print("Bail out! no device with the qdisc")
        return 1
    os.setns(os.open("/run/netns/" + NETNS, os.O_RDONLY), os.CLONE_NEWNET)
    ifindex = socket.if_nametoindex("d0")
    ynl = YnlFamily(os.path.join(TOOLS, "specs", "dmsc.yaml"), schema="")

    point("the module answers with its ABI", ynl.do("version-get", {})["abi"],
          ynl.consts["abi"]["value"])
    qdiscs = ynl.dump("qdisc-get", {"ifindex": ifindex})
    point("the qdisc is listed", [(q["ifindex"], q["handle"]) for q in qdiscs], [(ifindex, 0xD0000)])
    point("with counters", qdiscs[0]["stats"]["backlog-packets"], 0)

    def classes():
        dump = ynl.dump("class-get", {"ifindex": ifindex})
        return {c["id"]: c for m in dump for c in m["class"]}

    def queues():
        dump = ynl.dump("queue-get", {"ifindex": ifindex})
        return sorted((q["slot"], q["class"], q["weight"], q["sid"]) for m in dump for q in m["queue"])

    point("all classes are listed by name", sorted(classes()), sorted(
        ["default", "bulk", "data", "pipeline", "expert", "tensor", "gateway", "control"]))
    ynl.do("class-set", {"ifindex": ifindex, "class": [
        {"id": "data", "mode": "weighted", "weight": 7, "share": 123, "limit": 77777, "ecn": 5555},
        {"id": "bulk", "weight": 3}]})
    data = classes()["data"]
    point("classes are set", [data[a] for a in ("mode", "weight", "share", "limit", "ecn")] +
          [classes()["bulk"]["weight"]], ["weighted", 7, 123, 77777, 5555, 3])

    some = [{"slot": slot, "class": "expert", "weight": weight, "sid": 1000 + slot}
            for slot, weight in ((1, 1), (2, 16), (4095, 1024))]
    ynl.do("queue-set", {"ifindex": ifindex, "queue": some, "replace": True})
    wanted = [(q["slot"], q["class"], q["weight"], q["sid"]) for q in some]
    point("queues are set", queues(), wanted)
    ynl.do("queue-set", {"ifindex": ifindex, "queue": some[:1]})
    point("one more leaves the others", queues(), wanted)

    error = refused(ynl, "queue-set", {"ifindex": ifindex, "replace": True, "queue": [
        some[0], dict(some[1], weight=0)]})
    point("a weight of 0 is refused, with a reason", error is not None and error[1] != "")
    point("and nothing of that request was done", queues(), wanted)
    told = {"enq-packets": 1}
    for op, what in ("class-set", {"class": [{"id": "data", "stats": told}]}), \
                    ("queue-set", {"queue": [dict(some[0], stats=told)]}):
        error = refused(ynl, op, dict(what, ifindex=ifindex))
        point("%s: counters are told, not taken" % op, error is not None and error[0], errno.EINVAL)
    error = refused(ynl, "class-set", {"ifindex": ifindex + 1000, "class": [{"id": "data", "weight": 1}]})
    point("no such interface", error, (errno.ENOENT, "no dmsc qdisc on this interface"))
    ynl.do("queue-set", {"ifindex": ifindex, "queue": some[:1], "replace": True})
    point("those that are not named go", queues(), wanted[:1])

    for op, names in ("class-set", ("ifindex", "handle", "class")), \
                     ("queue-set", ("ifindex", "handle", "queue", "replace")):
        policy = ynl.get_policy(op, "do")
        point("%s: the kernel checks what the specification says" % op,
              differences(ynl, policy, ynl.attr_sets["dmsc"], names), [])
    print("1..%d" % count)
    return failed > 0


def run():
    try:
        status = main()
    finally:
        sh("ip netns del %s" % NETNS)
    return status


if __name__ == "__main__":
    sys.exit(run())
