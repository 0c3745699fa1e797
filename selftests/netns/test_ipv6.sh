#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# Hosts with an address of IPv6 (address6 of the topology file): flows of IPv6 get instances,
# classes, paths and policy as those of IPv4 do; paths of kind label choose among the next
# hops of a router that hashes flow labels.
#
#   host0 rail0 -- leaf0 -- spine0, spine1 -- leaf1 -- rail1 host1
#         rail1 -- leaf1                      leaf0 -- rail0
# shellcheck source=selftests/netns/spines.sh
. "$(dirname "$0")/spines.sh"
# A sender that changes its CPU changes the order of its packets, on veth, whatever their path.
taskset -cp 0 $$ > /dev/null || skip_all 'cannot stay on one CPU'
setup
spines_up
here=fd00:f0::1 there=fd00:f1::1
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0
from1=small.pp0.dp0.tp1 to1=small.pp0.dp1.tp1

in_ns host0 ip addr add $here/128 dev lo nodad
in_ns host1 ip addr add $there/128 dev lo nodad
in_ns host0 ip addr add fd00:c::2/127 dev rail1 nodad
in_ns leaf1 ip addr add fd00:c::3/127 dev host0 nodad
in_ns host1 ip addr add fd00:e::2/127 dev rail0 nodad
in_ns leaf0 ip addr add fd00:e::3/127 dev host1 nodad
in_ns host0 ip -6 route add $there/128 src $here nexthop via fd00:a::3 dev rail0 nexthop via fd00:c::3 dev rail1
in_ns host1 ip -6 route add $here/128 src $there nexthop via fd00:e::3 dev rail0 nexthop via fd00:b::3 dev rail1
in_ns leaf0 ip -6 route add $here/128 via fd00:a::2
in_ns leaf0 ip -6 route add $there/128 via fd00:e::2
in_ns leaf1 ip -6 route add $here/128 via fd00:c::2
in_ns leaf1 ip -6 route add $there/128 via fd00:b::2
for s in 0 1; do
	in_ns spine$s sysctl -qw net.ipv6.icmp.ratelimit=0	# each packet of a probe is answered
	in_ns spine$s ip -6 route add $there/128 via fd00:2$s::2
	in_ns spine$s ip -6 route add $here/128 via fd00:1$s::1
done

# ---- the topology file ----
sed -i "s/address: 10.255.0.1}/address: 10.255.0.1, address6: '$here'}/
	s/address: 10.255.0.2}/address: 10.255.0.2, address6: '$there'}/
	/host0:rail0/s/, rate/, subnet6: 'fd00:a::2\/127', rate/
	/host0:rail1/s/, rate/, subnet6: 'fd00:c::2\/127', rate/
	/host1:rail0/s/, rate/, subnet6: 'fd00:e::2\/127', rate/
	/host1:rail1/s/, rate/, subnet6: 'fd00:b::2\/127', rate/" "$work/topology.yaml"
plan() { "$dmscctl" plan -f "$work/job.yaml" -t "$1" -o "$work/plan.json" > "$work/said" 2>&1; }
refused() { # WHAT SED MESSAGE
	sed "$2" "$work/topology.yaml" > "$work/bad.yaml"
	plan "$work/bad.yaml"
	equal "$1: status 2, one line" "$? $(wc -l < "$work/said")" '2 1'
	match 'it says so' "$(cat "$work/said")" "$3"
}
refused 'an address6 of IPv4' "s/'$here'/10.9.9.9/" "hosts.0..address6: '10.9.9.9', expected a unicast IPv6 address"
refused 'an address6 twice' "s/'$there'/'$here'/" "bad.yaml:4: address: $here is also on line 3, expected once"
refused 'no next hop of IPv6' "s/, subnet6: 'fd00:e::2.127'//" \
	"bad.yaml:11: subnet6: host1:rail0 has none, expected one, as host1 has an address6"
refused 'an address6 of a switch' "s/address: 10.255.2.1/&, address6: 'fd00::1'/" "address6: unknown"
check 'planned' plan "$work/topology.yaml"
sed 's/"address6": *"fd00:f0::1"/"address6": "10.1.1.1"/' "$work/plan.json" > "$work/bad.json"

cat > "$work/host0.yaml" <<-END
	policy:
	  default: allow
	  rules:
	    - {from: $from1, to: $to, action: deny}
	    - {from: outside, to: $from, action: deny}
END
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/bad.json" > "$work/out" 2>&1
equal 'an address6 of IPv4 in a plan: status 2, one line' "$? $(wc -l < "$work/out")" '2 1'
match 'it says so' "$(cat "$work/out")" 'nodes.0..address6: expected an IPv6 address'
for h in host0 host1; do check "in force at $h" ctl $h apply "$work/plan.json"; done
equal 'a path by each rail and family, all up' \
	"$(ctl host0 path -j | json "sorted((p['interface'], p['nexthop'], p['state']) for p in j['paths'])")" \
	'[["rail0", "10.0.0.1", "up"], ["rail0", "fd00:a::3", "up"], ["rail1", "10.0.0.3", "up"], ["rail1", "fd00:c::3", "up"]]'

