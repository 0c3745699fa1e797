#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""report.py DIRECTORY: makes the tables, build/bench/queues.json and the
pictures out of what the guests measured (cost.txt, latency.txt, ... there)."""
import collections
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import bench

OURS = "dmsc"


def lines(directory, name):
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return
    with open(path) as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                yield line.split()


def cost(directory):
    """QDISC FLOWS PACKETS REPEAT ENQUEUE DEQUEUE -> results"""
    samples = collections.OrderedDict()
    cases = []
    for qdisc, flows, packets, _, enqueue, dequeue in lines(directory, "cost.txt"):
        case = (int(flows), int(packets))
        if case not in cases:
            cases.append(case)
        samples.setdefault(qdisc, {}).setdefault(case, []).append(float(enqueue) + float(dequeue))
    if OURS not in samples:
        return []

    def label(case):
        flows, packets = case
        name = "4096" if flows == 4095 else str(flows)
        return name if packets == 1000 else "%dk/%s" % (packets // 1000, name)

    def median(qdisc, case):
        return statistics.median(samples[qdisc][case])

    print("Cost of enqueue and dequeue, ns a packet, by active queues (median; in brackets the "
          "smallest and largest repeat)")
    bench.table(["qdisc"] + [label(c) for c in cases], [
        [q] + ["%.1f (%.1f-%.1f)" % (median(q, c), min(s[c]), max(s[c])) for c in cases]
        for q, s in samples.items()])
    print("\ndmsc's cost as a multiple of theirs")
    against = [("drr", 1.1), ("fq_codel", 1.0), ("ets+fq_codel", 0.5)]
    bench.table(["peer"] + [label(c) for c in cases] + ["aim"], [
        [q] + ["%.2f" % (median(OURS, c) / median(q, c)) for c in cases] + ["at most %.2f" % aim]
        for q, aim in against])
    print()

    results = []
    for case in cases:
        peers = {q: s[case] for q, s in samples.items() if q != OURS}
        bounds = {q: factor * median(q, case) for q, factor in against}
        results.append(bench.Result(
            "cost, %s active queues" % label(case), "enqueue + dequeue", "ns/packet",
            samples[OURS][case], peers,
            "at most 1.1 x drr, 1 x fq_codel, 0.5 x ets+fq_codel",
            all(median(OURS, case) <= b for b in bounds.values())))
    bench.svg_bars("queues", "Cost of a packet, by active queues", "ns, enqueue + dequeue", [
        (q, {label(c): median(q, c) for c in cases}) for q in samples],
        [label(c) for c in cases], ours=(OURS,))
    return results


def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


def latency(directory):
    """QDISC REPEAT request|burst MS -> results"""
    samples = collections.OrderedDict()
    for qdisc, repeat, kind, ms in lines(directory, "latency.txt"):
        repeats = samples.setdefault(qdisc, {}).setdefault(kind, {})
        repeats.setdefault(int(repeat), []).append(float(ms))
    if OURS not in samples:
        return []

    def each(qdisc, kind, p):
        return [percentile(ms, p) for ms in samples[qdisc][kind].values()]

    def median(qdisc, kind, p):
        return statistics.median(each(qdisc, kind, p))

    kinds = ("request", "burst")
    print("Latency under load, ms in virtual time: a request of 1 KB, a burst of 200 KB (median of "
          "the repeats)")
    bench.table(["qdisc"] + ["%s %s" % (k, p) for k in kinds for p in ("p50", "p99", "max", "done")], [
        [q] + [v for k in kinds for v in [median(q, k, 50), median(q, k, 99), median(q, k, 100),
                                          statistics.median(map(len, samples[q][k].values()))]]
        for q in samples])
    print()
    results = []
    peer = "prio+fq_codel"
    for kind in kinds:
        for p, name in ((50, "p50"), (99, "p99"), (100, "max")):
            best = median(peer, kind, p)
            met = None if p != 99 else median(OURS, kind, p) <= 1.01 * best
            results.append(bench.Result(
                "latency under load, " + kind, name, "ms", each(OURS, kind, p),
                {q: each(q, kind, p) for q in samples if q != OURS},
                "as strict prio, within 1%" if p == 99 else "", met))
    shown = [q for q in samples if q != "pfifo"]
    for kind in kinds:
        bench.svg_bars("queues-" + kind, "Time of a %s under load, without pfifo" % kind, "ms", [
            (q, {"p50": median(q, kind, 50), "p99": median(q, kind, 99)}) for q in shown],
            ["p50", "p99"], ours=(OURS,))
    return results


def main():
    directory = sys.argv[1]
    print(bench.machine() + "\n")
    results = cost(directory) + latency(directory)
    if not results:
        sys.exit("report.py: %s: no measurements" % directory)
    bench.write("queues", results)


main()
