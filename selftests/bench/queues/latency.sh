#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# latency.sh REPEATS SECONDS [QDISC...] (in a guest, in virtual time): a request
# of 1 KB every 5 ms (class tensor) and a burst of 200 KB every 100 ms (expert)
# against 16 TCP flows that fill the link: 6 data, 5 default, 5 bulk.
# Prints "QDISC REPEAT request|burst MS" for each of them, and
# "QDISC REPEAT class-N BYTES" for what each class of the flows got meanwhile.
set -euo pipefail
repeats=$1 seconds=$2
shift 2
here=$(dirname "$0")
. "$here/link.sh"
qdiscs=(idle pfifo fq_codel fq cake prio+fq_codel ets+fq_codel htb+fq_codel dmsc)
[ $# = 0 ] || qdiscs=("$@")

insmod "/dmsc/build/kmod/$DMSC_GUEST/sch_dmsc.ko"
make_link
b python3 "$here/load.py" serve 7000 &
sleep 1
for ((repeat = 1; repeat <= repeats; repeat++)); do
	for qdisc in "${qdiscs[@]}"; do
		set_qdisc "$qdisc"
		: > /tmp/sink
		if [ "$qdisc" != idle ]; then
			b python3 "$here/load.py" sink 7001 2 "$seconds" > /tmp/sink &
			sink=$!
			sleep 1
			a python3 "$here/load.py" bulk 10.99.0.2 7001 $((seconds + 3)) 2 2 2 2 2 2 0 0 0 0 0 1 1 1 1 1 &
			bulk=$!
			sleep 2
		fi
		a python3 "$here/load.py" ask request 10.99.0.2 7000 5 1024 0.005 "$seconds" "$repeat" > /tmp/request &
		request=$!
		a python3 "$here/load.py" ask burst 10.99.0.2 7000 4 204800 0.1 "$seconds" "1$repeat" > /tmp/burst
		wait $request
		if [ "$qdisc" != idle ]; then
			wait "$sink"
			wait "$bulk"
		fi
		sed "s/^/$qdisc $repeat /" /tmp/request /tmp/burst
		sed "s/^/$qdisc $repeat class-/" /tmp/sink
		sleep 1
	done
done
kill %1
