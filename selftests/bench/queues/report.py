#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""report.py DIRECTORY SECONDS: makes the table, build/bench/queues.json and the
pictures out of what the guests measured (cost.txt, latency.txt, ... there). Each
part's own tables are in build/bench/queues.txt. SECONDS: of latency's loads."""
import collections
import contextlib
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import bench

OURS = "dmsc"


def lines(directory, name, fields):
    """The measurements of a file: lines of as many fields, whatever else a tool may have said."""
    path = os.path.join(directory, name)
    if not os.path.exists(path):
        return
    with open(path) as f:
        for line in f:
            if len(line.split()) == fields:
                yield line.split()


def spread(samples):
    return "%.4g (%.4g-%.4g)" % (statistics.median(samples), min(samples), max(samples))


def nested():
    return collections.OrderedDict()


class Summary:
    """The one table: a row a set-up, a column a figure; what was not measured is "-"."""

    def __init__(self):
        self.columns, self.rows = [], nested()

    def add(self, column, setup, value, form="%.3g"):
        if column not in self.columns:
            self.columns.append(column)
        # Shares and weights do not depend on what is below a band.
        names = [setup] if setup not in ("prio", "ets", "htb") else [setup + "+fq_codel"]
        for name in names:
            self.rows.setdefault(name, {})[column] = form % value

    def show(self):
        ours = [r for r in self.rows if r.startswith(OURS) or OURS in r.split("+")[-1]]
        order = [r for r in self.rows if r not in ours] + ours
        bench.table(["set-up"] + self.columns,
                    [[r] + [self.rows[r].get(c, "-") for c in self.columns] for r in order])


summary = Summary()


# ---- cost: QDISC QUEUES PACKETS QUEUED REPEAT ENQUEUE DEQUEUE ----

def case_name(case):
    queues, packets, queued = case
    name = "4096" if queues == 4095 else str(queues)
    if queued:
        return "full/" + name
    return name if packets == 1000 else "%dk/%s" % (packets // 1000, name)


def cost(directory):
    samples, cases = nested(), []
    for qdisc, queues, packets, queued, _, enqueue, dequeue in lines(directory, "cost.txt", 7):
        case = (int(queues), int(packets), int(queued))
        if case not in cases:
            cases.append(case)
        samples.setdefault(qdisc, {}).setdefault(case, []).append(float(enqueue) + float(dequeue))
    if OURS not in samples:
        return []

    def median(qdisc, case):
        return statistics.median(samples[qdisc][case])

    for q in samples:
        for c in cases:
            summary.add("ns " + case_name(c), q, median(q, c))
    print("Cost of enqueue and dequeue, ns a packet, by active queues: median (least-most)")
    bench.table(["qdisc"] + [case_name(c) for c in cases],
                [[q] + [spread(s[c]) for c in cases] for q, s in samples.items()])
    print()
    results = []
    aims = (("dmsc", "drr", 1.1), ("dmsc", "fq_codel", 1.0), ("dmsc", "ets+fq_codel", 0.5),
            ("dmsc-default", "fq_codel", 1.0))
    for case in cases:
        for ours, peer, factor in aims:
            if ours not in samples or peer not in samples:
                continue
            peers = {q: s[case] for q, s in samples.items() if not q.startswith(OURS)}
            results.append(bench.Result(
                "cost, %s active queues, %s against %s" % (case_name(case), ours, peer),
                "enqueue + dequeue",
                "ns/packet", samples[ours][case], peers, "at most %.2g x %s" % (factor, peer),
                median(ours, case) <= factor * median(peer, case)))
    print("dmsc as a multiple of others")
    bench.table(["", "of"] + [case_name(c) for c in cases] + ["aim"], [
        [ours, peer] + ["%.2f" % (median(ours, c) / median(peer, c)) for c in cases] +
        ["at most %.2g" % factor]
        for ours, peer, factor in aims if ours in samples and peer in samples])
    print()
    bench.svg_bars("queues", "Cost of a packet, by active queues", "ns, enqueue + dequeue", [
        (q, {case_name(c): median(q, c) for c in cases}) for q in samples],
        [case_name(c) for c in cases], ours=(OURS, OURS + "-default"))
    return results


# ---- latency: QDISC REPEAT request|burst MS, and QDISC REPEAT class-N BYTES ----

def percentile(values, p):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * p / 100))]


CLASSES = (("class-2", "data"), ("class-0", "default"), ("class-1", "bulk"))
GUARANTEED = {"class-2": 10, "class-0": 5, "class-1": 5}  # % of the link, dmsc's defaults
LINK = 12.5e6 * 1448 / 1514  # bytes of payload a second


def latency(directory, seconds):
    samples = nested()
    for qdisc, repeat, kind, value in lines(directory, "latency.txt", 4):
        samples.setdefault(qdisc, {}).setdefault(kind, {}).setdefault(int(repeat), []).append(
            float(value))
    if OURS not in samples:
        return []

    def each(qdisc, kind, p):
        return [percentile(ms, p) for ms in samples[qdisc][kind].values()]

    def median(qdisc, kind, p):
        return statistics.median(each(qdisc, kind, p))

    def share(qdisc, cls):
        """Percent of the link, a repeat each."""
        got = samples[qdisc].get(cls, {})
        repeats = samples[qdisc]["request"]
        return [100 * sum(got.get(r, [0])) / seconds / LINK for r in repeats]

    kinds = ("request", "burst")
    for q in samples:
        for kind in kinds:
            summary.add(kind + " p50", q, median(q, kind, 50), "%.4g")
            summary.add(kind + " p99", q, median(q, kind, 99), "%.4g")
        if q != "idle":
            summary.add("least share", q, min(statistics.median(share(q, c)) for c, _ in CLASSES),
                        "%.1f")
    print("Latency under load, ms of virtual time: a request of 1 KB, a burst of 200 KB (medians "
          "of the repeats); what the classes that fill the link get of it, %")
    bench.table(
        ["qdisc"] + ["%s %s" % (k, p) for k in kinds for p in ("p50", "p99", "max", "done")] +
        [name for _, name in CLASSES],
        [[q] + [v for k in kinds for v in [median(q, k, 50), median(q, k, 99), median(q, k, 100),
                                           statistics.median(map(len, samples[q][k].values()))]] +
         ["%.1f" % statistics.median(share(q, c)) for c, _ in CLASSES] for q in samples])
    print()
    results = []
    peer = "prio+fq_codel"
    for kind in kinds:
        for p, name in ((50, "p50"), (99, "p99"), (100, "max")):
            aim = p == 99 and peer in samples
            results.append(bench.Result(
                "latency under load, " + kind, name, "ms", each(OURS, kind, p),
                {q: each(q, kind, p) for q in samples if q != OURS},
                "strict prio's, within 1 %" if aim else "",
                median(OURS, kind, p) <= 1.01 * median(peer, kind, p) if aim else None))
    for cls, name in CLASSES:
        got = share(OURS, cls)
        results.append(bench.Result(
            "share under latency's load, " + name, "of the link", "%", got,
            {q: share(q, cls) for q in samples if q not in (OURS, "idle")},
            "at least its guarantee, %d %%" % GUARANTEED[cls], min(got) >= GUARANTEED[cls]))
    shown = [q for q in samples if q != "pfifo"]
    for kind in kinds:
        bench.svg_bars("queues-" + kind, "Time of a %s under load, without pfifo" % kind, "ms", [
            (q, {"p50": median(q, kind, 50), "p99": median(q, kind, 99)}) for q in shown],
            ["p50", "p99"], ours=(OURS,))
    return results


# ---- shares: CASE QDISC REPEAT WANTED MBIT GOT LEAST MOST ----

def shares(directory):
    """The worst flow's error of each repeat, % of what it is to get."""
    long, short = nested(), nested()
    for case, qdisc, repeat, wanted, mbit, got, least, most in lines(directory, "share.txt", 8):
        mbit = int(mbit)
        seconds = 10 if mbit == 1000 else 1
        window = mbit * 125000 * 0.01 * float(wanted) / 1000
        key = (case, qdisc)
        if mbit == 1000:
            error = abs(float(got) / (window * 100 * seconds) - 1)
            long.setdefault(key, {}).setdefault(repeat, []).append(100 * error)
        else:
            error = max(abs(float(least) / window - 1), abs(float(most) / window - 1))
            short.setdefault(key, {}).setdefault(repeat, []).append(100 * error)

    def worst(of, key):
        return [max(errors) for errors in of[key].values()]

    cases = [c for c in collections.OrderedDict((case, 1) for case, _ in long)]
    aims = {"rate": (1.0, None)}
    what = {"guarantee": "guaranteed shares below a strict class", "weight": "weights of classes",
            "queue": "weights of queues", "rate": "rates"}
    rows, results = [], []
    for case in cases:
        for key in long:
            if key[0] == case and case in ("guarantee", "rate"):
                for of, name in ((long, "10 s"), (short, "10 ms")):
                    summary.add("%s %s" % (case, name), key[1],
                                statistics.median(worst(of, key)), "%.2g")
            if key[0] == case:
                rows.append([what[case], key[1]] + [
                    "%.3g" % statistics.median(worst(of, key)) for of in (long, short)])
        aim, short_aim = aims.get(case, (0.2, 2.0))
        for of, name, bound in ((long, "10 s", aim), (short, "10 ms", short_aim)):
            if (case, OURS) not in of or bound is None:
                continue
            ours = worst(of, (case, OURS))
            results.append(bench.Result(
                what[case], "largest error over " + name, "%", ours,
                {k[1]: worst(of, k) for k in of if k[0] == case and k[1] != OURS},
                "at most %.2g %%" % bound, max(ours) <= bound))
    if rows:
        print("Shares: largest error of a flow, % of what it is to get, over 10 s and over the worst "
              "10 ms")
        bench.table(["what", "qdisc", "10 s", "10 ms"], rows)
        print()
    return results


