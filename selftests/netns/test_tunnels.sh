#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 6.12
#
# Paths that choose among ECMP's next hops, over IPv6: by the source port of UDP around the
# packet, which is its flow label, too, and which the other host takes off (the gateway's XDP
# program; the kernel's fou where there is one). TCP goes both ways; what is on the wire at the
# spine is looked at: DSCP inside and outside, ports, label, sizes, GSO.
# shellcheck source=selftests/netns/spines.sh
. "$(dirname "$0")/spines.sh"
taskset -cp 0 $$ > /dev/null || skip_all 'cannot stay on one CPU'
setup
spines_up
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0

# The receiver's address is behind both spines, from leaf0; the sender's is, from leaf1.
here=fd00:a::2 there=fd00:e1::1
in_ns host1 ip addr add $there/128 dev lo nodad
for s in 0 1; do
	in_ns spine$s sysctl -qw net.ipv6.icmp.ratelimit=0	# each datagram of a probe is answered
	in_ns spine$s ip -6 route add $there/128 via fd00:2$s::2
done
in_ns leaf0 ip -6 route add $there/128 nexthop via fd00:10::2 nexthop via fd00:11::2
in_ns leaf1 ip -6 route add $there/128 via fd00:b::2

ports() { json "[p['port'] for p in j['ports'] if p['router'] == 'fd00:1$1::2']" <<< "$table"; }
first_of() { ports "$1" | json "(j + [0])[0]"; }
# leaves_hash POLICY WHAT: what ECMP goes by, 0: addresses and label, 1: addresses and ports
leaves_hash() {
	local leaf
	for leaf in leaf0 leaf1; do in_ns $leaf sysctl -qw "net.ipv6.fib_multipath_hash_policy=$1"; done
	table=$(in_ns host0 "$dmscctl" entropy $here $there 5555 --count 16 --json) || table='{"ports": []}'
	echo "# by $2: spine 0: $(ports 0), spine 1: $(ports 1)"
	equal "by $2: every port leads over one of the spines" \
		"$(json "len([p for p in j['ports'] if p['router'] in ('fd00:10::2', 'fd00:11::2')])" <<< "$table")" 16
	p0=$(first_of 0) p1=$(first_of 1)
	# All of 16 by one is one in 32768.
	check "by $2: some over the one" [ "$p0" -gt 0 ]
	check "by $2: some over the other" [ "$p1" -gt 0 ]
}
leaves_hash 1 ports
in_ns host0 "$dmscctl" entropy $here 10.0.0.1 5555 > "$work/out" 2>&1
equal 'addresses of two families: status 2' "$?" 2

# edit.py PLAN OUT KIND ENTROPY: paths of that kind for one flow to host1, and for one back
cat > "$work/edit.py" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
kind, entropy = sys.argv[3], int(sys.argv[4])
name = {i["name"]: n for n, i in enumerate(p["instances"])}
ends = {0: ("fd00:a::2", "fd00:a::3", "fd00:e1::1", "rail0"), 1: ("fd00:e1::1", "fd00:b::3", "fd00:a::2", "rail1")}
for a, b in ((sys.argv[5], sys.argv[6]), (sys.argv[6], sys.argv[5])):
    host = p["instances"][name[a]]["host"]
    source, nexthop, target, rail = ends[host]
    old = [q for q in p["paths"] if q["src_host"] == host and p["topology"]["links"][q["link"]]["if_a"] == rail][0]
    new = dict(old, kind=kind, entropy=entropy, nexthop=nexthop)
    if kind == "udp":
        new.update(port=5555, source=source, target=target)
    p["paths"].append(new)
    for f in p["flows"]:
        if f["src"] == name[a] and f["dst"] == name[b]:
            f["path"] = len(p["paths"]) - 1
            f.pop("paths", None)
json.dump(p, open(sys.argv[2], "w"))
END
paths_of() { # KIND ENTROPY
	python3 "$work/edit.py" "$work/plan.json" "$work/tunnels.json" "$1" "$2" $from $to
}

