#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# SRv6 over two spines that are Linux routers: a flow's connections spread over both,
# refused where a header has no room, off a spine that is taken out, in order.
#
#   host0 rail0 -- leaf0 -- spine0 -- leaf1 -- rail1 host1
#                       \-- spine1 --/
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
# A sender that changes its CPU changes the order of its packets, on veth, whatever their path.
taskset -cp 0 $$ > /dev/null || skip_all 'cannot stay on one CPU'
trap 'for ns in spine0 spine1; do ip netns del "$prefix-$ns" 2> /dev/null; done; cleanup' EXIT
setup

join() { # BOX BOX NUMBER: a link, named by the other end, fd00:NUMBER::1 and ::2
	ip link add "$2" netns "$prefix-$1" type veth peer name "$1" netns "$prefix-$2" || return 1
	in_ns "$1" ip addr add "fd00:$3::1/64" dev "$2" nodad
	in_ns "$2" ip addr add "fd00:$3::2/64" dev "$1" nodad
	in_ns "$1" ip link set "$2" up
	in_ns "$2" ip link set "$1" up
}
for s in 0 1; do
	ip netns add "$prefix-spine$s"
	in_ns spine$s ip link set lo up
	join leaf0 spine$s "1$s"
	join spine$s leaf1 "2$s"
done
in_ns host0 ip addr add fd00:a::1/64 dev rail0 nodad
in_ns leaf0 ip addr add fd00:a::2/64 dev host0 nodad
in_ns leaf1 ip addr add fd00:b::1/64 dev host1 nodad
in_ns host1 ip addr add fd00:b::2/64 dev rail1 nodad
for ns in leaf0 leaf1 spine0 spine1 host1; do
	in_ns $ns sysctl -qw net.ipv6.conf.all.forwarding=1 net.ipv6.conf.all.seg6_enabled=1
	for dev in $(in_ns $ns ip -o link | awk -F "[ :@]+" "{ print \$2 }"); do
		in_ns $ns sysctl -qw "net.ipv6.conf.$dev.seg6_enabled=1"
	done
done
for s in 0 1; do
	in_ns leaf0 ip -6 route add "fd00:5$s::/64" via "fd00:1$s::2"
	in_ns spine$s ip -6 route add "fd00:5$s::e/128" encap seg6local action End dev leaf1 2> "$work/out" ||
		skip_all "this kernel or its ip has no segments: $(cat "$work/out")"
	in_ns spine$s ip -6 route add fd00:d::/64 via "fd00:2$s::2"
done
in_ns leaf1 ip -6 route add fd00:d::/64 via fd00:b::2
in_ns host1 ip -6 route add fd00:d::4/128 encap seg6local action End.DX4 nh4 0.0.0.0 dev rail1

# The plan, with two paths over the spines for what one rank sends in class data.
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0
cat > "$work/edit.py" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
name = {i["name"]: n for n, i in enumerate(p["instances"])}
f = [f for f in p["flows"] if f["src"] == name[sys.argv[3]] and f["dst"] == name[sys.argv[4]]][0]
old = [q for q in p["paths"] if q["src_host"] == 0 and q["dst_host"] == 1 and
       p["topology"]["links"][q["link"]]["if_a"] == "rail0"][0]
first = len(p["paths"])
for spine in (0, 1):
    p["paths"].append(dict(old, kind="srv6", source="fd00:a::1", nexthop="fd00:a::2",
                           segments=["fd00:5%d::e" % spine, "fd00:d::4"]))
f["path"] = first
f["paths"] = [{"path": first, "weight": 1}, {"path": first + 1, "weight": 1}]
json.dump(p, open(sys.argv[2], "w"))
print(first)
END
first=$(python3 "$work/edit.py" "$work/plan.json" "$work/spines.json" $from $to) ||
	{ echo 'Bail out! no plan'; exit 1; }
start host0 || exit 1
start host1 || exit 1

ctl host0 apply "$work/spines.json" > "$work/out" 2>&1
equal 'no room for the header: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'
match 'it names path and sizes' "$(cat "$work/out")" "paths\[$first\]: rail0 srv6 fd00:50::e fd00:d::4 puts 80 bytes around packets of up to 1500 to host1, expected room for them in the MTU of 1500"
in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 mtu 1420 \
	nexthop via 10.0.0.1 dev rail0 nexthop via 10.0.0.3 dev rail1
check 'a route with a smaller MTU has' ctl host0 apply "$work/spines.json"
check 'the other host takes the plan, too' ctl host1 apply "$work/spines.json"
state_of() {
	ctl host0 path -j | json "[p['state'] for p in j['paths'] if p['kind'] == 'srv6 fd00:5$1::e fd00:d::4'][0]"
}
equal 'both paths are up' "$(state_of 0) $(state_of 1)" 'up up'
match 'the list says what they are' "$(ctl host0 path)" 'srv6 fd00:51::e fd00:d::4'

serve host1 $to data
port=$(service host1 $to "['ports']['data']")
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
stream_some() { # COUNT BYTES: connections one after the other; how many came through
	local i n=0
	for ((i = 0; i < $1; i++)); do
		ctl host0 service exec $from -- taskset -c 0 "$stream" send 10.255.0.1 10.255.0.2 "$port" "$2" > /dev/null &&
			n=$((n + 1))
	done
	echo $n
}
through() { device_bytes spine"$1" leaf1 tx; }
before=$(disorder) b0=$(through 0) b1=$(through 1)
equal 'all connections come through' "$(stream_some 12 300000)" 12
d0=$(($(through 0) - b0)) d1=$(($(through 1) - b1))
echo "# $d0 bytes over spine 0, $d1 over spine 1"
# Twelve by the same one of two is one in 2048.
check 'over the one spine' [ $d0 -gt 300000 ]
check 'and over the other' [ $d1 -gt 300000 ]
check 'together all of it' [ $((d0 + d1)) -gt 3600000 ]
equal 'nothing came in another order' "$(($(disorder) - before))" 0
match 'paths count it' "$(ctl host0 path -j | json "sum(p['sent']['bytes'] for p in j['paths'] if p['kind'].startswith('srv6')) > 3600000")" true

# A connection that lives through it all, paced by the stream program.
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec $from -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > "$work/sent" 2>&1 &
sender=$!
pids+=("$sender")
number=$(ctl host0 path -j | json "[p['path'] for p in j['paths'] if p['kind'].startswith('srv6 fd00:50')][0]")
check 'one spine is taken out' ctl host0 path down "$number"
equal 'only that' "$(state_of 0) $(state_of 1)" 'down up'
b0=$(through 0) b1=$(through 1)
equal 'connections come through' "$(stream_some 6 300000)" 6
check 'nothing but answers by the one taken out' [ $(($(through 0) - b0)) -lt 50000 ]
check 'all by the other' [ $(($(through 1) - b1)) -gt 1800000 ]
check 'and let back' ctl host0 path up "$number"
kill -TERM $sender
wait $sender
equal "one connection lived through it ($(cat "$work/sent"))" $? 0
finish
