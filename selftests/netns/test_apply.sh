#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 6.1
#
# From plan to traffic: apply on two hosts, counters by SID and class, the
# chosen rail, what survives a stop and a restart, what a flush takes away.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup

match 'a plan is checked before a daemon knows it' \
	"$("$dmscctl" plan -f "$work/job.yaml" -t "$work/topology.yaml" 2>&1)" 'job small: 6 instances .* 9 flows'
start host0 || exit 1
start host1 || exit 1
equal 'nothing is in force at first' "$(ctl host0 status -j | json "j['state'], j['generation']")" '["idle", 0]'
before=$(find "$work/bpf/host0" "$cg/host0" 2> /dev/null | wc -l)
match '--check says what would happen' "$(ctl host0 apply --check "$work/plan.json" 2>&1)" 'would make a new generation: job small, 3 of 6 instances'
equal '--check makes no pins and no cgroups' "$(find "$work/bpf/host0" "$cg/host0" 2> /dev/null | wc -l)" "$before"
echo '{' > "$work/broken.json"
ctl host0 apply --check "$work/broken.json" > /dev/null 2>&1
equal 'and leaves no trace in the status when it refuses' "$?$(ctl host0 status | grep -c broken.json)" 20

# One cgroup is somebody else's, and is there before the plan.
mkdir -p "$cg/host0/small/small.pp0.dp0.tp0"
out=$(ctl host0 apply "$work/plan.json" 2> "$work/warnings")
match 'apply on host0' "$out" 'host0: generation 1 is in force: job small, 3 of 6 instances, 7 queues, 2 paths$'
equal 'apply on host1' "$(ctl host1 apply -j "$work/plan.json" | json "j['generation'], j['changed'], j['paths']")" \
	'[1, true, {"up": 2, "down": 0}]'
if [ -d /sys/module/sch_dmsc ] || modprobe -qn sch_dmsc 2> /dev/null; then
	match 'interfaces without a dmsc qdisc are named' "$(cat "$work/warnings")" 'queues: rail0 has no dmsc qdisc'
else
	match 'a missing module is said plainly' "$(cat "$work/warnings")" \
		'queues: kernel module sch_dmsc is not loaded; using stock qdiscs; classification, DSCP and steering work'
fi
equal 'next hops are managed neighbours' "$(in_ns host0 ip -4 neigh show | grep -c 'managed.*proto 213\|proto 213.*managed')" 2
out=$(ctl host0 apply -j "$work/plan.json" 2>&1)
equal 'the same plan again is no new generation' "$(json "j['generation'], j['changed']" <<< "$out")" '[1, false]'
equal 'one instance, one cgroup' "$(find "$cg/host0/small" -mindepth 1 -type d | wc -l)" 3

# Traffic: two data flows and the bulk transfer, each with its own SID and class.
bytes=4000000
serve host1 small.pp0.dp1.tp0 data
serve host1 small.checkpoint.host1.rx bulk
data_port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
bulk_port=$(service host1 small.checkpoint.host1.rx "['ports']['bulk']")
sid_tx=$(service host0 small.pp0.dp0.tp0 "['sid']")
sid_rx=$(service host1 small.pp0.dp1.tp0 "['sid']")
sid_bulk=$(service host0 small.checkpoint.host0.tx "['sid']")

rail_of() { # HOST NAME: the rail that the plan gives an instance's flows between hosts
	python3 - "$work/plan.json" "$1" "$2" <<-'END'
		import json, sys
		p = json.load(open(sys.argv[1]))
		names = [i["name"] for i in p["instances"]]
		for f in p["flows"]:
		    if names[f["src"]] == sys.argv[3] and f["path"] is not None:
		        print(p["topology"]["links"][p["paths"][f["path"]]["link"]]["if_a"])
		        break
	END
}
data_rail=$(rail_of host0 small.pp0.dp0.tp0)
bulk_rail=$(rail_of host0 small.checkpoint.host0.tx)
match 'the plan gives bulk a rail of its own' "$data_rail $bulk_rail" '^(rail0 rail1|rail1 rail0)$'

