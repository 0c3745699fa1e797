#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# Several paths that the planner gives streams of a bulk transfer: the weights are
# in the host's maps, connections use both rails, and one that fails leaves the rest.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
sed -i 's/bytes: 64MiB/bytes: 64MiB, streams: 8/' "$work/job.yaml"
"$dmscctl" plan -f "$work/job.yaml" -t "$work/topology.yaml" -o "$work/plan.json" > "$work/said" ||
	{ echo 'Bail out! no plan'; exit 1; }
match 'the plan says that flows are spread' "$(cat "$work/said")" '8 flows are spread by connections over several paths'
equal 'at the bound' "$(sed -n 's/.*, ratio \([0-9.]*\);.*/\1/p' "$work/said")" 1.0000
start host0 || exit 1
start host1 || exit 1
check 'in force at the sender' ctl host0 apply "$work/plan.json"
check 'in force at the receiver' ctl host1 apply "$work/plan.json"

# sets HOST: weight by interface of every choice in the map, of the side in force
sets() {
	local generation
	generation=$(ctl "$1" status -j | json "j['generation']")
	bpftool -j map dump pinned "$work/bpf/$1/dmsc_sets" > "$work/sets"
	bpftool -j map dump pinned "$work/bpf/$1/dmsc_paths" > "$work/paths"
	in_ns "$1" ip -j link > "$work/links"
	python3 - "$work" "$generation" <<-'END'
		import json, sys
		work, side = sys.argv[1], int(sys.argv[2]) & 1
		def rows(name):
		    rows = json.load(open(f"{work}/{name}"))
		    half = len(rows) // 2
		    return [r["formatted"]["value"] for r in rows[side * half:(side + 1) * half]]
		names = {l["ifindex"]: l["ifname"] for l in json.load(open(f"{work}/links"))}
		paths = rows("paths")
		for s in rows("sets"):
		    if s["nr"]:
		        ways = sorted((names[paths[s["path"][i]]["ifindex"]], s["weight"][i], s["slot"].count(i))
		                      for i in range(s["nr"]))
		        print(" ".join(f"{n}:{w}:{k}" for n, w, k in ways))
	END
}
# of the plan: what the stream's flow says
weights=$(json "' '.join(sorted(j['topology']['links'][j['paths'][w['path']]['link']]['if_a'] + ':' + str(w['weight'])
	for w in [f for f in j['flows'] if f['bulk']][0]['paths']))" < "$work/plan.json")
if [ -n "$(command -v bpftool)" ]; then
	sets host0 > "$work/map"
	equal "the weights are in the sender's map" "$(sed 's/\(:[0-9]*\):[0-9]*/\1/g' "$work/map")" "$weights"
	# Of 251 positions; equal weights differ by one.
	check "both have positions of the sender's table" grep -q 'rail0:1:12[56] rail1:1:12[56]' "$work/map"
	equal "and the receiver's answers are spread" "$(sets host1 | wc -l)" 1
fi

serve host1 small.checkpoint.host1.rx bulk
port=$(service host1 small.checkpoint.host1.rx "['ports']['bulk']")
send() { # BYTES
	ctl host0 service exec small.checkpoint.host0.tx -- "$stream" send 10.255.0.1 10.255.0.2 "$port" "$1"
}
# Connections one after the other are dealt to both: four of eight to each.
before0=$(device_bytes host0 rail0 tx) before1=$(device_bytes host0 rail1 tx) n=0
for ((i = 0; i < 8; i++)); do send 200000 > /dev/null && n=$((n + 1)); done
equal 'all streams arrive' $n 8
equal 'rail0 carries four of them' $((($(device_bytes host0 rail0 tx) - before0 + 100000) / 200000)) 4
equal 'rail1 carries four' $((($(device_bytes host0 rail1 tx) - before1 + 100000) / 200000)) 4
ctl host0 path down --interface rail0 > /dev/null
before0=$(device_bytes host0 rail0 tx) n=0
for ((i = 0; i < 12; i++)); do send 200000 > /dev/null && n=$((n + 1)); done
equal 'all arrive when a rail is taken out' $n 12
check 'by the other one' [ $(($(device_bytes host0 rail0 tx) - before0)) -lt 100000 ]
finish
