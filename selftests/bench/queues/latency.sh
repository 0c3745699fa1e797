#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# latency.sh REPEATS SECONDS (in a guest, in virtual time): a request of 1 KB
# every 5 ms (EF) and a burst of 200 KB every 100 ms (AF41) against 16 TCP flows
# that fill the link. Prints "QDISC REPEAT request|burst MS" for each of them.
set -uo pipefail
repeats=$1 seconds=$2
here=$(dirname "$0")
. "$here/link.sh"

insmod "/dmsc/build/kmod/$DMSC_GUEST/sch_dmsc.ko" || exit 1
make_link
b "$here/load.py" serve 7000 &
b iperf3 -s -p 5201 > /dev/null 2>&1 &
sleep 1
for ((repeat = 1; repeat <= repeats; repeat++)); do
	for qdisc in idle pfifo fq_codel fq cake prio+fq_codel ets+fq_codel htb+fq_codel dmsc; do
		set_qdisc $qdisc || exit 1
		if [ $qdisc != idle ]; then
			a iperf3 -c 10.99.0.2 -p 5201 -P 16 -C cubic -t $((seconds + 4)) > /dev/null 2>&1 &
			bulk=$!
			sleep 3
		fi
		a "$here/load.py" ask request 10.99.0.2 7000 0xb8 6 1020 0.005 "$seconds" "$repeat" > /tmp/request &
		request=$!
		a "$here/load.py" ask burst 10.99.0.2 7000 0x88 5 204796 0.1 "$seconds" "1$repeat" > /tmp/burst
		wait $request
		[ $qdisc = idle ] || wait "$bulk"
		sed "s/^/$qdisc $repeat /" /tmp/request /tmp/burst
		sleep 1
	done
done
