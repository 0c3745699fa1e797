#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The simulation against the last `make run`, if there is a report of one: no
# set-up is simulated slower than it really was. How much slower than simulated
# it was depends on the machine, and is shown; it decides only where processors
# were idle for most of the time (REPORT=FILE: another report).
set -u
cd "$(dirname "$0")/../.." || exit 1
ctl=build/user/dmscctl
report=${REPORT:-build/report/report.json}
[ -x $ctl ] || { echo "Bail out! $ctl is not built"; exit 1; }
[ -r "$report" ] || { echo "1..0 # SKIP no report of a run in $report"; exit 4; }
# Only of the shipped job and cluster is known what was planned.
files=$(python3 -c 'import json, sys, os
r = json.load(open(sys.argv[1]))["files"]
print(*["examples/" + os.path.basename(r[k] or "") for k in ("job", "topology")], r["workload"])' "$report")
read -r job topology workload <<< "$files"
if [ ! -r "$job" ] || [ ! -r "$topology" ] || [ "$workload" != None ]; then
	echo "1..0 # SKIP the report is of other files than the examples"
	exit 4
fi
$ctl simulate -f "$job" -t "$topology" --measured "$report" | sed 's/^/# /'
$ctl simulate -f "$job" -t "$topology" --measured "$report" --json | python3 -c '
import json, sys
n = bad = 0
def point(good, name, skip=None):
    global n, bad
    n += 1
    bad += not good and not skip
    print("%s %d - %s%s" % ("ok" if good or skip else "not ok", n, name, " # SKIP " + skip if skip else ""))
for s in json.load(sys.stdin)["measured"]:
    ms = lambda k: s[k] / 1e6
    point(s["simulated_ns"] <= 1.1 * s["max_ns"], "%s: simulated %.0f ms, never slower than measured (%.0f to %.0f ms)" %
          (s["name"], ms("simulated_ns"), ms("min_ns"), ms("max_ns")))
    idle = s["cpu_idle"]
    busy = None if idle is not None and idle >= 0.6 else "processors were too busy (idle for %d %%)" % (100 * (idle or 0))
    point(abs(s["difference"]) <= 0.1, "%s: within 10 %% of the median" % s["name"], busy)
print("1..%d" % n)
sys.exit(bad > 0)'
