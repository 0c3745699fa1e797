#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The emulator with the real module: short runs of the shipped jobs. Looks at
# what arrived, by which rails and in which class, and at what is left behind;
# never at how long it took.
set -u
cd "$(dirname "$0")/../.." || exit 1
emulator=build/user/emulator
jobs=(--topology examples/cluster4.yaml --link-rate 4mbit --bytes-scale 100000 --iterations 1)

tests=0 failed=0
ok() { # NAME
	tests=$((tests + 1))
	echo "ok $tests - $1"
}
not_ok() { # NAME [WHY]
	tests=$((tests + 1))
	failed=$((failed + 1))
	echo "not ok $tests - $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | tail -n 40 | sed 's/^/# /'
}
check() { # NAME COMMAND...: ok when the command succeeds
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $out"; fi
}
equal() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got '$2', expected '$3'"; fi
}
skip_all() {
	echo "1..0 # SKIP $1"
	exit 4
}

[ "$(id -u)" = 0 ] || skip_all 'needs root'
for tool in ip tc python3; do
	[ -n "$(command -v $tool)" ] || skip_all "needs $tool"
done
[ -x $emulator ] || { echo "Bail out! $emulator is not built"; exit 1; }
modprobe sch_dmsc 2> /dev/null || [ -e /sys/module/sch_dmsc ] || skip_all 'needs the module sch_dmsc'
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
[ -n "$cgroup2" ] || skip_all 'needs a cgroup2 mount'

work=$(mktemp -d)
run=
# shellcheck disable=SC2317 # called by trap
cleanup() {
	[ -z "$run" ] || kill -9 "$run" 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

# Whatever a run made, by name. Killed processes may take a moment to go.
left() {
	local i out
	for ((i = 0; i < 100; i++)); do
		out=$(
			ip netns list | grep -o 'dmsc-em[^ ]*'
			find "$cgroup2" -maxdepth 1 -name 'dmsc-em*'
			find /run/dmsc-emulator -mindepth 1 -maxdepth 1 2> /dev/null
			grep -o '/run/dmsc-emulator/[^ ]*' /proc/self/mounts
			pgrep -x dmscd
			pgrep -f '^emw:'
		)
		[ -n "$out" ] || return 0
		sleep 0.1
	done
	printf '%s\n' "$out"
}

cat > "$work/check.py" <<'END'
# check.py REPORT: one line "ok NAME" or "not ok NAME: WHY" a check
import json, sys
r = json.load(open(sys.argv[1]))
nodes, edges, scale = r["nodes"], r["edges"], r["scale"]
setups = {s["name"]: s for s in r["setups"]}

def check(name, wrong):
    print(("not ok " + name + ": " + "; ".join(wrong[:5])) if wrong else "ok " + name)

def edge_name(e):
    return nodes[edges[e]["from"]]["name"] + "-" + nodes[edges[e]["to"]]["name"]

# Bytes of messages and presence of bulk, by edge and class; ECMP below the rail has shares.
planned, used, classes = {}, set(), set()
for f in r["flows"]:
    if f["path"] is None:
        continue
    classes.add(f["class"])
    for x in r["paths"][f["path"]]["edges"]:
        used.add((x["edge"], f["class"]))
        used.add((x["edge"] ^ 1, f["class"]))          # acknowledgements come back
        if not f["bulk"] and x["share"] == 1:
            key = (x["edge"], f["class"])
            # Rounding to whole bytes takes at most half a byte of a message.
            planned[key] = planned.get(key, 0) + f["bytes"] / scale["bytes"] - f["messages"] / 2

def by_class(setup):
    return {c["edge"]: c["real_bytes"] for c in setups[setup]["class_bytes"] if c["real_bytes"]}

def is_host(node):
    return nodes[node]["kind"] == "host"

check("all three set-ups ran", [n for n in ("default", "stock", "dmsc")
                                 if n not in setups or len(setups[n]["iterations"]) != 1])
check("every byte that was planned arrived, in each",
      ["%s: %d of %d" % (n, i["received_real_bytes"], scale["planned_real_bytes"])
       for n, s in setups.items() for i in s["iterations"]
       if i["received_real_bytes"] != scale["planned_real_bytes"]])
check("messages have a beginning before their end",
      ["%s: %s" % (n, x) for n, s in setups.items() for x in s["timeline"]["records"] if x[5] < x[4]])

dmsc, stock, default = by_class("dmsc"), by_class("stock"), by_class("default")
rails = [e for e in range(len(edges)) if is_host(edges[e]["from"])]
down = [e for e in range(len(edges)) if is_host(edges[e]["to"])]
check("every rail has classes counted by sch_dmsc", [edge_name(e) for e in rails if e not in dmsc])
check("flows took the rails that the plan gave them",
      ["%s %s: %d of %d" % (edge_name(e), c, dmsc.get(e, {}).get(c, 0), bytes)
       for (e, c), bytes in planned.items() if e in rails and dmsc.get(e, {}).get(c, 0) < bytes])
check("no class is on a rail that the plan keeps free of it",
      ["%s %s: %d" % (edge_name(e), c, n) for e in rails for c, n in dmsc.get(e, {}).items()
       if n and (e, c) not in used and c != "control"])
check("their DSCP reached the far end of the fabric",
      ["%s %s: %d of %d" % (edge_name(e), c, dmsc.get(e, {}).get(c, 0), bytes)
       for (e, c), bytes in planned.items() if e in down and dmsc.get(e, {}).get(c, 0) < bytes])
for name, seen in ("dmsc", dmsc), ("stock", stock):
    check("%s: each class between hosts has its band in the fabric" % name,
          [c for c in classes if not any(seen.get(e, {}).get(c) for e in down)])
    check("%s: nothing unmarked in the fabric" % name,
          ["%s: %d" % (edge_name(e), seen[e]["default"]) for e in down if seen.get(e, {}).get("default")])
check("default: nothing marked in the fabric",
      ["%s %s" % (edge_name(e), c) for e in down for c, n in default.get(e, {}).items()
       if n and c not in ("default", "control")])
END

run_job() { # NAME
	local status line
	$emulator run --job "examples/$1.yaml" "${jobs[@]}" --out "$work/$1" > "$work/table" 2> "$work/err"
	status=$?
	if [ $status = 0 ]; then
		ok "$1: runs"
	else
		not_ok "$1: runs" "exit status $status
$(cat "$work/err")"
		return
	fi
	sed 's/^/# /' "$work/table" | head -n 30
	check "$1: report.html" test -s "$work/$1/report.html"
	python3 "$work/check.py" "$work/$1/report.json" > "$work/checks" 2>&1 ||
		echo "not ok check.py: $(tail -n 1 "$work/checks")" >> "$work/checks"
	while IFS= read -r line; do
		case $line in
		'ok '*) ok "$1: ${line#ok }" ;;
		'not ok '*) not_ok "$1: ${line#not ok }" ;;
		esac
	done < "$work/checks"
	equal "$1: nothing is left behind" "$(left)" ''
}