# Ten connections: by ECMP's hash alone some of them would take the other rail.
tx_before=$(device_bytes host0 "$bulk_rail" tx)
for ((i = 0; i < 10; i++)); do
	ctl host0 service exec small.pp0.dp0.tp0 -- \
		"$stream" send 10.255.0.1 10.255.0.2 "$data_port" $bytes > /dev/null || break
done
equal 'ten connections of one instance arrive whole' $i 10
other=$(($(device_bytes host0 "$bulk_rail" tx) - tx_before))
check "all of them took $data_rail ($other bytes on the other)" [ "$other" -lt 100000 ]
check 'the sender counts SID and class' [ "$(counter host0 "$sid_tx" data tx bytes)" -gt $((10 * bytes)) ]
check 'the receiver counts SID and class' [ "$(counter host1 "$sid_rx" data rx bytes)" -gt $((10 * bytes)) ]
check 'answers (ACKs) carry the receiver'"'"'s SID and class' \
	[ "$(counter host1 "$sid_rx" data tx packets)" -gt 0 ]
equal 'nothing was taken for bulk' "$(counter host0 "$sid_bulk" bulk tx bytes)" 0
equal 'what is counted by path adds up' \
	"$(ctl host0 counters --json | json "[k['bytes'] == sum(p['bytes'] for p in k['paths']) for k in j['counters'] if k['sid'] == $sid_tx and k['class'] == 'data' and k['dir'] == 'tx']")" '[true]'
check 'and is shown by path' bash -c "$dmscctl --socket $work/host0/sock counters --paths | grep -Eq ' data +[0-9]+ +[a-z0-9]+ +10\.[0-9.]+ +[0-9]'"

# Rail n of both hosts meets at leaf n: data that leaves by one arrives by the same.
rx_before=$(device_bytes host0 "$bulk_rail" rx)
ctl host0 service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$data_port" 20000000 > /dev/null
check "answers come back by $data_rail, the rail of their data" \
	[ $(($(device_bytes host0 "$bulk_rail" rx) - rx_before)) -lt 20000 ]

tx_before=$(device_bytes host0 "$bulk_rail" tx)
check 'the bulk transfer arrives whole' ctl host0 service exec small.checkpoint.host0.tx -- \
	"$stream" send 10.255.0.1 10.255.0.2 "$bulk_port" $bytes
check "it took $bulk_rail" [ $(($(device_bytes host0 "$bulk_rail" tx) - tx_before)) -gt $bytes ]
check 'and is counted as bulk' [ "$(counter host0 "$sid_bulk" bulk tx bytes)" -gt $bytes ]

# DSCP on the wire, as the receiver sees it.
dscp_of() { # PORT: of the next packet to it
	in_ns host1 python3 - "$1" <<-'END'
		import socket, struct, sys
		s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0800))
		s.settimeout(60)
		print("ready", flush=True)
		while True:
		    p = s.recv(65535)
		    if p[9] == 6 and struct.unpack("!H", p[(p[0] & 15) * 4 + 2:][:2])[0] == int(sys.argv[1]):
		        print(p[1] >> 2, flush=True)
		        break
	END
}
dscp_of "$data_port" > "$work/tos" &
waiter=$!
until_true grep -q ready "$work/tos"
ctl host0 service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$data_port" 1000 > /dev/null
wait $waiter
until_true grep -q '^[0-9]' "$work/tos"
equal 'data travels with its DSCP' "$(tail -n 1 "$work/tos")" 18

