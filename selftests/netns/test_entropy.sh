#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 6.12
#
# A path by the source port of UDP: the network is asked which port leads over which
# of two spines, and a path with that port goes there. Where the kernel takes the
# header off (fou), whole connections do.
#
#   host0 rail0 -- leaf0 == ECMP == spine0, spine1 -- leaf1 -- rail1 host1
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
trap 'for ns in spine0 spine1; do ip netns del "$prefix-$ns" 2> /dev/null; done; cleanup' EXIT
setup
far=10.99.0.1	# another address of host1, behind the spines
for s in 0 1; do
	ip netns add "$prefix-spine$s"
	in_ns spine$s ip link set lo up
	for l in 0 1; do
		ip link add spine$s netns "$prefix-leaf$l" type veth peer name leaf$l netns "$prefix-spine$s"
		in_ns leaf$l ip addr add 10.9$l.$s.1/24 dev spine$s
		in_ns spine$s ip addr add 10.9$l.$s.2/24 dev leaf$l
		in_ns leaf$l ip link set spine$s up
		in_ns spine$s ip link set leaf$l up
	done
	in_ns spine$s sysctl -qw net.ipv4.ip_forward=1 net.ipv4.icmp_ratelimit=0 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.leaf0.rp_filter=0 net.ipv4.conf.leaf1.rp_filter=0
	in_ns spine$s ip route add $far/32 via 10.91.$s.1
	in_ns spine$s ip route add 10.255.0.1/32 via 10.90.$s.1
	in_ns leaf0 sysctl -qw net.ipv4.conf.spine$s.rp_filter=0
	in_ns leaf1 sysctl -qw net.ipv4.conf.spine$s.rp_filter=0
done
in_ns leaf0 ip route add $far/32 nexthop via 10.90.0.2 nexthop via 10.90.1.2
in_ns leaf1 ip route add $far/32 via 10.0.0.6
in_ns host0 ip route add $far/32 via 10.0.0.1 dev rail0
in_ns host1 ip addr add $far/32 dev lo

table=$(in_ns host0 "$dmscctl" entropy 10.255.0.1 $far 5555 --hop 2 --count 24 --json) || table='{"ports": []}'
router_of() { json "sorted(p['port'] for p in j['ports'] if p['router'] == '10.90.$1.2')" <<< "$table"; }
first_of() { json "([p['port'] for p in j['ports'] if p['router'] == '10.90.$1.2'] + [0])[0]" <<< "$table"; }
echo "# spine 0: $(router_of 0), spine 1: $(router_of 1)"
equal 'every port leads over one of the spines' "$(json "len([p for p in j['ports'] if p['router'] in ('10.90.0.2', '10.90.1.2')])" <<< "$table")" 24
p0=$(first_of 0) p1=$(first_of 1)
# All of 24 by one is one in eight million.
check 'some over the one' [ "$p0" -gt 0 ]
check 'some over the other' [ "$p1" -gt 0 ]
equal 'the first hop is the leaf, whatever the port' "$(in_ns host0 "$dmscctl" entropy 10.255.0.1 $far 5555 --hop 1 --count 2 --json |
	json "[p['router'] for p in j['ports']]")" '["10.0.0.1", "10.0.0.1"]'
match 'a host that answers by itself is no router' "$(in_ns host0 "$dmscctl" entropy 10.255.0.1 $far 5555 --hop 9 --count 1)" 'no answer'
in_ns host0 "$dmscctl" entropy 10.255.0.1 nowhere 5555 > "$work/out" 2>&1
equal 'no address: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'

forwarded() { # SPINE: packets of IPv4 that it has forwarded
	# shellcheck disable=SC2016 # awk's
	in_ns spine"$1" awk '/^Ip:/ { if (!n++) { for (i = 1; i <= NF; i++) if ($i == "ForwDatagrams") k = i } else print $k }' /proc/net/snmp
}
datagrams() { # PORT COUNT: from that source port
	in_ns host0 python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("10.255.0.1", int(sys.argv[1])))
for i in range(int(sys.argv[2])):
    s.sendto(b"x", (sys.argv[3], 5555))' "$1" "$2" $far
}
for s in 0 1; do
	before=$(forwarded $s) others=$(forwarded $((1 - s)))
	datagrams "$([ $s = 0 ] && echo "$p0" || echo "$p1")" 100
	check "datagrams from its port go over spine $s" [ $(($(forwarded $s) - before)) -ge 100 ]
	check 'and not over the other' [ $(($(forwarded $((1 - s))) - others)) -lt 20 ]
done

# Paths with those ports.
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0
cat > "$work/edit.py" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
name = {i["name"]: n for n, i in enumerate(p["instances"])}
f = [f for f in p["flows"] if f["src"] == name[sys.argv[3]] and f["dst"] == name[sys.argv[4]]][0]
old = [q for q in p["paths"] if q["src_host"] == 0 and q["dst_host"] == 1 and
       p["topology"]["links"][q["link"]]["if_a"] == "rail0"][0]
p["paths"].append(dict(old, kind="udp", port=5555, entropy=int(sys.argv[5]), source="10.255.0.1",
                       target="10.99.0.1"))
f["path"] = len(p["paths"]) - 1
json.dump(p, open(sys.argv[2], "w"))
END
in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 mtu 1420 \
	nexthop via 10.0.0.1 dev rail0 nexthop via 10.0.0.3 dev rail1
start host0 || exit 1
start host1 || exit 1
check "the other host has the plan" ctl host1 apply "$work/plan.json"
whole=no
modprobe fou 2> /dev/null
modprobe ipip 2> /dev/null
if in_ns host1 ip fou add port 5555 ipproto 4 2> /dev/null && in_ns host1 ip link set tunl0 up 2> /dev/null; then
	whole=yes
	in_ns host1 sysctl -qw net.ipv4.conf.tunl0.rp_filter=0
fi
echo "# the kernel takes the header off: $whole"
[ -z "${DMSC_GUEST:-}" ] || equal 'the kernel of a guest does' $whole yes
[ $whole = yes ] || finish
serve host1 $to data
data=$(service host1 $to "['ports']['data']")
for s in 0 1; do
	port=$([ $s = 0 ] && echo "$p0" || echo "$p1")
	python3 "$work/edit.py" "$work/plan.json" "$work/udp.json" $from $to "$port"
	check "a path from port $port" ctl host0 apply "$work/udp.json"
	before=$(device_bytes spine$s leaf1 tx) others=$(device_bytes spine$((1 - s)) leaf1 tx)
	check 'a connection through it' ctl host0 service exec $from -- "$stream" send \
		10.255.0.1 10.255.0.2 "$data" 500000
	check "it went over spine $s" [ $(($(device_bytes spine$s leaf1 tx) - before)) -ge 500000 ]
	check 'and not over the other' [ $(($(device_bytes spine$((1 - s)) leaf1 tx) - others)) -lt 5000 ]
done
finish