# ---- completion: SET-UP REPEAT short|long MS ----

def completion(directory):
    samples = nested()
    for name, repeat, job, ms in lines(directory, "completion.txt", 4):
        samples.setdefault(name, {}).setdefault(job, {}).setdefault(int(repeat), []).append(float(ms))
    if OURS not in samples:
        return []

    def means(name, job):
        return [statistics.mean(v) for v in samples[name][job].values()]

    def p99(name, job):
        return [percentile(v, 99) for v in samples[name][job].values()]

    jobs = ("short", "long")
    for n in samples:
        for j in jobs:
            summary.add(j + " job", n, statistics.median(means(n, j)), "%.1f")
    print("Iterations of two jobs that share a link, ms of virtual time: mean and p99 (medians of the "
          "repeats)")
    bench.table(["set-up"] + ["%s %s" % (j, m) for j in jobs for m in ("mean", "p99")] + ["mean of both"],
                [[n] + [statistics.median(f(n, j)) for j in jobs for f in (means, p99)] +
                 [statistics.mean(statistics.median(means(n, j)) for j in jobs)] for n in samples])
    print()
    results = []
    ours = [n for n in samples if n.startswith(OURS)]
    for n in ours:
        for j in jobs:
            for f, metric in ((means, "mean"), (p99, "p99")):
                results.append(bench.Result(
                    "iterations of the %s job, %s" % (j, n), metric, "ms", f(n, j),
                    {p: f(p, j) for p in samples if p not in ours}))
    return results


