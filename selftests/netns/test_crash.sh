#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 7.3
#
# The daemon is killed (-9) at twenty moments of an apply. Each time the old or
# the new generation is in force as a whole, in the kernel and after a restart,
# and connections go on.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
[ -n "$(command -v bpftool)" ] || PATH=$PATH:/usr/sbin:/sbin
[ -n "$(command -v bpftool)" ] || skip_all 'needs bpftool'
setup
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1 || { echo 'Bail out! no first apply'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null 2>&1

# What the kernel has, straight from the pinned maps: whose SIDs, groups and ports, and
# the generation. The two plans differ in them, or whole and half would look the same.
cat > "$work/kernel.py" <<'END'
import json, subprocess, sys
pins, plans = sys.argv[1], sys.argv[2:]
def dump(name):
    out = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", pins + "/" + name],
                         capture_output=True, text=True, check=True).stdout
    return [e.get("formatted", e) for e in json.loads(out)]
ctl = dump("dmsc_ctl")[0]["value"]
generation = ctl["generation"]
sids = sorted(e["value"]["sid"] for e in dump("dmsc_instances")
              if e["key"]["side"] == generation & 1)
flows = sorted((e["key"]["src_sid"], e["key"]["dst_sid"], e["key"]["class"])
               for e in dump("dmsc_groups") if e["key"]["side"] == generation & 1 and e["key"]["dst_sid"])
ports = sorted((e["value"]["sid"], e["value"]["class"]) for e in dump("dmsc_endpoints")
               if e["key"]["side"] == generation & 1)
found = []
for name in plans:
    p = json.load(open(name))
    inst = p["instances"]
    here = sorted(i["sid"] for i in inst if i["host"] == 0)
    classes = {"default": 0, "bulk": 1, "data": 2, "pipeline": 3, "expert": 4, "tensor": 5,
               "gateway": 6, "control": 7}
    listen = sorted((i["sid"], c) for i in inst for c, port in enumerate(i["ports"]) if port)
    want = set()
    for f in p["flows"]:
        s, d = inst[f["src"]], inst[f["dst"]]
        if s["host"] != d["host"]:
            a, b = (s, d) if s["host"] == 0 else (d, s)
            want.add((a["sid"], b["sid"], classes[f["class"]]))
    if sids == here and flows == sorted(want) and ports == listen:
        found.append(p["job"])
print("+".join(found) or "neither", generation)
END
kernel() { python3 "$work/kernel.py" "$work/bpf/host0" "$work/plan.json" "$work/other.json"; }
match 'the kernel holds the first plan' "$(kernel)" '^small 1$'

serve host1 small.pp0.dp1.tp0 data
port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > "$work/sent" 2>&1 &
sender=$!
pids+=("$sender")
# It has to be in its cgroup before another plan takes its service away.
until_true grep -q . "$cg/host0/small/small.pp0.dp0.tp0/cgroup.procs"

began=$(date +%s%N)
ctl host0 apply "$work/other.json" > /dev/null 2>&1
took=$((($(date +%s%N) - began) / 1000000))
echo "# an apply takes $took ms"

in_force() { ctl host0 status | grep -q '^state *in force'; }
rounds=${DMSC_ROUNDS:-20} killed=0 olds=0 news=0 whole=0 same=0
now=other
for ((i = 0; i < rounds; i++)); do
	next=$([ "$now" = other ] && echo small || echo other)
	file=$work/$([ "$next" = other ] && echo other || echo plan).json
	# The first one certainly comes too early: the daemon never sees the request.
	[ $i -gt 0 ] || kill -STOP "$(cat "$work/host0/pid")"
	ctl host0 apply "$file" > "$work/answer" 2>&1 &
	client=$!
	sleep "$(printf '0.%03d' $((took * i / rounds % 1000)))"
	kill -9 "$(cat "$work/host0/pid")" && killed=$((killed + 1))
	wait $client
	wait "$(cat "$work/host0/pid")" 2> /dev/null
	read -r have generation <<< "$(kernel)"
	case $have in
	"$now") olds=$((olds + 1)) whole=$((whole + 1)) ;;
	"$next") news=$((news + 1)) whole=$((whole + 1)) ;;
	*) echo "# round $i: the kernel holds $have, generation $generation" ;;
	esac
	start host0 || exit 1
	until_true in_force
	if [ "$(ctl host0 status -j | json "j['plan']['job'] + ' ' + str(j['generation'])")" = "$have $generation" ] &&
	   [ "$(kernel)" = "$have $generation" ]; then
		same=$((same + 1))
	else
		echo "# round $i: had $have $generation, after the restart $(kernel), status:"
		ctl host0 status | sed 's/^/#   /'
	fi
	now=$(ctl host0 status -j | json "j['plan']['job']")
done 2>&1
echo "# $olds times the old, $news times the new generation"
equal 'the daemon was killed every time' "$killed" "$rounds"
equal 'old or new, never a mixture' "$whole" "$rounds"
equal 'a restart takes up what the kernel has' "$same" "$rounds"
check 'some kills fell before the change' [ $olds -gt 0 ]

kill -TERM $sender
wait $sender
status=$?
equal "one connection lived through it all ($(cat "$work/sent"))" $status 0
check 'and moved bytes' [ "$(cut -d' ' -f1 "$work/sent")" -gt 1000000 ]
match 'the registry is whole' "$(python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])' "$work/host0/state/registry.db")" '^ok$'
finish
