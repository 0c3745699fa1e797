# SPDX-License-Identifier: GPL-2.0-or-later
"""Shared by the benchmarks: medians, the result file, the table and the picture.

A result is one number of ours beside the same number of others ("peers"), all
taken interleaved in one run:

    bench.Result(case, metric, unit, samples, peers={name: samples}, aim, met)

samples are the repeats; the value is their median, the spread the smallest and
the largest. write() leaves build/bench/NAME.json, a list of objects with case,
metric, unit, value, spread, repeats, peers, aim and met. A benchmark decides
nothing: an aim that is missed is shown, and the exit status stays 0.
"""
import json
import os
import platform
import statistics
import subprocess

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OUT = os.path.join(TOP, "build", "bench")


class Result:
    def __init__(self, case, metric, unit, samples, peers=None, aim="", met=None):
        if not samples:
            raise ValueError("%s, %s: no samples" % (case, metric))
        self.case, self.metric, self.unit = case, metric, unit
        self.samples = list(samples)
        self.peers = {name: statistics.median(s) for name, s in (peers or {}).items()}
        self.aim, self.met = aim, met

    @property
    def value(self):
        return statistics.median(self.samples)

    def json(self):
        return {
            "case": self.case,
            "metric": self.metric,
            "unit": self.unit,
            "value": rounded(self.value),
            "spread": [rounded(min(self.samples)), rounded(max(self.samples))],
            "repeats": len(self.samples),
            "peers": {name: rounded(v) for name, v in self.peers.items()},
            "aim": self.aim,
            "met": self.met,
        }


def rounded(x):
    """Four digits are more than any of these measurements knows."""
    return float("%.4g" % x)


def write(name, results):
    """Leaves build/bench/NAME.json and says so. results: list of Result."""
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, name + ".json")
    with open(path + ".new", "w") as f:
        json.dump([r.json() for r in results], f, indent=1)
        f.write("\n")
    os.rename(path + ".new", path)
    print("written: " + os.path.relpath(path, TOP))
    missed = [r for r in results if r.met is False]
    for r in missed:
        print("aim missed: %s, %s: %.4g %s, aim: %s" % (r.case, r.metric, r.value, r.unit, r.aim))


def table(head, rows):
    """Prints columns, the first one left-aligned. rows: lists of str or numbers."""
    rows = [[c if isinstance(c, str) else "%.4g" % c for c in r] for r in rows]
    width = [max(len(r[i]) for r in [head] + rows) for i in range(len(head))]
    for r in [head] + rows:
        print("  ".join([r[0].ljust(width[0])] + [c.rjust(w) for c, w in zip(r[1:], width[1:])]))


def machine():
    """One line: processor, kernel, load; belongs above every table."""
    model = platform.machine()
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    commit = subprocess.run(["git", "-C", TOP, "describe", "--always", "--dirty"],
                            capture_output=True, text=True).stdout.strip() or "?"
    return "%d x %s, Linux %s, load %.1f, commit %s" % (
        os.cpu_count(), model, platform.release(), os.getloadavg()[0], commit)


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def svg_bars(name, title, unit, groups, bars, ours=()):
    """Leaves build/bench/NAME.svg: a group of horizontal bars for each row.

    groups: [(row name, {bar name: value})], bars: [bar name] in order,
    ours: the row names that are drawn bold.
    """
    colours = ("#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#97bbf5")
    height, gap, left, right = 13, 10, 170, 560
    top = max(v for _, row in groups for v in row.values())
    y, out = 64, []
    for i, bar in enumerate(bars):
        x = left + i * 150
        out.append('<rect x="%d" y="36" width="12" height="12" fill="%s"/>'
                   '<text x="%d" y="46">%s</text>' % (x, colours[i % 5], x + 17, escape(bar)))
    for row, values in groups:
        middle = y + height * len(bars) / 2 + 4
        out.append('<text x="%d" y="%.0f" text-anchor="end"%s>%s</text>' % (
            left - 8, middle, ' font-weight="bold"' if row in ours else "", escape(row)))
        for i, bar in enumerate(bars):
            if bar in values:
                w = (right - left) * values[bar] / top
                out.append('<rect x="%d" y="%.1f" width="%.1f" height="%d" fill="%s"/>'
                           '<text x="%.1f" y="%.1f" font-size="10">%.4g</text>' % (
                               left, y, max(w, 0.5), height - 2, colours[i % 5],
                               left + w + 4, y + height - 3, values[bar]))
            y += height
        y += gap
    os.makedirs(OUT, exist_ok=True)
    path = os.path.join(OUT, name + ".svg")
    with open(path, "w") as f:
        f.write('<svg xmlns="http://www.w3.org/2000/svg" width="660" height="%d" '
                'font-family="sans-serif" font-size="12">\n'
                '<rect width="100%%" height="100%%" fill="#fff"/>\n'
                '<text x="12" y="22" font-size="15">%s (%s)</text>\n%s\n</svg>\n'
                % (y + 8, escape(title), escape(unit), "\n".join(out)))
    print("written: " + os.path.relpath(path, TOP))