# ---- cores: SET-UP REPEAT ALONE FIRST SECOND ----

def cores(directory):
    samples = nested()
    for name, _, alone, first, second in lines(directory, "cores.txt", 5):
        alone, first, second = float(alone), float(first), float(second)
        samples.setdefault(name, {}).setdefault("alone", []).append(alone)
        samples[name].setdefault("times", []).append(alone / first + alone / second)
    ours = [n for n in samples if OURS in n]
    if not ours:
        return []
    print("Two processors that send at the same time: ns a packet of one alone, and how many "
          "times as many packets as it both send: median (least-most)")
    bench.table(["set-up", "alone", "both"],
                [[n, spread(s["alone"]), spread(s["times"])] for n, s in samples.items()])
    print()
    for n, s in samples.items():
        summary.add("2 CPUs", n, statistics.median(s["times"]), "%.2fx")
    results = []
    for n in ours:
        times = samples[n]["times"]
        aim = n.startswith("mq+")
        results.append(bench.Result(
            "two processors, " + n, "packets, of one's alone", "times", times,
            {p: s["times"] for p, s in samples.items() if p not in ours},
            "at least 1.8" if aim else "", statistics.median(times) >= 1.8 if aim else None))
    bench.svg_bars("queues-cores", "Packets of two processors, as many times as one's", "times",
                   [(n, {"both": statistics.median(s["times"])}) for n, s in samples.items()],
                   ["both"], ours=ours)
    return results


def main():
    directory = sys.argv[1]
    seconds = float(sys.argv[2])
    os.makedirs(bench.OUT, exist_ok=True)
    with open(os.path.join(bench.OUT, "queues.txt"), "w") as f, contextlib.redirect_stdout(f):
        print(bench.machine() + "\n")
        results = (cost(directory) + latency(directory, seconds) + shares(directory) +
                   completion(directory) + cores(directory))
    if not results:
        sys.exit("report.py: %s: no measurements" % directory)
    print(bench.machine() + "\n")
    summary.show()
    print("""
medians of the repeats. ns N: enqueue + dequeue of a packet with N active queues (8k: with
8192 packets; full: each enqueue has to drop). request, burst: ms of a request of 1 KB and
of 200 KB against flows that fill the link; least share: % of it that the class of them
with the least gets. guarantee, rate: largest error of a flow, % of what it is to get. jobs: ms
of an iteration, mean. 2 CPUs: packets of two that send at the same time, of one's.
""")
    bench.write("queues", results)


main()
