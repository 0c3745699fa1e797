#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck disable=SC2034 # variables are for the tests that read this file
#
# What the namespace tests share: two hosts of two rails, TAP, daemons.
#
#    10.255.0.1 ┌───────┐ rail0  10.0.0.0/31 ┌───────┐  10.0.0.4/31  rail0 ┌───────┐ 10.255.0.2
#          (lo) │ host0 ├────────────────────┤ leaf0 ├─────────────────────┤ host1 │ (lo)
#               │       │                    └───┬───┘                     │       │
#               │       │             10.0.0.8/31│leaf                     │       │
#               │       │ rail1  10.0.0.2/31 ┌───┴───┐  10.0.0.6/31  rail1 │       │
#               │       ├────────────────────┤ leaf1 ├─────────────────────┤       │
#               └───────┘                    └───────┘                     └───────┘
#
# Every box is a network namespace of its own, every line a veth pair. Hosts
# route by ECMP over both rails; between the leaves goes only what a leaf cannot
# deliver itself, because a host's link is down. The plan is made by dmscctl from topology.yaml
# and job.yaml (below): tensor parallelism inside a host, data parallelism and a
# bulk transfer between the two.
#
# A daemon runs in its host's network namespace only (nsenter, because "ip netns
# exec" would hide bpffs), with pins and cgroups of its own below $work and $cg.

set -u
top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$top" || exit 1
dmscd=$top/build/user/dmscd
dmscctl=$top/build/user/dmscctl
stream=$top/build/selftests/netns/stream
patience=${DMSC_PATIENCE:-120}	# seconds, an upper bound that decides nothing
export DMSC_CALL_TIMEOUT=${DMSC_CALL_TIMEOUT:-$patience}	# an emulated processor loads programs for long

