#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""compare.py OURS GENERATED: do two uapi headers of the family mean the same?

OURS is written by hand, for its readers; GENERATED comes out of the
specification. Both are compiled and each number of the one is looked for in the
other: commands, attributes, values of enumerations, and constants that are in
the specification. Names that only OURS has must be those of LOCAL.
"""
import os
import re
import subprocess
import sys
import tempfile

# What is not about netlink: skb->priority's layout, and names of whole sets.
LOCAL = r"DMSC_(PRIO(_.*)?|GENL_.*|MCGRP_.*)$"


def names(path):
    text = re.sub(r"/\*.*?\*/", "", open(path).read(), flags=re.S)
    found = set(re.findall(r"^#define\s+((?:__)?DMSC_\w+)\s+\S", text, flags=re.M))
    for body in re.findall(r"\benum\b[^{;]*\{(.*?)\}", text, flags=re.S):
        found |= set(re.findall(r"(?:^|,)\s*((?:__)?DMSC_\w+)", body))
    return found


def values(path):
    wanted = sorted(n for n in names(path) if not re.match(LOCAL, n))
    with tempfile.TemporaryDirectory() as work:
        with open(work + "/v.c", "w") as f:
            f.write('#include <stdio.h>\n#include "%s"\nint main(void)\n{\n' % os.path.abspath(path))
            for name in wanted:
                f.write('\tprintf("%%s %%lld\\n", "%s", (long long)(%s));\n' % (name, name))
            f.write("\treturn 0;\n}\n")
        subprocess.run(["gcc", "-o", work + "/v", work + "/v.c"], check=True)
        out = subprocess.run([work + "/v"], check=True, capture_output=True, text=True).stdout
    return {n: int(v) for n, v in (line.split() for line in out.splitlines())}


def main():
    ours, generated = values(sys.argv[1]), values(sys.argv[2])
    if len(ours) < 20:
        sys.exit("%s: only %d names" % (sys.argv[1], len(ours)))
    wrong = 0
    for name in sorted(set(ours) | set(generated)):
        if ours.get(name) != generated.get(name):
            wrong += 1
            print("%s: header %s, specification %s" % (name, ours.get(name), generated.get(name)))
    print("%d names compared" % len(ours))
    return wrong > 0


sys.exit(main())