# start_run: a long run in the background, until its first iteration is on its way
start_run() {
	local i
	$emulator run --job examples/gpt13b.yaml "${jobs[@]}" --iterations 1000 --setups stock \
		--out "$work/long" > "$work/table" 2> "$work/long.err" &
	run=$!
	for ((i = 0; i < 1200; i++)); do
		grep -q 'iteration 1 of' "$work/long.err" && return 0
		kill -0 $run 2> /dev/null || return 1
		sleep 0.1
	done
	return 1
}

interrupted() {
	if start_run; then
		kill -INT $run
		wait $run
		equal 'SIGINT ends a run' $? 1
	else
		not_ok 'SIGINT ends a run' "$(cat "$work/long.err")"
	fi
	run=
	equal 'SIGINT: nothing is left behind' "$(left)" ''

	if start_run; then
		kill -9 $run
		wait $run 2> /dev/null
		check 'a killed run leaves its cluster' grep -q dmsc-em <(ip netns list)
	else
		not_ok 'a killed run leaves its cluster' "$(cat "$work/long.err")"
	fi
	run=
	# The next run takes it away.
}

# One kernel sees it all, the others the job with more kinds of traffic: what
# the kernel decides is the same for both.
if [ "${DMSC_GUEST:-6.12}" = 6.12 ] || [ -n "${DMSC_FULL:-}" ]; then
	run_job gpt13b
	interrupted
fi
run_job moe

printf 'name: x\nlayers: many\n' > "$work/bad.yaml"
$emulator run --job "$work/bad.yaml" --topology examples/cluster4.yaml --out "$work/bad" > /dev/null 2> "$work/err"
equal 'bad input: exit status' $? 2
equal 'bad input: one line' "$(wc -l < "$work/err")" 1
check 'bad input: names file and line' grep "bad.yaml:[0-9]" "$work/err"
check 'bad input: nothing is written' test ! -e "$work/bad"

echo "1..$tests"
[ $failed = 0 ]