# What a spine gets: frames of IPv6 as JSON, until killed.
cat > "$work/sniff.py" <<'END'
import json, signal, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
s.setsockopt(socket.SOL_SOCKET, 33, 64 << 20)
s.bind((sys.argv[1], 0))
def report(*_):
    json.dump(list(seen.values()), open(sys.argv[2], "w"))
    sys.exit()
signal.signal(signal.SIGTERM, report)
seen = {}
print("listening", flush=True)
while True:
    b, where = s.recvfrom(65600)
    if where[2] == 4:
        continue
    w, length = struct.unpack(">IH", b[14:20])
    f = {"tclass": w >> 20 & 255, "label": w & 0xfffff, "next": b[20], "whole": length == len(b) - 54}
    if b[20] == 17:
        f["sport"], f["dport"], f["udplen"], f["sum"] = struct.unpack(">HHHH", b[54:62])
        f["udplen"] = f["udplen"] == length
        f["inner"], f["tos"] = b[62], b[63]
    f = seen.setdefault(json.dumps(f), dict(f, n=0, most=0))
    f["n"] += 1
    f["most"] = max(f["most"], len(b) - 14)
END
sniff() { # SPINE DEVICE
	(exec nsenter --net="/run/netns/$prefix-spine$1" -- python3 "$work/sniff.py" "$2" "$work/frames") > "$work/sniffing" &
	sniffer=$!
	pids+=("$sniffer")
	until_true grep -q listening "$work/sniffing"
}
sniffed() {
	kill -TERM $sniffer
	wait $sniffer 2> /dev/null
}
frames() { json "$1" < "$work/frames"; }

start host0 || exit 1
start host1 || exit 1
paths_of udp "$p0"
ctl host0 apply "$work/tunnels.json" > "$work/out" 2>&1
equal 'no room for the header: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'
match 'it names path and sizes' "$(cat "$work/out")" 'rail0 udp .*puts 48 bytes around packets of up to 1500'
room_for 48

# ---- UDP: receivers ----
unwrapping() { # HOST DEVICE FROM...: by the gateway's program
	cat > "$work/unwrap.$1.yaml" <<-END
		mode: generic
		unwrap: {devices: [$2], encap: gue, gue_port: 5555, from: ['$3']}
	END
	in_ns "$1" "$dmscctl" gateway set "$work/unwrap.$1.yaml" --pin-dir "$work/bpf/gw-$1"
}
wrapping_off() { in_ns "$1" "$dmscctl" gateway off --pin-dir "$work/bpf/gw-$1"; }
fou() { # HOST LOCAL REMOTE: by the kernel
	in_ns "$1" ip fou add port 5555 ipproto 4 -6 &&
		in_ns "$1" ip link add wrapped type ip6tnl mode ip4ip6 local "$2" remote "$3" &&
		in_ns "$1" ip link set wrapped up && in_ns "$1" sysctl -qw net.ipv4.conf.wrapped.rp_filter=0
}

