#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The module in a kernel: loading, every place the qdisc may stand in, traffic
# through it, and being taken away under traffic.
#
#    dmscqa                                   dmscqb
#   +-------------------------+  veth         +-----------+
#   | va 10.78.0.1, 2 queues  |---------------| vb .2     |
#   +-------------------------+               +-----------+
#
# Packets get their class by DSCP here; counters decide, never times.
set -u
cd "$(dirname "$0")/../.." || exit 1
A=dmscqa B=dmscqb
plan=13 n=0 failed=0

echo "TAP version 13"
modprobe -q sch_dmsc || { echo "1..0 # SKIP no module sch_dmsc"; exit 4; }
rmmod sch_dmsc
echo "1..$plan"

point() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}
a() { ip netns exec $A "$@"; }

up() {
	ip netns add $A
	ip netns add $B
	ip link add va netns $A numtxqueues 2 numrxqueues 2 type veth \
		peer name vb netns $B numtxqueues 2 numrxqueues 2
	ip -n $A addr add 10.78.0.1/24 dev va
	ip -n $B addr add 10.78.0.2/24 dev vb
	ip -n $A link set va up
	ip -n $B link set vb up
	ip -n $A link set lo up
}
down() {
	pkill -f "^ping.*10.78.0.2" 2> /dev/null
	ip netns del $A 2> /dev/null
	ip netns del $B 2> /dev/null
}
stop() {
	pkill -f "^ping.*10.78.0.2"
	wait 2> /dev/null
}
trap down EXIT

# packets CLASS: how many the class has sent, by tc; class n is minor n + 1
packets() {
	a tc -s class show dev va | awk -v "m=:$(($1 + 1))" '
		/^class/ { on = substr($3, length($3) - length(m) + 1) == m }
		on && /Sent/ { sum += $4 } END { print sum + 0 }'
}
# ping with a DSCP: TOS COUNT SIZE
probe() { a ping -q -f -Q "$1" -c "$2" -s "$3" -W 60 10.78.0.2 > /dev/null; }

down
ok=0
for _ in 1 2 3 4 5 6 7 8 9 10; do
	modprobe sch_dmsc && rmmod sch_dmsc || ok=1
done
point $ok "loaded and unloaded ten times"

up
# the kernel loads it by its alias
a tc qdisc replace dev va root dmsc && lsmod | grep -q ^sch_dmsc
point $? "found by its alias, works with no options"

! a tc qdisc add dev va parent 8001:1 pfifo 2> /dev/null &&
	! a tc qdisc replace dev va root handle d: dmsc limit 5 2> /dev/null
point $? "takes no children and no options"

a tc qdisc replace dev va root handle d: dmsc
for tos in 0x20 0x48 0x68 0x88 0xb8 0xa0 0xc0 0; do
	probe $tos 20 100
done
ok=0
for c in 0 1 2 3 4 5 6; do
	[ "$(packets $c)" -ge 20 ] || { echo "# class $c: $(packets $c)"; ok=1; }
done
[ "$(packets 7)" -ge 20 ] || ok=1
point $ok "unmarked priorities are classed by DSCP"

# nobody has this address, so there is no cached answer
before=$(packets 7)
a ping -q -c 1 -W 1 10.78.0.99 > /dev/null
[ "$(packets 7)" -gt "$before" ]
point $? "ARP rides in the control class"

! rmmod sch_dmsc 2> /dev/null && lsmod | grep -q ^sch_dmsc
point $? "cannot be unloaded while it is in use"

a tc qdisc del dev va root
a tc qdisc add dev va root handle 1: mq
a tc qdisc add dev va parent 1:1 dmsc && a tc qdisc add dev va parent 1:2 dmsc && probe 0 50 500
point $? "one a transmit queue under mq"
# fewer, then more queues
a ethtool -L va tx 1 2> /dev/null
probe 0 20 500
a ethtool -L va tx 2 2> /dev/null
probe 0 20 500
point $? "survives a change of the number of queues"

# A link that is too slow: the strict class waits for nobody, the bulk class is
# neither starved nor unbounded. Offered at once, far more than the link takes.
a tc qdisc del dev va root 2> /dev/null
a tc qdisc add dev va root handle 1: tbf rate 4mbit burst 3000 limit 10000000
a tc qdisc add dev va parent 1:1 handle d: dmsc
for _ in 1 2 3 4; do
	probe 0x20 1500 1400 & # bulk
	probe 0x88 1500 1400 & # expert, strict
done
sleep 5
expert=$(packets 4) bulk=$(packets 1)
# a neighbour that was forgotten is found again through the full link
ip -n $A neigh flush dev va
a ping -q -Q 0xb8 -c 3 -W 60 10.78.0.2 > /dev/null
arp=$?
stop
echo "# expert $expert, bulk $bulk packets"
[ "$expert" -gt 0 ] && [ "$bulk" -gt 0 ]
point $? "strict and guaranteed classes both progress on a full link"
point $arp "ARP and tensor traffic pass a full link"

# enqueued = dequeued + dropped + backlog, also while traffic runs
probe 0x20 3000 1400 &
ok=0
for _ in 1 2 3 4 5; do
	nsenter --net=/run/netns/$A build/selftests/kmod/balance || ok=1
done
stop
point $ok "counters balance under traffic"

# Taken away, replaced and put back under traffic.
ok=0
for i in 1 2 3 4 5 6; do
	probe $((i * 32)) 2000 1400 &
done
for _ in 1 2 3 4 5; do
	a tc qdisc replace dev va root dmsc || ok=1
	a tc qdisc replace dev va root pfifo || ok=1
	a tc qdisc replace dev va root handle 1: tbf rate 4mbit burst 3000 limit 10000000 || ok=1
	a tc qdisc add dev va parent 1:1 handle d: dmsc || ok=1
	a ip link set va down
	a ip link set va up
done
point $ok "replaced, and its device down and up, under traffic"

# The namespace goes with everything in it.
down
wait
modprobe -r sch_dmsc
for _ in $(seq 50); do
	lsmod | grep -q ^sch_dmsc || break
	sleep 0.2
	modprobe -q -r sch_dmsc
done
! lsmod | grep -q ^sch_dmsc
point $? "namespace and module go away after traffic"
exit $failed
