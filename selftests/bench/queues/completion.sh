#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# completion.sh REPEATS ITERATIONS [SET-UP...] (in a guest, in virtual time): two
# jobs share the link, both of class expert: the short one sends 500 KB and
# computes for 40 ms, the long one 1.5 MB and 60 ms. Prints
# "SET-UP REPEAT short|long MS" for each iteration.
set -euo pipefail
repeats=$1 iterations=$2
shift 2
here=$(dirname "$0")
. "$here/link.sh"
setup=/dmsc/build/selftests/bench/queues/setup
setups=(pfifo fq_codel fq cake ets+fq_codel prio+fq_codel htb+fq_codel prio-ranked dmsc dmsc-ranked dmsc-shortest)
[ $# = 0 ] || setups=("$@")

insmod "/dmsc/build/kmod/$DMSC_GUEST/sch_dmsc.ko"
make_link
b python3 "$here/load.py" serve 7000 &
sleep 1
for ((repeat = 1; repeat <= repeats; repeat++)); do
	for name in "${setups[@]}"; do
		short=4 long=4 hint_short=() hint_long=()
		case $name in
		prio-ranked)
			# The nearest thing elsewhere: the jobs in two bands.
			set_qdisc prio+fq_codel
			short=5
			;;
		dmsc*)
			set_qdisc dmsc
			short=0xd5c00014 long=0xd5c00024
			a "$setup" va queue 1 4 rank=10
			rank=10
			[ "$name" != dmsc-ranked ] || rank=20
			a "$setup" va queue 2 4 rank=$rank
			if [ "$name" = dmsc-shortest ]; then
				hint_short=("$setup" va queue 1 4 rank=10 remaining=500000)
				hint_long=("$setup" va queue 2 4 rank=10 remaining=1500000)
			fi
			;;
		*) set_qdisc "$name" ;;
		esac
		a python3 "$here/load.py" job short 10.99.0.2 7000 $short 500000 0.040 $((iterations * 2)) "${hint_short[@]}" > /tmp/short &
		other=$!
		# Another phase each time.
		sleep "0.0${repeat}3"
		a python3 "$here/load.py" job long 10.99.0.2 7000 $long 1500000 0.060 "$iterations" "${hint_long[@]}" > /tmp/long
		wait $other
		sed "s/^/$name $repeat /" /tmp/short /tmp/long
		sleep 1
	done
done
