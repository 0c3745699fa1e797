#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cost.sh REPEATS ROUNDS [QDISC...] (in a guest): what each qdisc costs, by the
# module bench_qdisc. One device a qdisc and case; then all of them in turn,
# REPEATS times over, so that whatever changes on the machine meanwhile meets
# them all alike. Prints a line a measurement:
#    QDISC QUEUES PACKETS QUEUED REPEAT ENQUEUE DEQUEUE       (ns a packet)
# QUEUED: 0, or the qdisc's limit, and as many are in it: each enqueue drops.
set -euo pipefail
repeats=$1 rounds=$2
shift 2
module=/dmsc/build/kmod/$DMSC_GUEST

insmod "$module/sch_dmsc.ko"
insmod "$module/bench_qdisc.ko"
sysctl -q -w net.ipv6.conf.default.disable_ipv6=1

own=/dmsc/build/selftests/bench/queues/setup
children=0
leaves() { # DEVICE KIND LIMIT: one child in each of the bands that are used
	local band
	for band in 1 2 3 4 5 6 7; do
		# A handle that is not given would be of the automatic range, 8000: and up,
		# where the kernel looks for a free one from the start.
		children=$((children + 1))
		tc qdisc add dev "$1" parent "1:$band" handle "$(printf '%x:' $((children + 256)))" "$2" limit "$3"
	done
}
# The whole may hold so many packets, however many parts it has. Without a limit
# all are out of the way: 20000, where the most is 8192 at once.
setup() { # QDISC QUEUES DEVICE LIMIT
	local dev=$3 limit=$4 i
	local part=$((limit / 7)) each=$((limit / $2)) # of a band, of a flow
	[ "$limit" != 0 ] || limit=20000 part=20000 each=20000
	# Of as many packets is the queue of each class of drr.
	ip link add "$dev" txqueuelen $each type dummy
	ip link set "$dev" up
	case $1 in
	pfifo) tc qdisc add dev "$dev" root handle 1: pfifo limit "$limit" ;;
	prio+*)
		tc qdisc add dev "$dev" root handle 1: prio bands 8 priomap 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7
		leaves "$dev" "${1#*+}" $part
		;;
	ets+*)
		tc qdisc add dev "$dev" root handle 1: ets bands 8 strict 5 quanta 6056 1514 1514
		leaves "$dev" "${1#*+}" $part
		;;
	htb+*)
		tc qdisc add dev "$dev" root handle 1: htb
		# Rates that never bind, so that what is measured is the work and not the wait.
		tc class add dev "$dev" parent 1: classid 1:9 htb rate 400gbit burst 64mb cburst 64mb quantum 60000
		for i in 1 2 3 4 5 6 7; do
			tc class add dev "$dev" parent 1:9 classid 1:$i htb rate 50gbit ceil 400gbit \
				burst 64mb cburst 64mb prio $((i - 1)) quantum 60000
		done
		leaves "$dev" "${1#*+}" $part
		;;
	drr)
		tc qdisc add dev "$dev" root handle 1: drr
		for ((i = 1; i <= $2; i++)); do
			printf 'class add dev %s parent 1: classid 1:%x drr quantum 1514\n' "$dev" "$i"
		done | tc -batch -
		;;
	fq) tc qdisc add dev "$dev" root handle 1: fq limit "$limit" flow_limit "$limit" ;;
	fq_codel) tc qdisc add dev "$dev" root handle 1: fq_codel limit "$limit" ;;
	# It counts memory: a packet of 1514 bytes takes 2304 and more.
	cake) tc qdisc add dev "$dev" root handle 1: cake unlimited diffserv8 flows memlimit $((limit * 2304)) ;;
	dmsc*)
		tc qdisc add dev "$dev" root handle 1: dmsc
		$own "$dev" slots "$2"
		[ "$4" != 0 ] || return 0
		$own "$dev" class 0 limit=$((limit * 1514))
		for i in 1 2 3 4 5 6 7; do
			$own "$dev" class $i limit=$((part * 1514))
		done
		;;
	esac
}
scheme() { # QDISC
	case $1 in
	pfifo | fq | fq_codel | dmsc-default) echo hash ;;
	drr) echo classes ;;
	dmsc) echo slots ;;
	*) echo bands ;;
	esac
}

# dmsc: planned traffic, a slot a flow. dmsc-default: the same flows with no plan.
qdiscs=(pfifo drr prio+pfifo fq_codel fq prio+fq_codel ets+fq_codel htb+fq_codel cake dmsc dmsc-default)
[ $# = 0 ] || qdiscs=("$@")
# Slots are 1 to 4095, so "4096 queues" are 4095 for everybody.
cases=('1 1000 0' '64 1000 0' '4095 1000 0' '4095 8192 0' '1024 1000 4096')

n=0
declare -A device
for qdisc in "${qdiscs[@]}"; do
	for case in "${cases[@]}"; do
		read -r queues packets queued <<< "$case"
		n=$((n + 1))
		device["$qdisc $case"]=bench$n
		setup "$qdisc" "$queues" bench$n "$queued"
	done
done
# Not the first repeat is to pay for cold caches.
run=/sys/module/bench_qdisc/parameters/run
for ((repeat = 0; repeat <= repeats; repeat++)); do
	for case in "${cases[@]}"; do
		read -r queues packets queued <<< "$case"
		for qdisc in "${qdiscs[@]}"; do
			echo "cost ${device["$qdisc $case"]} $(scheme "$qdisc") $queues $packets $rounds $queued" > $run
			[ $repeat = 0 ] || echo "$qdisc $case $repeat $(cat $run)"
		done
	done
done
