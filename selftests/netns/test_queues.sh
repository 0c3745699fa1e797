#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 7.3
#
# The daemon and the kernel module: queues of a plan in qdiscs that others put
# there (below a tbf, as the emulator does), counters, classes set by hand, a
# qdisc that is replaced, an apply that fails half way, install_qdisc, events.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
modprobe -q sch_dmsc 2> /dev/null || [ -d /sys/module/sch_dmsc ] || skip_all 'needs the module sch_dmsc'
setup

shape() { # HOST DEVICE: as the emulator shapes a link
	in_ns "$1" tc qdisc replace dev "$2" root handle 1: tbf rate 100mbit burst 6000 limit 3000000 &&
		in_ns "$1" tc qdisc replace dev "$2" parent 1:1 handle 10: dmsc
}
for rail in rail0 rail1; do
	shape host0 $rail || { echo 'Bail out! no dmsc qdisc'; exit 1; }
done
start host0 || exit 1
echo 'install_qdisc: true' > "$work/host1.yaml"
start host1 || exit 1

out=$(ctl host0 apply "$work/plan.json" 2>&1)
match 'apply says nothing about queues' "$out" 'generation 1 is in force: job small, 3 of 6 instances, 7 queues, 2 paths$'
equal 'status knows the module' "$(ctl host0 status -j | json "j['queues']['state'], len(j['queues']['qdiscs'])")" '["loaded", 2]'
planned=$(python3 - "$work/plan.json" <<-'END'
	import json, sys
	p = json.load(open(sys.argv[1]))
	print(sorted([d, s, i["sid"], c] for i in p["instances"] if i["host"] == 0
	             for c, s in enumerate(i["slots"]) if s for d in ("rail0", "rail1")))
	END
)
names="['default', 'bulk', 'data', 'pipeline', 'expert', 'tensor', 'gateway', 'control']"
queues() {
	ctl host0 queue -j | json "sorted([q['interface'], q['slot'], q['sid'], $names.index(q['class'])] for q in j['queues'])" |
		tr '"' "'"
}
equal 'every qdisc has the queues of the plan' "$(queues)" "$planned"
equal 'again: no change' "$(ctl host0 apply -j "$work/plan.json" | json "j['changed']")" false

out=$(ctl host1 apply "$work/plan.json" 2>&1)
# one on a device of one transmit queue, one each under mq on others
on_rail() { in_ns host1 tc qdisc show dev "$1" | grep -c 'qdisc dmsc'; }
check 'install_qdisc puts a qdisc on each rail' [ $(($(on_rail rail0) * $(on_rail rail1))) -gt 0 ]
equal 'with queues' "$(ctl host1 queue -j | json "len(j['queues'])")" \
	$((7 * ($(on_rail rail0) + $(on_rail rail1))))

serve host1 small.pp0.dp1.tp0 data
serve host1 small.checkpoint.host1.rx bulk
data_port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
bulk_port=$(service host1 small.checkpoint.host1.rx "['ports']['bulk']")
sid=$(service host0 small.pp0.dp0.tp0 "['sid']")
in_queue() { # SID CLASS FIELD
	ctl host0 queue -j | json "sum(q['$3'] for q in j['queues'] if q['sid'] == $1 and q['class'] == '$2')"
}
check 'data arrives whole' ctl host0 service exec small.pp0.dp0.tp0 -- \
	"$stream" send 10.255.0.1 10.255.0.2 "$data_port" 2000000
check "it went through the queue of its SID and class" [ "$(in_queue "$sid" data bytes)" -gt 2000000 ]
equal 'and through no other of its queues' "$(in_queue "$sid" tensor packets)" 0