# ---- flows ----
serve6() { # HOST ADDRESS INSTANCE
	local port
	port=$(service "$1" "$3" "['ports']['data']")
	(exec nsenter --net="/run/netns/$prefix-$1" -- "$dmscctl" --socket "$work/$1/sock" \
		service exec "$3" -- "$stream" listen "$2" "$port") > "$work/listen6.$port" &
	pids+=($!)
	until_true grep -q listening "$work/listen6.$port"
}
serve6 host1 $there $to
serve6 host1 $there $to1
port=$(service host1 $to "['ports']['data']") port1=$(service host1 $to1 "['ports']['data']")
sid=$(service host0 $from "['sid']") peer=$(service host1 $to "['sid']")
send6() { # INSTANCE PORT [BYTES]
	ctl host0 service exec "$1" -- taskset -c 0 "$stream" send $here $there "$2" "${3:-1000000}"
}
rail_of() { # INSTANCE: by which the plan sends what it has for its peer
	json "[j['topology']['links'][j['paths'][f['path']]['link']]['if_a'] for f in j['flows'] if f['class'] == 'data'
		and j['instances'][f['src']]['name'] == '$1' and f['path'] is not None][0]" < "$work/plan.json"
}
equal 'explain knows both ends, class and path' \
	"$(ctl host0 explain -j --service $from "[$there]:$port" | json "(j['sid'], j['peer_sid'], j['class'], j['interface'], j['path_up'], j['nexthop'][:4])")" \
	"[$sid, $peer, \"data\", \"$(rail_of $from)\", true, \"fd00\"]"

# A frame's DSCP, of TCP over IPv6 with a payload, as a leaf gets it.
cat > "$work/sniff.py" <<'END'
import json, signal, socket, struct, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x86dd))
s.bind((sys.argv[1], 0))
def report(*_):
    json.dump(sorted(seen), open(sys.argv[2], "w"))
    sys.exit()
signal.signal(signal.SIGTERM, report)
seen = set()
print("listening", flush=True)
while True:
    b, where = s.recvfrom(200)
    if where[2] != 4 and b[20] == 6 and len(b) > 120:
        w = struct.unpack(">I", b[14:18])[0]
        seen.add((w >> 22 & 63, w & 0xfffff))