tests=0 failed=0
ok() { # NAME
	tests=$((tests + 1))
	echo "ok $tests - $1"
}
not_ok() { # NAME [WHY]
	tests=$((tests + 1))
	failed=$((failed + 1))
	echo "not ok $tests - $1"
	[ -z "${2:-}" ] || printf '%s\n' "$2" | head -n 30 | sed 's/^/# /'
}
check() { # NAME COMMAND...: ok when the command succeeds
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then ok "$name"; else not_ok "$name" "$* failed: $out"; fi
}
equal() { # NAME GOT WANTED
	if [ "$2" = "$3" ]; then ok "$1"; else not_ok "$1" "got '$2', expected '$3'"; fi
}
match() { # NAME GOT REGEX
	if [[ $2 =~ $3 ]]; then ok "$1"; else not_ok "$1" "got '$2', expected to match '$3'"; fi
}
skip_all() { # WHY
	echo "1..0 # SKIP $1"
	exit 4
}
finish() {
	echo "1..$tests"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

# json EXPRESSION < JSON: what the Python expression makes of the value j. One
# Python answers them all: starting one takes half a second on an emulated
# processor. Each of its answers is a status and a text, ended by a zero byte.
json() {
	local text answer
	[ -n "${json_fds:-}" ] || { echo 'json: no Python runs' >&2; return 1; }
	text=$(< /dev/stdin)
	printf '%s\0%s\0' "$1" "$text" >&5
	IFS= read -r -d '' -u 6 answer || { echo 'json: no answer' >&2; return 1; }
	if [ "${answer%%:*}" != ok ]; then
		printf '%s\n' "json: $1: ${answer#*:}" >&2
		return 1
	fi
	printf '%s\n' "${answer#*:}"
}

json_start() {
	mkfifo "$work/json.in" "$work/json.out"
	python3 -c 'import json, os, sys
got = b""
def text():
    global got
    while b"\0" not in got:
        more = os.read(0, 1 << 16)
        if not more:
            sys.exit()
        got += more
    first, _, got = got.partition(b"\0")
    return first.decode()
while True:
    expression, document = text(), text()
    try:
        j = json.loads(document)
        v = eval(expression)
        answer = "ok:" + (json.dumps(v) if isinstance(v, (dict, list, tuple, bool)) or v is None else str(v))
    except Exception as e:
        answer = "failed:%r" % e
    sys.stdout.write(answer + "\0")
    sys.stdout.flush()' < "$work/json.in" > "$work/json.out" &
	json_pid=$!	# not one of pids, for which a test may wait
	exec 5> "$work/json.in" 6< "$work/json.out"
	json_fds=1
}

# until_true COMMAND...: waits for it, at most $patience seconds
until_true() {
	local end=$((SECONDS + patience))
	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

[ "$(id -u)" = 0 ] || skip_all 'needs root'
for tool in ip nsenter python3; do
	[ -n "$(command -v $tool)" ] || skip_all "needs $tool"
done
for file in "$dmscd" "$dmscctl" "$stream"; do
	[ -x "$file" ] || { echo "Bail out! $file is not built"; exit 1; }
done
cgroup2=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/self/mounts)
[ -n "$cgroup2" ] || skip_all 'needs a cgroup2 mount'

prefix=dmsc$$
work=$(mktemp -d)
cg=$cgroup2/dmsc-test-$$
pids=()

cleanup() {
	local pid dir
	set +u
	disown -a	# no word from the shell about those who are killed now
	for pid in "${pids[@]}" "$json_pid"; do kill -9 "$pid" 2> /dev/null; done
	for dir in "$work"/host*; do
		[ -e "$dir/pid" ] && kill -9 "$(cat "$dir/pid")" 2> /dev/null
	done
	wait 2> /dev/null
	# Whoever is still in a cgroup of ours was started by a test.
	find "$cg" -name cgroup.procs -exec sh -c 'kill -9 $(cat "$@")' sh {} + 2> /dev/null
	for ns in host0 host1 leaf0 leaf1; do ip netns del "$prefix-$ns" 2> /dev/null; done
	umount "$work/bpf" 2> /dev/null
	find "$cg" -depth -type d -exec rmdir {} + 2> /dev/null
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM HUP

in_ns() { # BOX COMMAND...
	local ns=$1
	shift
	nsenter --net="/run/netns/$prefix-$ns" -- "$@"
}

wire() { # HOST RAIL LEAF ADDRESS ADDRESS
	ip link add "$2" netns "$prefix-$1" type veth peer name "$1" netns "$prefix-$3" || return 1
	in_ns "$1" ip addr add "$4/31" dev "$2"
	in_ns "$3" ip addr add "$5/31" dev "$1"
	in_ns "$1" ip link set "$2" up
	in_ns "$3" ip link set "$1" up
}

build_network() {
	local ns
	for ns in host0 host1 leaf0 leaf1; do
		ip netns add "$prefix-$ns" || skip_all 'cannot make network namespaces'
		in_ns "$ns" ip link set lo up
		in_ns "$ns" sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 \
			net.ipv4.conf.default.rp_filter=0 net.ipv4.fib_multipath_hash_policy=1 \
			net.ipv4.conf.default.ignore_routes_with_linkdown=1
	done
	wire host0 rail0 leaf0 10.0.0.0 10.0.0.1 || skip_all 'cannot make veth pairs'
	wire host0 rail1 leaf1 10.0.0.2 10.0.0.3
	wire host1 rail0 leaf0 10.0.0.4 10.0.0.5
	wire host1 rail1 leaf1 10.0.0.6 10.0.0.7
	in_ns host0 ip addr add 10.255.0.1/32 dev lo
	in_ns host1 ip addr add 10.255.0.2/32 dev lo
	in_ns host0 ip route add 10.255.0.2/32 src 10.255.0.1 \
		nexthop via 10.0.0.1 dev rail0 nexthop via 10.0.0.3 dev rail1
	in_ns host1 ip route add 10.255.0.1/32 src 10.255.0.2 \
		nexthop via 10.0.0.5 dev rail0 nexthop via 10.0.0.7 dev rail1
	ip link add leaf netns "$prefix-leaf0" type veth peer name leaf netns "$prefix-leaf1"
	for ns in leaf0 leaf1; do
		in_ns $ns ip addr add "10.0.0.$([ $ns = leaf0 ] && echo 8 || echo 9)/31" dev leaf
		in_ns $ns ip link set leaf up
	done
	for ns in leaf0 leaf1; do
		in_ns $ns ip route add 10.255.0.0/24 dev leaf via "10.0.0.$([ $ns = leaf0 ] && echo 9 || echo 8)" metric 100
		in_ns $ns ip route add 10.255.0.1/32 dev host0 via "10.0.0.$([ $ns = leaf0 ] && echo 0 || echo 2)"
		in_ns $ns ip route add 10.255.0.2/32 dev host1 via "10.0.0.$([ $ns = leaf0 ] && echo 4 || echo 6)"
	done
}

write_inputs() {
	cat > "$work/topology.yaml" <<-END
		name: pair
		hosts:
		  - {name: host0, gpus: 2, address: 10.255.0.1}
		  - {name: host1, gpus: 2, address: 10.255.0.2}
		switches:
		  - {name: leaf0, tier: leaf, address: 10.255.2.1}
		  - {name: leaf1, tier: leaf, address: 10.255.2.2}
		links:
		  - {a: "host0:rail0", b: "leaf0:host0", subnet: 10.0.0.0/31, rate: 1Gbit}
		  - {a: "host0:rail1", b: "leaf1:host0", subnet: 10.0.0.2/31, rate: 1Gbit}
		  - {a: "host1:rail0", b: "leaf0:host1", subnet: 10.0.0.4/31, rate: 1Gbit}
		  - {a: "host1:rail1", b: "leaf1:host1", subnet: 10.0.0.6/31, rate: 1Gbit}
	END
	cat > "$work/job.yaml" <<-END
		name: small
		model:
		  layers: 4
		  hidden: 512
		  ffn: 2048
		  heads: 8
		  sequence: 256
		  vocabulary: 32000
		parallel:
		  tensor: 2
		  pipeline: 1
		  data: 2
		  zero: 1
		  micro_batch: 1
		  micro_batches: 2
		gpu_flops: 150T
		bulk:
		  - {name: checkpoint, from: host0, to: host1, bytes: 64MiB}
	END
	sed 's/name: small/name: other/; s/layers: 4/layers: 8/; s/checkpoint, from: host0, to: host1/restore, from: host1, to: host0/' \
		"$work/job.yaml" > "$work/other.yaml"
	"$dmscctl" plan -f "$work/job.yaml" -t "$work/topology.yaml" -o "$work/plan.json" -j &&
		"$dmscctl" plan -f "$work/other.yaml" -t "$work/topology.yaml" -o "$work/other.json" -j
}

# Everything that has to be there before the first test.
setup() {
	build_network
	mkdir -p "$work/bpf" "$work/host0" "$work/host1" "$cg"
	mount -t bpf bpf "$work/bpf" || skip_all 'cannot mount a bpf file system'
	write_inputs || { echo 'Bail out! no plan'; exit 1; }
}

options=()	# more for every daemon
daemon_options() { # HOST
	args=(--host "$1" --config "$work/$1.yaml" --socket "$work/$1/sock" --state "$work/$1/state"
		--pin-dir "$work/bpf/$1" --cgroup-root "$cg/$1" "${options[@]}")
	[ -e "$work/$1.yaml" ] || echo '# defaults' > "$work/$1.yaml"
}

answers() { # HOST
	ctl "$1" status --json
}

start() { # HOST [OPTION...]: a daemon, which answers when this returns
	local host=$1
	shift
	daemon_options "$host"
	# exec, so that the process that is remembered is the daemon itself.
	(exec nsenter --net="/run/netns/$prefix-$host" -- "$dmscd" "${args[@]}" --foreground "$@") \
		>> "$work/$host/log" 2>&1 &
	echo $! > "$work/$host/pid"
	until_true answers "$host" || { sed 's/^/# /' "$work/$host/log"; return 1; }
}

stop() { # HOST [SIGNAL]: ends it and waits until it is gone
	local pid
	pid=$(cat "$work/$1/pid")
	kill "-${2:-TERM}" "$pid"
	wait "$pid" 2> /dev/null
	# Not a child when it went into the background by itself.
	until_true gone "$pid"
}
gone() { ! kill -0 "$1" 2> /dev/null; }

ctl() { # HOST ARGUMENT...: dmscctl to that host's daemon
	local host=$1
	shift
	# What it executes is to be in the host's network; it itself needs a path only.
	if [ "${1:-} ${2:-}" = 'service exec' ]; then
		in_ns "$host" "$dmscctl" --socket "$work/$host/sock" "$@"
	else
		"$dmscctl" --socket "$work/$host/sock" "$@"
	fi
}

# instance HOST NAME EXPRESSION: of a service of the plan, by the daemon's registry
service() {
	ctl "$1" service show "$2" --json | json "j['services'][0]$3"
}

serve() { # HOST INSTANCE CLASS: listens as the instance, in its cgroup
	local port address
	port=$(service "$1" "$2" "['ports']['$3']")
	address=$([ "$1" = host0 ] && echo 10.255.0.1 || echo 10.255.0.2)
	(exec nsenter --net="/run/netns/$prefix-$1" -- "$dmscctl" --socket "$work/$1/sock" \
		service exec "$2" -- "$stream" listen "$address" "$port") > "$work/listen.$port" &
	pids+=($!)
	until_true grep -q listening "$work/listen.$port"
}

# counter HOST SID CLASS DIR FIELD
counter() {
	ctl "$1" counters --json | json "sum([k['$5'] for k in j['counters'] if k['sid'] == $2 and k['class'] == '$3' and k['dir'] == '$4'])"
}

device_bytes() { # BOX DEVICE tx|rx
	in_ns "$1" cat "/sys/class/net/$2/statistics/$3_bytes" 2> /dev/null ||
		in_ns "$1" ip -j -s link show "$2" | json "j[0]['stats64']['$3']['bytes']"
}

json_start