# classes by hand
ctl host0 class set data weight=32 share=150 > /dev/null
equal 'class set' "$(ctl host0 class -j | json "sorted(set((q['weight'], q['share']) for q in j['qdiscs'] if q['class'] == 'data'))")" '[[32, 150]]'
ctl host0 class set data share=850 > "$work/out" 2>&1
equal 'shares beyond 900 permille are refused' "$? $(wc -l < "$work/out")" '2 1'
ctl host0 apply "$work/other.json" > /dev/null 2>&1
equal 'what was set stays over a new plan' "$(ctl host0 class -j | json "sorted(set((q['weight'], q['share']) for q in j['qdiscs'] if q['class'] == 'data'))")" '[[32, 150]]'
ctl host0 apply "$work/plan.json" > /dev/null 2>&1
equal 'queues follow the plan' "$(queues)" "$planned"

# ranks, rates and ceilings: of the plan, and by hand over it
of_queue() { # EXPRESSION: of the queues of $sid in class data
	ctl host0 queue -j | json "sorted(set(($1) for q in j['queues'] if q['sid'] == $sid and q['class'] == 'data'))"
}
equal 'a plan without ranks' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" '[[32, 0, 0, 16]]'
python3 - "$work/plan.json" <<-'END' > "$work/ranked.json"
	import json, sys
	p = json.load(open(sys.argv[1]))
	for i in p["instances"]:
	    if i["name"] == "small.pp0.dp0.tp0":
	        i["ranks"] = [0, 0, 3, 7, 0, 0, 0, 0]
	        i["rates"] = [0, 0, 80000000, 0, 0, 0, 0, 0]
	        i["ceilings"] = [0, 0, 400000000, 0, 0, 0, 0, 0]
	json.dump(p, sys.stdout)
	END
equal 'a plan with ranks is another one' "$(ctl host0 apply -j "$work/ranked.json" | json "j['changed']")" true
equal 'its ranks, rates and ceilings are in force' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" \
	'[[35, 10000000, 50000000, 16]]'
equal 'for no other queue' "$(ctl host0 queue -j | json "sorted(set(q['rank'] for q in j['queues'] if q['sid'] != $sid))")" '[32]'
sed 's/"ranks": \[0, 0, 3/"ranks": [0, 0, 31/' "$work/ranked.json" > "$work/bad.json"
out=$(ctl host0 apply "$work/bad.json" 2>&1)
equal 'a rank out of range is refused' "$?" 2
match 'and named' "$out" 'rank'
check 'a queue set by hand' ctl host0 queue set small.pp0.dp0.tp0 data rank=5 weight=20 ceil=60000000
equal 'over the plan' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" '[[5, 10000000, 60000000, 20]]'
ctl host0 queue set small.pp0.dp0.tp0 data ceil=9999999 > "$work/out" 2>&1
equal 'a ceiling below the rate is refused' "$? $(wc -l < "$work/out")" '2 1'
ctl host0 queue set small.pp0.dp0.tp0 tensor remaining=-1 > "$work/out" 2>&1
equal 'so is what is no number' "$? $(wc -l < "$work/out")" '2 1'
ctl host0 queue set small.pp0.dp1.tp0 data rank=1 > "$work/out" 2>&1
equal 'and a queue of another host' "$? $(wc -l < "$work/out")" '2 1'
check 'what remains is told' ctl host0 queue set "$sid" data remaining=123456
equal 'and waits for its packets' "$(of_queue "q['remaining']")" '[123456]'
ctl host0 apply "$work/plan.json" > /dev/null 2>&1
equal 'what was set stays over a new plan' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" '[[5, 0, 60000000, 20]]'
stop host0
start host0 || exit 1
equal 'and over a restart' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" '[[5, 0, 60000000, 20]]'
check 'until it is unset' ctl host0 queue unset small.pp0.dp0.tp0 data
equal 'then the plan counts' "$(of_queue "q['rank'], q['rate'], q['ceil'], q['weight']")" '[[32, 0, 0, 16]]'

