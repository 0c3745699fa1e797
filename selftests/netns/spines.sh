#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Two spines of IPv6 between the hosts of lib.sh, Linux routers that know segments:
#
#   host0 rail0 ── leaf0 ─┬─ spine0 ─┬─ leaf1 ── rail1 host1
#   fd00:a::2  fd00:a::3  └─ spine1 ─┘   fd00:b::3  fd00:b::2
#
# Segments: fd00:50::e and fd00:51::e at the spines, fd00:60::e and fd00:61::e at the
# leaves; fd00:d0::4 and fd00:d1::4 take the header off IPv4 packets at the hosts.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"
trap 'for ns in spine0 spine1; do ip netns del "$prefix-$ns" 2> /dev/null; done; cleanup' EXIT

join() { # BOX BOX NUMBER: a link, named by the other end, fd00:NUMBER::1 and ::2
	ip link add "$2" netns "$prefix-$1" type veth peer name "$1" netns "$prefix-$2" || return 1
	in_ns "$1" ip addr add "fd00:$3::1/64" dev "$2" nodad
	in_ns "$2" ip addr add "fd00:$3::2/64" dev "$1" nodad
	in_ns "$1" ip link set "$2" up
	in_ns "$2" ip link set "$1" up
}

spines_up() { # after setup; skips all where the kernel has no segments
	local s h ns dev
	for s in 0 1; do
		ip netns add "$prefix-spine$s"
		in_ns spine$s ip link set lo up
		join leaf0 spine$s "1$s"
		join spine$s leaf1 "2$s"
	done
	in_ns host0 ip addr add fd00:a::2/127 dev rail0 nodad
	in_ns leaf0 ip addr add fd00:a::3/127 dev host0 nodad
	in_ns leaf1 ip addr add fd00:b::3/127 dev host1 nodad
	in_ns host1 ip addr add fd00:b::2/127 dev rail1 nodad
	for ns in leaf0 leaf1 spine0 spine1 host0 host1; do
		in_ns $ns sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.seg6_enabled=1
		for dev in $(in_ns $ns ip -o link | awk -F "[ :@]+" "{ print \$2 }"); do
			in_ns $ns sysctl -qwe "net.ipv6.conf.$dev.seg6_enabled=1"	# -e: some have no IPv6
		done
	done
	for s in 0 1; do
		in_ns spine$s ip -6 route add "fd00:5$s::e/128" encap seg6local action End dev leaf1 2> "$work/out" ||
			skip_all "this kernel or its ip has no segments: $(cat "$work/out")"
		in_ns leaf$s ip -6 route add "fd00:6$s::e/128" encap seg6local action End dev spine0
		for h in 61 d1 b; do in_ns spine$s ip -6 route add "fd00:$h::/64" via "fd00:2$s::2"; done
		for h in 60 d0 a; do in_ns spine$s ip -6 route add "fd00:$h::/64" via "fd00:1$s::1"; done
		in_ns leaf0 ip -6 route add "fd00:5$s::/64" via "fd00:1$s::2"
		in_ns leaf1 ip -6 route add "fd00:5$s::/64" via "fd00:2$s::1"
	done
	for h in 61 d1 b; do
		in_ns leaf0 ip -6 route add "fd00:$h::/64" nexthop via fd00:10::2 nexthop via fd00:11::2
	done
	for h in 60 d0 a; do
		[ $h = a ] || in_ns leaf0 ip -6 route add "fd00:$h::/64" via fd00:a::2
		in_ns leaf1 ip -6 route add "fd00:$h::/64" nexthop via fd00:20::1 nexthop via fd00:21::1
	done
	in_ns leaf1 ip -6 route add fd00:d1::/64 via fd00:b::2
	in_ns host0 ip -6 route add fd00::/16 via fd00:a::3
	in_ns host1 ip -6 route add fd00::/16 via fd00:b::3
	in_ns host0 ip -6 route add fd00:d0::4/128 encap seg6local action End.DX4 nh4 0.0.0.0 dev rail0
	in_ns host1 ip -6 route add fd00:d1::4/128 encap seg6local action End.DX4 nh4 0.0.0.0 dev rail1
}

through() { # SPINE [LEAF]: bytes that it has sent there
	device_bytes spine"$1" "${2:-leaf1}" tx
}

# Segments of TCP that came in another order than they were sent, at both hosts.
disorder() {
	for ns in host0 host1; do
		in_ns $ns cat /proc/net/netstat
	done | python3 -c 'import sys
n = 0
lines = sys.stdin.read().splitlines()
for names, values in zip(lines[::2], lines[1::2]):
    for k, v in zip(names.split(), values.split()):
        if k in ("TCPOFOQueue", "TCPSACKReorder", "TCPTSReorder", "TCPRenoReorder"):
            n += int(v)
print(n)'
}

# A route's MTU that leaves room for a header of as many bytes, in both directions.
room_for() { # BYTES
	in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 mtu $((1500 - $1)) \
		nexthop via 10.0.0.1 dev rail0 nexthop via 10.0.0.3 dev rail1
	in_ns host1 ip route replace 10.255.0.1/32 src 10.255.0.2 mtu $((1500 - $1)) \
		nexthop via 10.0.0.5 dev rail0 nexthop via 10.0.0.7 dev rail1
}
