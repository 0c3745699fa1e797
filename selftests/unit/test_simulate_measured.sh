#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The simulation against the main job's own measured run: by the links alone no set-up
# is slower than it really was, and with the measured times of messages within hosts
# it is within 10 %. The run is the one that was recorded in report.json beside this
# file, and what is compared its median: that depends on no machine. REPORT=FILE
# names another, as "make run" leaves it in build/report/report.json; iterations
# on a machine that does other things as well differ by more than 10 % from each other,
# so there it is 10 % around least to most, and the difference from the median is shown.
set -u
cd "$(dirname "$0")/../.." || exit 1
ctl=build/user/dmscctl
report=${REPORT:-selftests/unit/report.json}
[ -x $ctl ] || { echo "Bail out! $ctl is not built"; exit 1; }
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
$ctl simulate -f "$job" -t "$topology" --measured "$report" --json |
	recorded=${REPORT:-yes} python3 -c '
import json, os, sys
n = bad = 0
recorded = os.environ["recorded"] == "yes"
def point(good, name):
    global n, bad
    n += 1
    bad += not good
    print("%s %d - %s" % ("ok" if good else "not ok", n, name))
for s in json.load(sys.stdin)["measured"]:
    least, most, links, hosts = (s[k] / 1e6 for k in ("min_ns", "max_ns", "links_ns", "hosts_ns"))
    point(links <= 1.1 * most, "%s: by the links alone %.0f ms, not slower than measured (%.0f to %.0f ms)" %
          (s["name"], links, least, most))
    point(abs(s["hosts_difference"]) <= 0.1 if recorded else 0.9 * least <= hosts <= 1.1 * most,
          "%s: with hosts %.0f ms, %+.1f %% of the median" %
          (s["name"], hosts, 100 * s["hosts_difference"]))
if recorded:
    point(n == 6, "all three set-ups were compared")
print("1..%d" % n)
sys.exit(bad > 0)'
