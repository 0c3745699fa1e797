#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# Paths that fail and come back: by hand, by their link, by their next hop. The
# traffic of a path that is down is left to routing; the others keep theirs.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1 || { echo 'Bail out! no plan in force'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null 2>&1

monitor() { # from when this returns on
	: > "$work/events"
	(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
		monitor --json) > "$work/events" 2> /dev/null &
	pids+=($!)
	until_true grep -q '"event":"monitor"' "$work/events"
}
monitor
state_of() { # HOST INTERFACE
	ctl "$1" path -j | json "', '.join(sorted(set(p['state'] + ' ' + p['reason'] for p in j['paths'] if p['interface'] == '$2')))"
}
is() { [ "$(state_of "$1" "$2")" = "$3" ]; }
told() { grep -q "\"interface\":\"$1\".*\"state\":\"$2\"" "$work/events"; }

serve host1 small.pp0.dp1.tp0 data
port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
send() { # BYTES
	ctl host0 service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$port" "$1"
}
# the rail that the plan gives what is sent here
rail=$(json "[j['topology']['links'][j['paths'][f['path']]['link']]['if_a'] for f in j['flows']
	if f['path'] is not None and j['instances'][f['src']]['name'] == 'small.pp0.dp0.tp0'][0]" < "$work/plan.json")
other=$([ "$rail" = rail0 ] && echo rail1 || echo rail0)
equal 'both rails are up' "$(state_of host0 rail0); $(state_of host0 rail1)" 'up up; up up'

# by hand
match 'down by hand' "$(ctl host0 path down --interface "$rail")" '1 path taken out'
equal 'the path is down' "$(state_of host0 "$rail")" 'down by hand'
check 'who monitors is told' until_true told "$rail" down
before=$(device_bytes host0 "$other" tx)
n=0
for ((i = 0; i < 12; i++)); do send 200000 > /dev/null && n=$((n + 1)); done
equal 'its traffic goes on' $n 12
# Left to routing, which hashes over both rails: twelve of one rail is one in 2048.
check 'by routing' [ $(($(device_bytes host0 "$other" tx) - before)) -gt 100000 ]
check 'a plan applied meanwhile keeps it out' ctl host0 apply "$work/other.json"
equal 'still down' "$(state_of host0 "$rail")" 'down by hand'
check 'back to the first plan' ctl host0 apply "$work/plan.json"
stop host0
start host0 || exit 1
until_true is host0 "$rail" 'down by hand'
equal 'and a restart' "$(state_of host0 "$rail")" 'down by hand'
check 'up by hand' ctl host0 path up --interface "$rail"
equal 'the path is up' "$(state_of host0 "$rail")" 'up up'
before=$(device_bytes host0 "$other" tx)
n=0
for ((i = 0; i < 12; i++)); do send 200000 > /dev/null && n=$((n + 1)); done
equal 'steered again' $n 12
check "all by $rail" [ $(($(device_bytes host0 "$other" tx) - before)) -lt 50000 ]
ctl host0 path down 99 > "$work/out" 2>&1
equal 'no such path: status 1, one line' "$? $(wc -l < "$work/out")" '1 1'
ctl host0 path down here > "$work/out" 2>&1
equal 'no number: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'

# by its link
monitor
in_ns host0 ip link set "$rail" down
check 'link down: the path goes down' until_true is host0 "$rail" 'down link down'
equal 'the other stays up' "$(state_of host0 "$other")" 'up up'
check 'who monitors is told' until_true told "$rail" down
# The far end does not see this link: routing withdraws the way, and whoever runs
# the fabric takes the path out.
declare -A far=([rail0]=10.0.0.5 [rail1]=10.0.0.7)
in_ns host1 ip route replace 10.255.0.1/32 src 10.255.0.2 via "${far[$other]}" dev "$other"
check 'the other host is told' ctl host1 path down --interface "$rail" --to host0
check 'traffic goes on by the other rail' send 1000000
in_ns host0 ip link set "$rail" up
in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 \
	nexthop via 10.0.0.1 dev rail0 nexthop via 10.0.0.3 dev rail1
check 'link up: the path comes back' until_true is host0 "$rail" 'up up'
in_ns host1 ip route replace 10.255.0.1/32 src 10.255.0.2 \
	nexthop via "${far[rail0]}" dev rail0 nexthop via "${far[rail1]}" dev rail1
ctl host1 path up --interface "$rail" --to host0 > /dev/null
check 'who monitors is told' until_true told "$rail" up

# by its next hop: the leaf's address goes away, the link stays
leaf=leaf${rail#rail}
hop=$(ctl host0 path -j | json "[p['nexthop'] for p in j['paths'] if p['interface'] == '$rail'][0]")
in_ns "$leaf" ip addr del "$hop/31" dev host0
in_ns "$leaf" ip link set host0 arp off
in_ns host0 ip neigh del "$hop" dev "$rail" 2> /dev/null
in_ns host0 ip neigh replace "$hop" dev "$rail" nud failed
check 'a next hop that does not answer takes the path down' until_true is host0 "$rail" 'down next hop does not answer'
in_ns host0 ip neigh del "$hop" dev "$rail" 2> /dev/null
out=$(ctl host0 apply "$work/other.json" 2>&1)
match 'apply goes on without it and warns' "$out" "path [0-9] to host1 by $rail .* is down: next hop does not answer; its traffic is left to routing"
in_ns "$leaf" ip link set host0 arp on
in_ns "$leaf" ip addr add "$hop/31" dev host0
check 'when it answers again the path comes up' until_true is host0 "$rail" 'up up'

# an interface that is made anew has another index: new tables by themselves
generation=$(ctl host0 status -j | json "j['generation']")
in_ns host0 ip link del "$rail"
check 'interface gone: the path is down' until_true is host0 "$rail" 'down link down'
n=${rail#rail}
in_ns host0 ip link add spare type veth peer name spare1	# so that the next index is another one
wire host0 "$rail" "$leaf" 10.0.0.$((2 * n)) 10.0.0.$((2 * n + 1))
check 'interface back with another index: the path is up' until_true is host0 "$rail" 'up up'
check 'as a new generation' [ "$(ctl host0 status -j | json "j['generation']")" -gt "$generation" ]
finish
