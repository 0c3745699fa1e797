#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# SRv6 over two spines that are Linux routers: a flow's connections spread over both,
# refused where a header has no room, off a spine that is taken out, in order.
#
#   host0 rail0 -- leaf0 -- spine0 -- leaf1 -- rail1 host1
#                       \-- spine1 --/
# shellcheck source=selftests/netns/spines.sh
. "$(dirname "$0")/spines.sh"
# A sender that changes its CPU changes the order of its packets, on veth, whatever their path.
taskset -cp 0 $$ > /dev/null || skip_all 'cannot stay on one CPU'
setup
spines_up

# The plan, with two paths over the spines for what one rank sends in class data.
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0
cat > "$work/edit.py" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
name = {i["name"]: n for n, i in enumerate(p["instances"])}
f = [f for f in p["flows"] if f["src"] == name[sys.argv[3]] and f["dst"] == name[sys.argv[4]]][0]
old = [q for q in p["paths"] if q["src_host"] == 0 and q["dst_host"] == 1 and
       p["topology"]["links"][q["link"]]["if_a"] == "rail0"][0]
first = len(p["paths"])
for spine in (0, 1):
    p["paths"].append(dict(old, kind="srv6", source="fd00:a::2", nexthop="fd00:a::3",
                           segments=["fd00:5%d::e" % spine, "fd00:d1::4"]))
f["path"] = first
f["paths"] = [{"path": first, "weight": 1}, {"path": first + 1, "weight": 1}]
json.dump(p, open(sys.argv[2], "w"))
print(first)
END
first=$(python3 "$work/edit.py" "$work/plan.json" "$work/spines.json" $from $to) ||
	{ echo 'Bail out! no plan'; exit 1; }
start host0 || exit 1
start host1 || exit 1

ctl host0 apply "$work/spines.json" > "$work/out" 2>&1
equal 'no room for the header: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'
match 'it names path and sizes' "$(cat "$work/out")" "paths\[$first\]: rail0 srv6 fd00:50::e fd00:d1::4 puts 80 bytes around packets of up to 1500 to host1, expected room for them in the MTU of 1500"
room_for 80
check 'a route with a smaller MTU has' ctl host0 apply "$work/spines.json"
check 'the other host takes the plan, too' ctl host1 apply "$work/spines.json"
state_of() {
	ctl host0 path -j | json "[p['state'] for p in j['paths'] if p['kind'] == 'srv6 fd00:5$1::e fd00:d1::4'][0]"
}
equal 'both paths are up' "$(state_of 0) $(state_of 1)" 'up up'
match 'the list says what they are' "$(ctl host0 path)" 'srv6 fd00:51::e fd00:d1::4'

serve host1 $to data
port=$(service host1 $to "['ports']['data']")
stream_some() { # COUNT BYTES: connections one after the other; how many came through
	local i n=0
	for ((i = 0; i < $1; i++)); do
		ctl host0 service exec $from -- taskset -c 0 "$stream" send 10.255.0.1 10.255.0.2 "$port" "$2" > /dev/null &&
			n=$((n + 1))
	done
	echo $n
}
before=$(disorder) b0=$(through 0) b1=$(through 1)
equal 'all connections come through' "$(stream_some 12 300000)" 12
d0=$(($(through 0) - b0)) d1=$(($(through 1) - b1))
echo "# $d0 bytes over spine 0, $d1 over spine 1"
# Twelve by the same one of two is one in 2048.
check 'over the one spine' [ $d0 -gt 300000 ]
check 'and over the other' [ $d1 -gt 300000 ]
check 'together all of it' [ $((d0 + d1)) -gt 3600000 ]
equal 'nothing came in another order' "$(($(disorder) - before))" 0
match 'paths count it' "$(ctl host0 path -j | json "sum(p['sent']['bytes'] for p in j['paths'] if p['kind'].startswith('srv6')) > 3600000")" true

# A connection that lives through it all, paced by the stream program.
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec $from -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > "$work/sent" 2>&1 &
sender=$!
pids+=("$sender")
number=$(ctl host0 path -j | json "[p['path'] for p in j['paths'] if p['kind'].startswith('srv6 fd00:50')][0]")
check 'one spine is taken out' ctl host0 path down "$number"
equal 'only that' "$(state_of 0) $(state_of 1)" 'down up'
b0=$(through 0) b1=$(through 1)
equal 'connections come through' "$(stream_some 6 300000)" 6
check 'nothing but answers by the one taken out' [ $(($(through 0) - b0)) -lt 50000 ]
check 'all by the other' [ $(($(through 1) - b1)) -gt 1800000 ]
check 'and let back' ctl host0 path up "$number"
kill -TERM $sender
wait $sender
equal "one connection lived through it ($(cat "$work/sent"))" $? 0
finish
