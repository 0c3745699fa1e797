#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# share.sh REPEATS (in a guest, in virtual time): what flows that always have
# packets get of a link, by the module bench_qdisc: over 10 s at 1 Gbit/s, and in
# windows of 10 ms at 10 Gbit/s, where a packet is little. Prints for each flow
#    CASE QDISC REPEAT WANTED MBIT GOT LEAST MOST
# WANTED permille of the link (rates: of what is wanted); GOT bytes in all, LEAST
# and MOST in a window.
set -euo pipefail
repeats=$1
here=/dmsc/build/selftests/bench/queues
module=/dmsc/build/kmod/$DMSC_GUEST
run=/sys/module/bench_qdisc/parameters/run

insmod "$module/sch_dmsc.ko"
insmod "$module/bench_qdisc.ko"
sysctl -q -w net.ipv6.conf.default.disable_ipv6=1

dev=share0
again() { # QDISC ARGUMENT...: the device with that root qdisc
	ip link del $dev 2> /dev/null || true
	ip link add $dev type dummy
	ip link set $dev up
	tc qdisc add dev $dev root handle 1: "$@"
}
htb() { # MBIT of the link, then PERMILLE of each class, the most important first
	local mbit=$1 i=0 part
	shift
	again htb
	tc class add dev $dev parent 1: classid 1:99 htb rate "$mbit"mbit burst 100k cburst 100k
	for part in "$@"; do
		i=$((i + 1))
		tc class add dev $dev parent 1:99 classid 1:$i htb rate $((mbit * part / 1000))mbit ceil "$mbit"mbit \
			burst 15k cburst 15k prio $i quantum 1514
	done
}
drr() { # QUANTUM...
	local i=0 quantum
	again drr
	for quantum in "$@"; do
		i=$((i + 1))
		tc class add dev $dev parent 1: classid 1:$i drr quantum "$quantum"
	done
}
# measure CASE QDISC REPEAT MBIT MS WANTED... -- PRIORITY:DSCP...
measure() {
	local case=$1 qdisc=$2 repeat=$3 mbit=$4 ms=$5 wanted=() i=0
	shift 5
	while [ "$1" != -- ]; do
		wanted+=("$1")
		shift
	done
	shift
	echo "share $dev $mbit $ms 10000 $*" > $run
	while read -r got least most; do
		echo "$case $qdisc $repeat ${wanted[$i]} $mbit $got $least $most"
		i=$((i + 1))
	done < $run
}
stock=(10001:34 10002:18 10003:0 10004:8) # bands or classes 1 to 4; for cake the DSCP
guarantee() { # REPEAT MBIT MS: a strict class wants all, three have 10, 5 and 5 %
	local w=(800 100 50 50)
	again dmsc
	measure guarantee dmsc "$@" "${w[@]}" -- 0:34 0:18 0:0 0:8
	again prio bands 8 priomap 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7
	measure guarantee prio "$@" "${w[@]}" -- "${stock[@]}"
	again ets bands 4 quanta 24224 3028 1514 1514
	measure guarantee ets "$@" "${w[@]}" -- "${stock[@]}"
	htb "$2" "${w[@]}"
	measure guarantee htb "$@" "${w[@]}" -- "${stock[@]}"
	again cake unlimited diffserv8 flows
	measure guarantee cake "$@" "${w[@]}" -- 0:34 0:18 0:0 0:8
}
weight() { # REPEAT MBIT MS: three weighted classes, 64 : 16 : 8
	local w=(727.27 181.82 90.91) id
	again dmsc
	for id in 2 0 1; do
		$here/setup $dev class $id share=0
	done
	$here/setup $dev class 1 weight=8
	measure weight dmsc "$@" "${w[@]}" -- 0:18 0:0 0:8
	again ets bands 3 quanta 12112 3028 1514
	measure weight ets "$@" "${w[@]}" -- "${stock[@]:0:3}"
	drr 12112 3028 1514
	measure weight drr "$@" "${w[@]}" -- "${stock[@]:0:3}"
}
queue() { # REPEAT MBIT MS: four queues of a class, 1 : 2 : 4 : 8
	local w=(66.67 133.33 266.67 533.33) i
	again dmsc
	for i in 1 2 3 4; do
		$here/setup $dev queue $i 4 weight=$((4 << i))
	done
	measure queue dmsc "$@" "${w[@]}" -- d5c00014:34 d5c00024:34 d5c00034:34 d5c00044:34
	drr 1514 3028 6056 12112
	measure queue drr "$@" "${w[@]}" -- "${stock[@]}"
}
rate() { # REPEAT MBIT MS: a fifth of the link for one queue, a tenth for another; nothing else
	local bytes=$(($2 * 125000)) half
	half=$(($2 / 10))
	again dmsc
	$here/setup $dev queue 1 4 ceil=$((bytes / 5))
	$here/setup $dev queue 2 4 ceil=$((bytes / 10))
	measure rate dmsc "$@" 200 100 -- d5c00014:34 d5c00024:34
	again htb
	tc class add dev $dev parent 1: classid 1:1 htb rate $((half * 2))mbit burst 15k cburst 15k
	tc class add dev $dev parent 1: classid 1:2 htb rate "$half"mbit burst 15k cburst 15k
	measure rate htb "$@" 200 100 -- "${stock[@]:0:2}"
}
for ((repeat = 1; repeat <= repeats; repeat++)); do
	for what in guarantee weight queue rate; do
		$what $repeat 1000 10000
		$what $repeat 10000 1000
	done
done