# A process outside of the cgroups is nobody: no SID is charged for what it sends.
mine=$(counter host0 "$sid_tx" data tx packets) nobody=$(counter host0 0 default tx packets)
nobody_data=$(counter host0 0 data tx packets)
check 'a process of nobody connects' in_ns host0 "$stream" send 10.255.0.1 10.255.0.2 "$data_port" 1000
equal 'it has no SID' "$(counter host0 "$sid_tx" data tx packets)" "$mine"
check 'and is counted as nobody' \
	[ $(($(counter host0 0 default tx packets) + $(counter host0 0 data tx packets))) -gt $((nobody + nobody_data)) ]

# Bad input leaves the old plan in force.
bad() { # NAME FILE WANTED
	local out status
	out=$(ctl host0 apply "$2" 2>&1)
	status=$?
	if [ $status = 2 ] && [ "$(wc -l <<< "$out")" = 1 ] && [[ $out =~ $3 ]]; then
		ok "$1"
	else
		not_ok "$1" "status $status: $out"
	fi
}
echo '{"version": 1' > "$work/bad1.json"
python3 - "$work" <<-'END'
	import json, sys
	def bad(name, change):
	    p = json.load(open(sys.argv[1] + "/plan.json"))
	    change(p)
	    json.dump(p, open(sys.argv[1] + "/" + name, "w"))
	bad("bad2.json", lambda p: p["flows"][0].update(src=9999))
	bad("bad3.json", lambda p: p["instances"][0].update(cgroup="../../escape"))
	bad("bad4.json", lambda p: p["instances"][0].update(slots=p["instances"][1]["slots"]))
	bad("bad5.json", lambda p: p["hosts"][0].update(name="host9"))
END
bad 'a truncated plan is refused' "$work/bad1.json" 'bad1.json:'
bad 'an index out of range is refused' "$work/bad2.json" 'src'
bad 'a cgroup outside of the root is refused' "$work/bad3.json" 'cgroup'
bad 'two SIDs in one slot are refused' "$work/bad4.json" 'slot'
bad 'a plan for other hosts is refused' "$work/bad5.json" 'host'
bad 'a plan that is not there is refused' "$work/nowhere.json" 'nowhere.json'
equal 'after all that the old plan is in force' \
	"$(ctl host0 status -j | json "j['state'], j['generation'], j['plan']['job']")" '["in force", 1, "small"]'
check 'no cgroup was made for them' [ ! -e "$cg/escape" ]

# A registry that cannot be written: nothing changes, and it is said.
python3 - "$work/host0/state/registry.db" <<-'END' > "$work/lock" &
	import sqlite3, sys, time
	db = sqlite3.connect(sys.argv[1], isolation_level=None)
	db.execute("BEGIN IMMEDIATE")
	print("locked", flush=True)
	time.sleep(600)
END
locker=$!
pids+=("$locker")
until_true grep -q locked "$work/lock"
out=$(ctl host0 apply "$work/other.json" 2>&1)
equal "a registry that cannot be written fails the apply" "$? $(grep -c 'registry: .*locked' <<< "$out")" '1 1'
kill $locker
wait $locker 2> /dev/null
equal 'and leaves the old plan in force' \
	"$(ctl host0 status -j | json "j['state'], j['generation'], j['plan']['job']")" '["in force", 1, "small"]'
check 'the cgroups of the plan that failed are gone' [ ! -e "$cg/host0/other" ]

# Another plan, and back.
equal 'another plan is another generation' \
	"$(ctl host0 apply -j "$work/other.json" | json "j['generation'], j['job']")" '[2, "other"]'
equal "its cgroups replace the old ones; somebody else's stays" \
	"$(cd "$cg/host0" && find other small -maxdepth 1 -type d ! -path '*/other.*' | sort | xargs)" \
	'other small small/small.pp0.dp0.tp0'
rmdir "$cg/host0/small/small.pp0.dp0.tp0" "$cg/host0/small"
check 'the first plan again' ctl host0 apply "$work/plan.json"
equal 'history knows all three' "$(ctl host0 status -j | json "[h['job'] for h in j['history']]")" \
	'["small", "other", "small"]'