stream_one() { # BY HOST SPINE LEAF: a connection by udp from that host
	local src=10.255.0.1 dst=10.255.0.2 a=$from b=$to other=host1 port
	[ "$2" = host0 ] || { src=10.255.0.2 dst=10.255.0.1 a=$to b=$from other=host0; }
	port=$(service $other $b "['ports']['data']")
	sniff "$3" "$4"
	check "$1: a connection from $2" ctl "$2" service exec $a -- taskset -c 0 "$stream" send $src $dst "$port" 3000000
	sniffed
}
whole_way() { # BY
	local s port before b o
	for s in 0 1; do
		port=$([ $s = 0 ] && echo "$p0" || echo "$p1")
		paths_of udp "$port"
		check "$1: a path from port $port" ctl host0 apply "$work/tunnels.json"
		check "$1: and one back" ctl host1 apply "$work/tunnels.json"
		before=$(disorder) b=$(through $s) o=$(through $((1 - s)))
		stream_one "$1" host0 $s leaf0
		check "$1: over spine $s" [ $(($(through $s) - b)) -gt 3000000 ]
		check "$1: and not over the other" [ $(($(through $((1 - s))) - o)) -lt 20000 ]
		equal "$1: nothing came in another order" "$(($(disorder) - before))" 0
		equal "$1: all in UDP of IPv6 from that port, which is the label, too" \
			"$(frames "sorted({(f['sport'], f['dport'], f['label'], f['sum'], f['inner']) for f in j if f['next'] == 17})")" \
			"[[$port, 5555, $port, 0, 69]]"
		equal "$1: lengths of both headers are those of the frame" "$(frames "all(f['whole'] and f['udplen'] for f in j if f['next'] == 17)")" true
		equal "$1: DSCP of the class inside and outside" \
			"$(frames "[sorted({f['tclass'] >> 2 for f in j if f['next'] == 17}), sorted({f['tos'] >> 2 for f in j if f['next'] == 17})]")" \
			"[[$dscp], [$dscp]]"
		match "$1: GSO packets among them, wrapped whole" "$(frames "max(f['most'] for f in j if f['next'] == 17)")" '^[0-9]{4,5}$'
		check "$1: larger than the wire takes" [ "$(frames "max(f['most'] for f in j if f['next'] == 17)")" -gt 1500 ]
	done
	stream_one "$1" host1 0 leaf1
	cp "$work/frames" "$work/frames.0"
	stream_one "$1" host1 1 leaf1
	python3 -c 'import json, sys; json.dump(sum((json.load(open(f)) for f in sys.argv[2:]), []), open(sys.argv[1], "w"))' \
		"$work/frames" "$work/frames.0" "$work/frames"
	check "$1: in UDP, too" [ "$(frames "sum(f['n'] for f in j if f['next'] == 17)")" -gt 40 ]
	# Segments as a NIC makes them, each with all of the headers: what TCP made large for rail1,
	# by which routing goes, is too large for rail0, by which the path does.
	in_ns host0 ip link set rail0 gso_max_size 1000
	in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 mtu $((1500 - 48)) via 10.0.0.3 dev rail1
	stream_one "$1, segmented" host0 1 leaf0
	in_ns host0 ip link set rail0 gso_max_size 65536
	room_for 48
	match "$1, segmented: no frame is larger than the wire takes" "$(frames "max(f['most'] for f in j if f['next'] == 17)")" '^(1[0-4][0-9][0-9]|1500)$'
	equal "$1, segmented: lengths are those of the frame" "$(frames "all(f['whole'] and f['udplen'] for f in j if f['next'] == 17)")" true
}

check 'the plan without tunnels' ctl host0 apply "$work/plan.json"
check 'at both hosts' ctl host1 apply "$work/plan.json"
dscp=$(ctl host0 class --json | json "[c['dscp'] for c in j['classes'] if c['class'] == 'data'][0]")
echo "# DSCP of class data: $dscp"
serve host1 $to data
serve host0 $from data
check 'host1 takes headers off in XDP' unwrapping host1 rail1 $here
check 'host0 as well' unwrapping host0 rail0 $there
whole_way XDP
for h in host0 host1; do check "$h does no more" wrapping_off $h; done

leaves_hash 0 label
modprobe -a fou fou6 ip6_tunnel 2> /dev/null
if fou host1 $there $here 2> /dev/null && fou host0 $here $there 2> /dev/null; then
	whole_way fou
else
	echo '# this kernel has no fou: XDP again'
	[ -z "${DMSC_GUEST:-}" ] || not_ok 'the kernel of a guest has fou'
	check 'host1 takes headers off in XDP' unwrapping host1 rail1 $here
	check 'host0 as well' unwrapping host0 rail0 $there
	whole_way 'XDP, by label'
fi

finish