END
sniff() { # BOX DEVICE
	(exec nsenter --net="/run/netns/$prefix-$1" -- python3 "$work/sniff.py" "$2" "$work/frames") > "$work/sniffing" &
	sniffer=$!
	pids+=("$sniffer")
	until_true grep -q listening "$work/sniffing"
}
sniffed() {
	kill -TERM $sniffer
	wait $sniffer 2> /dev/null
}
dscp=$(ctl host0 class --json | json "[c['dscp'] for c in j['classes'] if c['class'] == 'data'][0]")
before=$(disorder)
for pair in "$from $to $port" "$from1 $to1 $port1"; do
	read -r a b p <<< "$pair"
	rail=$(rail_of "$a")
	leaf=leaf${rail#rail} other=rail$((1 - ${rail#rail}))
	tx=$(device_bytes host0 "$rail" tx) acks=$(device_bytes host1 "$rail" tx) others=$(device_bytes host1 $other tx)
	sent=$(counter host0 "$(service host0 "$a" "['sid']")" data tx bytes)
	got=$(counter host1 "$(service host1 "$b" "['sid']")" data rx bytes)
	sniff "$leaf" host0
	check "$a to $b" send6 "$a" "$p"
	sniffed
	check "by $rail" [ $(($(device_bytes host0 "$rail" tx) - tx)) -gt 1000000 ]
	acks=$(($(device_bytes host1 "$rail" tx) - acks)) others=$(($(device_bytes host1 $other tx) - others))
	check 'answers come back by it' [ $acks -gt $others ]
	equal 'with the DSCP of its class' "$(json "sorted({d for d, label in j})" < "$work/frames")" "[$dscp]"
	check 'counted for who sent it' [ $(($(counter host0 "$(service host0 "$a" "['sid']")" data tx bytes) - sent)) -gt 1000000 ]
	check 'and for who got it' [ $(($(counter host1 "$(service host1 "$b" "['sid']")" data rx bytes) - got)) -gt 1000000 ]
done
equal 'nothing came in another order' "$(($(disorder) - before))" 0
match 'paths count it' "$(ctl host0 path -j | json "min(p['sent']['bytes'] > 1000000 for p in j['paths'] if ':' in p['nexthop'])")" true

# ---- policy ----
match 'who may not gets EPERM' "$(send6 $from1 "$port" 1000 2>&1)" 'Operation not permitted'
bind_as() { # INSTANCE ADDRESS PORT
	ctl host0 service exec "$1" -- python3 -c 'import socket, sys
s = socket.socket(socket.AF_INET6)
s.bind((sys.argv[1], int(sys.argv[2])))' "$2" "$3"
}
own=$(service host0 $from "['ports']['data']")
check 'an instance binds its own port' bind_as $from $here "$own"
match 'nobody else does' "$(bind_as $from1 $here "$own" 2>&1)" 'not permitted'
match 'nor on all addresses' "$(bind_as $from1 :: "$own" 2>&1)" 'not permitted'
serve6 host0 $here $from
denied() { ctl host0 policy -j | json "sum([n['count'] for n in j['denials'] if n['hook'] == 'ingress'])"; }
n=$(denied)
# The leaf's address is no host's of the plan.
in_ns leaf0 timeout -s KILL 3 "$stream" send fd00:10::1 $here "$own" 100 > /dev/null 2>&1
check 'who is outside does not get in' [ "$(denied)" -gt "$n" ]

# ---- a path of one family ----
state() { # NEXTHOP
	ctl host0 path -j | json "[p['state'] for p in j['paths'] if p['nexthop'] == '$1'][0]"
}
number=$(ctl host0 path -j | json "[p['path'] for p in j['paths'] if p['nexthop'] == 'fd00:a::3'][0]")
check 'a next hop of IPv6 is taken out' ctl host0 path down "$number"
equal 'that of IPv4 is not' "$(state fd00:a::3) $(state 10.0.0.1)" 'down up'
check 'routing has what went by it' send6 $from "$port" 100000
check 'and let back' ctl host0 path up "$number"
equal 'it is up' "$(state fd00:a::3)" up

# ---- labels ----
# From leaf0 the other host is behind both spines now; spines that cannot tell would take any.
in_ns leaf0 ip -6 route replace $there/128 nexthop via fd00:10::2 nexthop via fd00:11::2
in_ns leaf0 sysctl -qw net.ipv6.fib_multipath_hash_policy=0
table=$(in_ns host0 "$dmscctl" entropy $here $there "$port" --label --interface rail0 --first 4096 --count 16 --json) ||
	table='{"labels": []}'
labels() { json "[p['label'] for p in j['labels'] if p['router'] == 'fd00:1$1::2']" <<< "$table"; }
echo "# spine 0: $(labels 0), spine 1: $(labels 1)"
equal 'every label leads over one of the spines' \
	"$(json "len([p for p in j['labels'] if p['router'] in ('fd00:10::2', 'fd00:11::2')])" <<< "$table")" 16
first_of() { labels "$1" | json "(j + [0])[0]"; }
# All of 16 by one is one in 32768.
check 'some over the one' [ "$(first_of 0)" -gt 0 ]
check 'some over the other' [ "$(first_of 1)" -gt 0 ]
in_ns host0 "$dmscctl" entropy 10.255.0.1 10.255.0.2 5555 --label > "$work/out" 2>&1
equal 'IPv4 has no labels: status 2' "$?" 2
in_ns host0 "$dmscctl" entropy $here $there 5555 --label --first 1048575 --count 2 > "$work/out" 2>&1
match 'labels have 20 bits' "$(cat "$work/out")" 'expected labels from 1 to 1048575'

cat > "$work/edit.py" <<'END'
import json, sys
p = json.load(open(sys.argv[1]))
name = {i["name"]: n for n, i in enumerate(p["instances"])}
f = [f for f in p["flows"] if f["src"] == name[sys.argv[3]] and f["dst"] == name[sys.argv[4]]][0]
old = [q for q in p["paths"] if q["src_host"] == 0 and q["dst_host"] == 1 and
       p["topology"]["links"][q["link"]]["if_a"] == "rail0"][0]
first = len(p["paths"])
for label in sys.argv[5:]:
    p["paths"].append(dict(old, kind="label", entropy=int(label), nexthop="fd00:a::3"))
f["path"] = first
f["paths"] = [{"path": first + i, "weight": 1} for i in range(len(sys.argv) - 5)]
json.dump(p, open(sys.argv[2], "w"))
END
labelled() { # LABEL...
	python3 "$work/edit.py" "$work/plan.json" "$work/label.json" "$from" "$to" "$@" &&
		ctl host0 apply "$work/label.json"
}
before=$(disorder)
for s in 0 1; do
	label=$(first_of $s)
	check "a path with label $label" labelled "$label"
	b=$(through $s) o=$(through $((1 - s)))
	sniff spine$s leaf0
	check 'a connection by it' send6 $from "$port"
	sniffed
	check "over spine $s" [ $(($(through $s) - b)) -gt 1000000 ]
	check 'and not over the other' [ $(($(through $((1 - s))) - o)) -lt 20000 ]
	equal 'the label is on every packet, and the DSCP' "$(cat "$work/frames")" "[[$dscp, $label]]"
done
check 'both labels as a choice' labelled "$(first_of 0)" "$(first_of 1)"
b0=$(through 0) b1=$(through 1) n=0
for ((i = 0; i < 12; i++)); do send6 $from "$port" 100000 > /dev/null && n=$((n + 1)); done
equal 'all connections come through' $n 12
# Twelve by the same one of two is one in 2048.
check 'some over the one spine' [ $(($(through 0) - b0)) -gt 100000 ]
check 'some over the other' [ $(($(through 1) - b1)) -gt 100000 ]
equal 'nothing came in another order' "$(($(disorder) - before))" 0
serve host1 $to data
check 'IPv4 is left to routing by such paths' ctl host0 service exec $from -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 100000
finish
