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
	local side
	ip netns add benA
	ip netns add benB
	ip link add va netns benA type veth peer name vb netns benB
	for side in A B; do
		ip netns exec ben$side sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv4.tcp_no_metrics_save=1
		ip netns exec ben$side ip link set lo up
	done
	a ethtool -K va tso off gso off gro off > /dev/null
	b ethtool -K vb tso off gso off gro off > /dev/null
	a ip addr add 10.99.0.1/24 dev va
	b ip addr add 10.99.0.2/24 dev vb
	a ip link set va up
	b ip link set vb up
	b tc qdisc add dev vb root netem delay 1ms rate 1gbit limit 100000
}

# Every packet carries the DSCP and the priority of its class; each qdisc goes by
# what it knows. Of dmsc's classes five have traffic: tensor 5, expert 4, data 2,
# default 0 and bulk 1; elsewhere these are bands 1 to 5, in this order.
bands='bands 8 priomap 3 4 2 7 1 0 7 0 7 7 7 7 7 7 7 7'
leaves() { # KIND...: below each of the 8 bands
	local band
	for band in 1 2 3 4 5 6 7 8; do
		a tc qdisc add dev va parent 2:$band handle "$((band + 10)):" "$@"
	done
}
htb_class() { # BAND RATE PRIO DSCP-FIELD
	a tc class add dev va parent 2:9 classid "2:$1" htb rate "$2" ceil 100mbit prio "$3"
	a tc filter add dev va parent 2: protocol ip u32 match ip dsfield "$4" 0xfc flowid "2:$1"
}
set_qdisc() { # NAME
	a tc qdisc del dev va root 2> /dev/null || true
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
		# Weights as dmsc's: data 64, default 16, bulk 8.
		a tc qdisc add dev va parent 1:1 handle 2: ets strict 2 quanta 24224 6056 3028 1514 1514 1514 $bands
		leaves fq_codel
		;;
	htb+fq_codel)
		a tc qdisc add dev va parent 1:1 handle 2: htb default 8
		a tc class add dev va parent 2: classid 2:9 htb rate 100mbit
		htb_class 1 20mbit 0 0xb8
		htb_class 2 55mbit 1 0x88
		htb_class 3 10mbit 2 0x48
		htb_class 4 5mbit 3 0
		htb_class 5 5mbit 4 0x20
		for band in 6 7 8; do
			a tc class add dev va parent 2:9 classid 2:$band htb rate 1mbit ceil 100mbit prio 0
		done
		leaves fq_codel
		;;
	dmsc)
		a tc qdisc add dev va parent 1:1 handle 2: dmsc
		# Of bulk the default weight is less than its guarantee.
		a /dmsc/build/selftests/bench/queues/setup va class 1 weight=8
		;;
	*) return 1 ;;
	esac
}