# a qdisc that somebody puts there anew is programmed again, without an apply
in_ns host0 tc qdisc replace dev rail0 root pfifo
equal 'another qdisc' "$(ctl host0 queue -j | json "len(j['queues'])")" 7
shape host0 rail0
again() { [ "$(queues)" = "$planned" ]; }
check 'a qdisc put there anew gets its queues' until_true again

# a change that fails half way is taken back
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
generation=$(ctl host0 status -j | json "j['generation']")
ctl host0 apply "$work/other.json" > "$work/out" 2>&1
equal 'an apply that cannot be stored fails' "$?" 1
kill $locker
wait $locker 2> /dev/null
equal 'its queues are taken back' "$(queues)" "$planned"
equal 'and its generation never was' "$(ctl host0 status -j | json "j['generation']")" "$generation"

# events: a class that may hold next to nothing drops
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	monitor --json) > "$work/events" 2> /dev/null &
pids+=($!)
until_true grep -q '"event":"monitor"' "$work/events"
ctl host0 class set bulk limit=4000 > /dev/null
ctl host0 service exec small.checkpoint.host0.tx -- \
	"$stream" send 10.255.0.1 10.255.0.2 "$bulk_port" 2000000 > /dev/null 2>&1
check 'drops are told to who monitors' until_true grep -q '"event":"drops"\|"class":"bulk".*"event":"drops"' "$work/events"
check 'and counted' [ "$(in_queue "$(service host0 small.checkpoint.host0.tx "['sid']")" bulk drop_packets)" -gt 0 ]

# A ceiling far below what is offered: packets wait, so the queue is congested,
# and the class is starved (within a millisecond, which is asked for). Looks are
# taken as packets come and go, so there is other traffic, too.
ctl host0 class set bulk limit=4000000 ceil=4000 ecn=2000 starve=1 > /dev/null
for peer in 10.0.0.1 10.0.0.3; do
	in_ns host0 ping -q -i 0.05 $peer > /dev/null 2>&1 &
	pids+=($!)
done
ctl host0 service exec small.checkpoint.host0.tx -- \
	"$stream" send 10.255.0.1 10.255.0.2 "$bulk_port" 2000000 > /dev/null 2>&1 &
pids+=($!)
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	monitor) > "$work/words" 2> /dev/null &
pids+=($!)
event() { # EXPRESSION: does an event match?
	python3 - "$work/events" "$1" <<-'END'
		import json, sys
		lines = open(sys.argv[1]).read().split("\n")[:-1]
		sys.exit(not any(eval(f"({sys.argv[2]})", {"e": json.loads(l)}) for l in lines))
		END
}
bulk_sid=$(service host0 small.checkpoint.host0.tx "['sid']")
check 'congestion is told with service and class' until_true event \
	"e['event'] == 'congested' and e['sid'] == $bulk_sid and e['name'] == 'small.checkpoint.host0.tx'
	 and e['class'] == 'bulk' and e['interface'] in ('rail0', 'rail1') and e['backlog_bytes'] > 2000"
check 'starvation is told with the class' until_true event \
	"e['event'] == 'starved' and e['class'] == 'bulk' and e['starve'] == 1 and e['backlog_packets'] > 0"
check 'and in words' until_true grep -q \
	"^.* congested on rail[01]: the queue of small.checkpoint.host0.tx (SID $bulk_sid), class bulk, holds" "$work/words"
check 'all of it' until_true grep -q "starved on rail[01]: class bulk sent nothing for 1 ms" "$work/words"

check 'off' ctl host0 off
equal 'no queue is left' "$(ctl host0 queue -j | json "len(j['queues'])")" 0
equal 'a qdisc that was there before stays' "$(in_ns host0 tc qdisc show dev rail0 | grep -c dmsc)" 1
stop host1
daemon_options host1
check '--flush' in_ns host1 "$dmscd" "${args[@]}" --flush
equal '--flush takes away what install_qdisc put there' "$(in_ns host1 tc qdisc show | grep -c 'dmsc')" 0
finish
