# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
# Sourced in a guest in virtual time: two hosts and a link of 100 Mbit/s between
# them, and the queueing disciplines to compare.
#
#    benA 10.99.0.1                               benB 10.99.0.2
#   +----------------------------------+         +-------------------+
#   | va: tbf 100 Mbit/s, QDISC below  |---------| vb: 1 ms of delay |
#   +----------------------------------+         +-------------------+

a() { ip netns exec benA "$@"; }
b() { ip netns exec benB "$@"; }

# Without segmentation offload, as packets are on a wire of that speed.
make_link() {
	ip netns add benA
	ip netns add benB
	ip link add va netns benA type veth peer name vb netns benB
	for side in A B; do
		ip netns exec ben$side sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv4.tcp_no_metrics_save=1
		ip netns exec ben$side ip link set lo up
	done
	a ethtool -K va tso off gso off gro off > /dev/null 2>&1
	b ethtool -K vb tso off gso off gro off > /dev/null 2>&1
	a ip addr add 10.99.0.1/24 dev va
	b ip addr add 10.99.0.2/24 dev vb
	a ip link set va up
	b ip link set vb up
	b tc qdisc add dev vb root netem delay 1ms rate 1gbit limit 100000
}

# Packets carry both a DSCP and a priority of their socket: 6 requests, 5 bursts,
# 0 the rest; each qdisc goes by what it knows.
bands='bands 8 priomap 7 7 7 7 7 1 0 7 7 7 7 7 7 7 7 7'
leaves() { # KIND...: below each of the 8 bands
	local band
	for band in 1 2 3 4 5 6 7 8; do
		a tc qdisc add dev va parent 2:$band handle "$((band + 10)):" "$@"
	done
}
set_qdisc() { # NAME
	local i
	a tc qdisc del dev va root 2> /dev/null
	a tc qdisc add dev va root handle 1: tbf rate 100mbit burst 3100 limit 100mb
	# shellcheck disable=SC2086 # a list of arguments
	case $1 in
	idle | pfifo) a tc qdisc add dev va parent 1:1 handle 2: pfifo limit 1000 ;;
	fq_codel | fq) a tc qdisc add dev va parent 1:1 handle 2: "$1" ;;
	cake) a tc qdisc add dev va parent 1:1 handle 2: cake unlimited diffserv8 flows ;;
	prio+fq_codel)
		a tc qdisc add dev va parent 1:1 handle 2: prio $bands
		leaves fq_codel
		;;
	ets+fq_codel)
		a tc qdisc add dev va parent 1:1 handle 2: ets strict 1 quanta 6056 1514 1514 1514 1514 1514 1514 $bands
		leaves fq_codel
		;;
	htb+fq_codel)
		a tc qdisc add dev va parent 1:1 handle 2: htb default 8
		a tc class add dev va parent 2: classid 2:9 htb rate 100mbit
		for i in 1 2 3 4 5 6 7 8; do
			a tc class add dev va parent 2:9 classid 2:$i htb rate 12500kbit ceil 100mbit prio $((i - 1))
		done
		a tc filter add dev va parent 2: protocol ip u32 match ip dsfield 0xb8 0xfc flowid 2:1
		a tc filter add dev va parent 2: protocol ip u32 match ip dsfield 0x88 0xfc flowid 2:2
		a tc filter add dev va parent 2: protocol arp u32 match u32 0 0 flowid 2:1
		leaves fq_codel
		;;
	dmsc) a tc qdisc add dev va parent 1:1 handle 2: dmsc ;;
	esac
}
