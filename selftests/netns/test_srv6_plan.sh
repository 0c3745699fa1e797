#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# A topology file with segments: the planner writes the paths, spines that are Linux
# routers carry them out, each flow over the spine that the plan gives it.
# shellcheck source=selftests/netns/spines.sh
. "$(dirname "$0")/spines.sh"
taskset -cp 0 $$ > /dev/null || skip_all 'cannot stay on one CPU'
setup
spines_up
# Each host has one link in this fabric; leaf0 and leaf1 lead to the other one by themselves, too.
in_ns host0 ip route replace 10.255.0.2/32 src 10.255.0.1 mtu 1404 via 10.0.0.1 dev rail0
in_ns host1 ip route replace 10.255.0.1/32 src 10.255.0.2 mtu 1404 via 10.0.0.7 dev rail1

cat > "$work/fabric.yaml" <<'END'
name: two-spines
paths: srv6
hosts:
  - {name: host0, gpus: 2, address: 10.255.0.1, segment: 'fd00:d0::4'}
  - {name: host1, gpus: 2, address: 10.255.0.2, segment: 'fd00:d1::4'}
switches:
  - {name: leaf0, tier: leaf, address: 10.255.2.1, segment: 'fd00:60::e'}
  - {name: leaf1, tier: leaf, address: 10.255.2.2, segment: 'fd00:61::e'}
  - {name: spine0, tier: spine, address: 10.255.2.3, segment: 'fd00:50::e'}
  - {name: spine1, tier: spine, address: 10.255.2.4, segment: 'fd00:51::e'}
links:
  - {a: "host0:rail0", b: "leaf0:host0", subnet: 10.0.0.0/31, subnet6: 'fd00:a::2/127', rate: 1Gbit}
  - {a: "host1:rail1", b: "leaf1:host1", subnet: 10.0.0.6/31, subnet6: 'fd00:b::2/127', rate: 1Gbit}
  - {a: "leaf0:spine0", b: "spine0:leaf0", subnet: 10.0.1.0/31, rate: 1Gbit}
  - {a: "leaf0:spine1", b: "spine1:leaf0", subnet: 10.0.1.2/31, rate: 1Gbit}
  - {a: "leaf1:spine0", b: "spine0:leaf1", subnet: 10.0.1.4/31, rate: 1Gbit}
  - {a: "leaf1:spine1", b: "spine1:leaf1", subnet: 10.0.1.6/31, rate: 1Gbit}
END
plan() { "$dmscctl" plan -f "$work/job.yaml" -t "$1" -o "$work/fabric.json" > "$work/said" 2>&1; }
check 'planned' plan "$work/fabric.yaml"
refused() { # WHAT SED MESSAGE
	sed "$2" "$work/fabric.yaml" > "$work/bad.yaml"
	plan "$work/bad.yaml"
	equal "$1: status 2, one line" "$? $(wc -l < "$work/said")" '2 1'
	match 'it says so' "$(cat "$work/said")" "$3"
}
refused 'a switch without a segment' "s/, segment: 'fd00:51::e'//" \
	"bad.yaml:10: segment: 'spine1' has none, expected one for 'paths: srv6'"
refused 'a link without a subnet of IPv6' "s/, subnet6: 'fd00:b::2.127'//" \
	"bad.yaml:13: subnet6: host1:rail1 has none"
refused 'one segment for two' "s/fd00:51::e/fd00:50::e/" 'bad.yaml:10: address: fd00:50::e is also on line 9'
refused 'a segment of IPv4' "s/'fd00:61::e'/10.1.1.1/" "switches.1..segment: '10.1.1.1', expected a unicast IPv6 address"
refused 'an odd subnet' "s/fd00:a::2.127/fd00:a::3\/127/" "links.0..subnet6: 'fd00:a::3/127', expected a subnet such as"
refused 'a choice of paths that is none' 's/paths: srv6/paths: mpls/' "bad.yaml:2: paths: 'mpls', expected routed or srv6"
sed 's/paths: srv6/paths: routed/' "$work/fabric.yaml" > "$work/routed.yaml"
check 'the same without srv6' plan "$work/routed.yaml"
equal 'has no segments in its paths' "$(json "sum('segments' in p for p in j['paths'])" < "$work/fabric.json")" 0
plan "$work/fabric.yaml"

# by_spine HOST: "SENDER SPINE" of each flow of class data that leaves the host
by_spine() {
	json "'\n'.join(sorted(j['instances'][f['src']]['name'] + ' ' + j['paths'][f['path']]['segments'][0][6:7]
		for f in j['flows'] if f['class'] == 'data' and f['path'] is not None
		and j['hosts'][j['instances'][f['src']]['host']]['name'] == '$1'))" < "$work/fabric.json"
}
for h in host0 host1; do
	by_spine $h > "$work/flows.$h"
	equal "the data flows of $h take a spine each" "$(awk '{ print $2 }' "$work/flows.$h" | sort | xargs)" '0 1'
done
equal 'by way of spine and leaf to what takes it off' \
	"$(json "sorted(p['segments'] for p in j['paths'] if p.get('kind') == 'srv6' and p['src_host'] == 0)" < "$work/fabric.json")" \
	'[["fd00:50::e", "fd00:61::e", "fd00:d1::4"], ["fd00:51::e", "fd00:61::e", "fd00:d1::4"]]'
equal 'the plan keeps the topology' "$(json "[j['topology']['paths'], j['topology']['nodes'][0]['segment'],
	j['topology']['links'][0]['addr6_a'], j['topology']['links'][0]['addr6_b']]" < "$work/fabric.json")" \
	'["srv6", "fd00:d0::4", "fd00:a::2", "fd00:a::3"]'
for h in host0 host1; do
	start $h || exit 1
	check "in force at $h" ctl $h apply "$work/fabric.json"
done
equal 'the paths are up' "$(ctl host0 path -j | json "[p['state'] for p in j['paths'] if p['kind'].startswith('srv6')]")" '["up", "up"]'

# Every flow of both hosts, one after the other, over its spine and no other one.
before=$(disorder)
for h in host0 host1; do
	if [ $h = host0 ]; then
		there=host1 leaf=leaf1 src=10.255.0.1 dst=10.255.0.2
	else
		there=host0 leaf=leaf0 src=10.255.0.2 dst=10.255.0.1
	fi
	while read -r from spine; do
		to=$(json "[j['instances'][f['dst']]['name'] for f in j['flows'] if f['class'] == 'data'
			and j['instances'][f['src']]['name'] == '$from' and f['path'] is not None][0]" < "$work/fabric.json")
		serve "$there" "$to" data
		port=$(service "$there" "$to" "['ports']['data']")
		b=$(through "$spine" "$leaf") o=$(through $((1 - spine)) "$leaf")
		check "$from to $to" ctl $h service exec "$from" -- taskset -c 0 "$stream" send "$src" "$dst" "$port" 600000
		check "over spine $spine" [ $(($(through "$spine" "$leaf") - b)) -gt 600000 ]
		check 'and not over the other one' [ $(($(through $((1 - spine)) "$leaf") - o)) -lt 20000 ]
	done < "$work/flows.$h"
done
equal 'nothing came in another order' "$(($(disorder) - before))" 0
finish
