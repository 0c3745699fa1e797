#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# host0 routes for two neighbours, of which it trusts one (trust_dscp):
#
#    told  198.51.100.1 ─── told ┌───────┐
#                                │ host0 ├── rails
#    other 198.51.100.3 ── other └───────┘
#
# What they send is of the class of its DSCP, or of class default.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup

neighbour() { # NAME ADDRESS HOST0'S-ADDRESS: behind an interface of this name
	in_ns host0 ip link add "$1" type veth peer name away netns "$prefix-$1"
	in_ns host0 ip addr add "$3/31" dev "$1"
	in_ns host0 ip link set "$1" up
	in_ns "$1" ip addr add "$2/31" dev away
	in_ns "$1" ip link set away up
	in_ns "$1" ip route add default via "$3"
}
trap 'ip netns del "$prefix-told"; ip netns del "$prefix-other"; cleanup' EXIT
ip netns add "$prefix-told"
ip netns add "$prefix-other"
neighbour other 198.51.100.3 198.51.100.2

echo 'trust_dscp: [told]' > "$work/host0.yaml"
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null || { echo 'Bail out! no plan in force'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null
# It comes later, and is trusted from then on.
neighbour told 198.51.100.1 198.51.100.0
index=$(in_ns host0 ip -j link show told | json "j[0]['ifindex']")
is_trusted() {
	[ "$(bpftool -j map dump pinned "$work/bpf/host0/dmsc_trusted" | json \
		"[int.from_bytes([int(x, 16) for x in e['key']], 'little') for e in j]")" = "[$index]" ]
}
check 'it is trusted' until_true is_trusted
equal 'status says so' "$(ctl host0 status -j | json "j['bpf']['trust_dscp']")" true
match 'explain knows' "$(ctl host0 explain --from 198.51.100.1:1000 --protocol udp 10.255.0.2:9)" \
	'trusted +no +class by its DSCP if it comes by an interface of trust_dscp'

send() { # NEIGHBOUR: 10 UDP packets with the DSCP of class expert to host1, to nobody's port
	in_ns "$1" python3 -c "
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, 34 << 2)
for i in range(10):
    s.sendto(b'x' * 100, ('10.255.0.2', 9))"
}
sent() { counter host0 0 "$1" tx packets; }	# CLASS: of nobody's packets
received() { counter host1 0 "$1" rx packets; }	# by their DSCP
ten_more() { [ $(($($1 "$2") - $3)) -ge 10 ]; } # COUNTER CLASS BEFORE

expert=$(sent expert) arrived=$(received expert)
send told
check 'what it brings is of the class of its DSCP' until_true ten_more sent expert "$expert"
check 'and is marked so' until_true ten_more received expert "$arrived"
expert=$(sent expert) default=$(sent default) arrived=$(received expert)
send other
check 'what another brings is of class default' until_true ten_more sent default "$default"
equal 'and of no other' "$(sent expert)" "$expert"
equal 'nor is it marked so' "$(received expert)" "$arrived"

echo '# nobody' > "$work/host0.yaml"
stop host0
start host0 || exit 1
ctl host0 apply "$work/other.json" > /dev/null
equal 'not any longer' "$(ctl host0 status -j | json "j['bpf']['trust_dscp']")" false
default=$(sent default)
send told
check 'then it is of class default' until_true ten_more sent default "$default"
finish
