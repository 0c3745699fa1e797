#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# cores.sh REPEATS ROUNDS [SET-UP...] (in a guest with two processors): two
# processors that send at the same time, by two transmit queues with a qdisc each
# (mq+QDISC) or through one that they share, against one of them alone, by the
# module bench_qdisc. All in turn, REPEATS times over. Prints a line a measurement:
#    SET-UP REPEAT ALONE FIRST SECOND       (ns a packet, enqueue and dequeue)
set -euo pipefail
repeats=$1 rounds=$2
shift 2
module=/dmsc/build/kmod/$DMSC_GUEST
own=/dmsc/build/selftests/bench/queues/setup
run=/sys/module/bench_qdisc/parameters/run
flows=64 packets=1000

insmod "$module/sch_dmsc.ko"
insmod "$module/bench_qdisc.ko"
sysctl -q -w net.ipv6.conf.default.disable_ipv6=1

# mq+dmsc-ceil: a ceiling for the device in each class, which never holds a packet
# back, but is divided among the transmit queues that are in use.
setups=(mq+pfifo mq+fq_codel mq+fq mq+dmsc mq+dmsc-ceil mq+dmsc-default fq_codel dmsc)
[ $# = 0 ] || setups=("$@")

setup() { # SET-UP DEVICE
	local kind=${1#mq+} id
	ip link add "$2" numtxqueues 2 txqueuelen 20000 type dummy
	ip link set "$2" up
	kind=${kind%%-*}
	if [ "$1" = "${1#mq+}" ]; then
		tc qdisc add dev "$2" root handle 1: "$kind"
	else
		tc qdisc add dev "$2" root handle 1: mq
		tc qdisc add dev "$2" parent 1:1 handle 11: "$kind"
		tc qdisc add dev "$2" parent 1:2 handle 12: "$kind"
	fi
	case $1 in
	*dmsc*) $own "$2" slots $((2 * flows)) ;;
	esac
	case $1 in
	*-ceil)
		for id in 1 2 3 4 5 6 7; do
			$own "$2" class $id ceil=1000000000000
		done
		;;
	esac
}
scheme() { # SET-UP
	case $1 in
	*dmsc-default) echo hash ;;
	*dmsc*) echo slots ;;
	*) echo hash ;;
	esac
}

n=0
declare -A device
for name in "${setups[@]}"; do
	n=$((n + 1))
	device[$name]=cores$n
	setup "$name" cores$n
done
for ((repeat = 0; repeat <= repeats; repeat++)); do
	for name in "${setups[@]}"; do
		echo "cores ${device[$name]} $(scheme "$name") $flows $packets $rounds" > $run
		# Not the first repeat is to pay for cold caches.
		[ $repeat = 0 ] || echo "$name $repeat $(cat $run)"
	done
done