# Stop: the data path stays at work. Start: taken up as it is.
check 'SIGTERM ends the daemon' stop host0
check 'pins stay' [ -e "$work/bpf/host0/dmsc_ctl" ]
tx_before=$(device_bytes host0 "$bulk_rail" tx)
check 'traffic goes on without a daemon' bash -c "echo \$\$ > $cg/host0/small/small.pp0.dp0.tp0/cgroup.procs &&
	exec nsenter --net=/run/netns/$prefix-host0 $stream send 10.255.0.1 10.255.0.2 $data_port $bytes"
check 'and keeps its rail' [ $(($(device_bytes host0 "$bulk_rail" tx) - tx_before)) -lt 100000 ]
count=$(in_ns host0 bpftool -j map dump pinned "$work/bpf/host0/dmsc_stats" 2> /dev/null | json 'len(j)')
start host0 || exit 1
until_true bash -c "[ \"\$($dmscctl --socket $work/host0/sock status -j | python3 -c 'import json,sys; print(json.load(sys.stdin)[\"state\"])')\" = 'in force' ]"
equal 'a restart takes up generation 3 without a new one' \
	"$(ctl host0 status -j | json "j['state'], j['generation'], j['plan']['job'], len(j['history'])")" \
	'["in force", 3, "small", 3]'
check "counters go on (${count:-?} keys)" [ "$(counter host0 "$sid_tx" data tx bytes)" -gt $((11 * bytes)) ]
match 'a second daemon on the same state is refused' \
	"$(daemon_options host0; in_ns host0 timeout 60 "$dmscd" "${args[@]}" --foreground 2>&1)" 'already running as process [0-9]+'
match '--flush does not cut in on a running daemon' \
	"$(in_ns host0 "$dmscd" "${args[@]}" --flush 2>&1)" 'already running'

# Reboot: pins are gone, the stored plan comes back.
stop host0
rm -rf "$work/bpf/host0"
start host0 || exit 1
in_force() { ctl host0 status | grep -q '^state *in force'; }
until_true in_force
match 'after a reboot the stored plan is applied again' \
	"$(ctl host0 status -j | json "j['state'], j['plan']['job'], j['bpf']['state']")" 'in force.*small.*loaded'

# The kill switch, and its being remembered.
check 'off' ctl host0 off
check 'off removes the pins' [ ! -e "$work/bpf/host0/dmsc_ctl" ]
equal 'off gives back the next hops' "$(in_ns host0 ip neigh show | grep -c 'proto 213')" 0
check 'plain forwarding works' in_ns host0 "$stream" send 10.255.0.1 10.255.0.2 "$data_port" 100000
stop host0
start host0 || exit 1
equal 'a restart does not switch it on again' "$(ctl host0 status -j | json "j['state'], j['generation']")" '["idle", 0]'
check 'apply does' ctl host0 apply "$work/plan.json"
kill -STOP "$(cat "$work/host0/pid")"
kill -9 "$(cat "$work/host0/pid")"
check 'off works with the daemon dead' ctl host0 off --pin-dir "$work/bpf/host0" --state "$work/host0/state"
check 'nothing is pinned then' [ ! -e "$work/bpf/host0/dmsc_ctl" ]

# --flush, on host1, which still runs.
check 'SIGTERM ends host1' stop host1
daemon_options host1
check '--flush' in_ns host1 "$dmscd" "${args[@]}" --flush
check '--flush removes the pins' [ ! -e "$work/bpf/host1/dmsc_ctl" ]
equal '--flush removes the programs' "$(in_ns host1 bpftool net show 2> /dev/null | grep -c dmsc_)" 0
equal '--flush gives back the next hops' "$(in_ns host1 ip neigh show | grep -c 'proto 213')" 0
check '--flush again is no error' in_ns host1 "$dmscd" "${args[@]}" --flush
finish
