#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# The service router between hosts: what an application sees that only knows
# services' addresses, and which instance it gets. Clients are processes on host0.
#
#                ┌──────────────── host0: clients, instance "own" ───────────────┐
#                │ lo 10.255.0.1 fd55::1                                          │
#                └──┬ rail0 10.0.0.0  fd00:0::1 ─────── rail1 10.0.0.2  fd00:1::1 ┬─┘
#                 leaf0 ──────────── leaf: 10.0.0.8/31 ──────────────────────── leaf1
#                   │    lo 10.255.2.1: instance "far"                            │
#                ┌──┴ rail0 10.0.0.4  fd00:0::2 ─────── rail1 10.0.0.6  fd00:1::2 ┴─┐
#                │ host1                                                          │
#                │ lo 10.255.0.2 fd55::2: instance "leaf"; 10.0.0.4: "rail"        │
#                └────────────────────────────────────────────────────────────────┘
#
# The services' own addresses, 10.96.0.0/24 and fd96::/64, have no route anywhere:
# what is not resolved does not arrive. Distances are as seen from host0.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup

# IPv6 between the hosts, through bridges of their own so that leaves stay as they are.
in_ns leaf0 sysctl -qw net.ipv6.conf.all.forwarding=1
for host in host0 host1; do
	n=$((${host#host} + 1))
	in_ns $host sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	in_ns $host ip addr add fd55::$n/128 dev lo nodad
	in_ns $host ip addr add fd00:$n::2/64 dev rail0 nodad
	in_ns leaf0 ip addr add fd00:$n::1/64 dev $host nodad
	in_ns $host ip route add fd55::/64 via fd00:$n::1 src fd55::$n
	in_ns leaf0 ip route add fd55::$n/128 via fd00:$n::2
done
in_ns leaf0 ip addr add 10.255.2.1/32 dev lo
in_ns host0 ip route add 10.255.2.1/32 via 10.0.0.1 src 10.255.0.1
in_ns host0 ip route add 10.0.0.4/31 via 10.0.0.1 src 10.255.0.1

cat > "$work/server.py" <<'END'
# server.py NAME ADDRESS...: TCP and UDP at port 7000; says its name, then echoes lines
import socket, sys, threading

def serve(conn):
    with conn:
        try:
            conn.sendall(sys.argv[1].encode() + b"\n")
            for line in conn.makefile("rb"):
                conn.sendall(line)
        except ConnectionError:
            pass

def listen(s):
    s.listen(100)
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()

def datagrams(s):
    while True:
        s.sendto(sys.argv[1].encode(), s.recvfrom(2000)[1])

for address in sys.argv[2:]:
    for kind, target in ((socket.SOCK_STREAM, listen), (socket.SOCK_DGRAM, datagrams)):
        s = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, kind)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, 7000))
        threading.Thread(target=target, args=(s,), daemon=True).start()
print("listening", flush=True)
threading.Event().wait()
END

cat > "$work/client.py" <<'END'
# client.py tcp|udp|dgram ADDRESS PORT COUNT: who answers; the peer is what was asked for
# client.py hold ADDRESS PORT COUNT: connections that stay, an echo from all for each line of stdin
# client.py udphold ADDRESS PORT: a connected UDP socket, likewise; says how it was ended
import errno, socket, sys

what, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET

def make(kind):
    s = socket.socket(family, kind)
    s.settimeout(60)
    return s

def connected(kind):
    s = make(kind)
    s.connect((address, port))
    assert s.getpeername()[:2] == (address, port), s.getpeername()
    return s

def ask(s, send):
    send(b"?")
    name, peer = s.recvfrom(100)
    assert peer[:2] == (address, port), peer
    return name.decode()

if what == "tcp":
    for i in range(int(sys.argv[4])):
        with connected(socket.SOCK_STREAM) as s:
            print(s.makefile("rb").readline().decode().strip())
elif what == "udp":
    for i in range(int(sys.argv[4])):
        with connected(socket.SOCK_DGRAM) as s:
            print(ask(s, s.send))
elif what == "dgram":
    with make(socket.SOCK_DGRAM) as s:
        for i in range(int(sys.argv[4])):
            print(ask(s, lambda b: s.sendto(b, (address, port))))
elif what == "hold":
    held = [connected(socket.SOCK_STREAM) for i in range(int(sys.argv[4]))]
    files = [s.makefile("rb") for s in held]
    print(*sorted(f.readline().decode().strip() for f in files), flush=True)
    for line in sys.stdin:
        for s in held:
            s.sendall(line.encode())
        print(*{f.readline().decode().strip() for f in files}, flush=True)
elif what == "udphold":
    s = connected(socket.SOCK_DGRAM)
    print(ask(s, s.send), flush=True)
    for line in sys.stdin:
        try:
            print(ask(s, s.send), flush=True)
        except OSError as e:
            print(errno.errorcode.get(e.errno, e), flush=True)
END

server() { # BOX NAME ADDRESS...
	local box=$1
	shift
	(exec nsenter --net="/run/netns/$prefix-$box" -- python3 "$work/server.py" "$@") > "$work/$1.out" &
	pids+=($!)
	until_true grep -q listening "$work/$1.out" || { echo "Bail out! no server $1"; exit 1; }
}
server host0 own 10.255.0.1 fd55::1
server host1 leaf 10.255.0.2 fd55::2
server host1 rail 10.0.0.4
server leaf0 far 10.255.2.1

pins=$work/bpf/host0
mkdir -p "$cg/host0/clients"
cat > "$work/talk.sh" <<'END'
# talk.sh CGROUP ARGUMENT...: a client in the cgroup
echo $$ > "$1/cgroup.procs"
shift
exec python3 "${0%/*}/client.py" "$@"
END
talk() { # ARGUMENT...
	in_ns host0 timeout "$patience" sh "$work/talk.sh" "$cg/host0/clients" "$@" 2>&1
}
# stay ARGUMENT...: a client that is spoken to by say(); $answer is its first line
stay() {
	coproc held { exec nsenter --net="/run/netns/$prefix-host0" -- sh "$work/talk.sh" "$cg/host0/clients" "$@"; }
	# shellcheck disable=SC2154 # coproc sets it
	client=$held_PID
	pids+=("$client")
	answer=
	read -r -t "$patience" answer <&"${held[0]}"
}
say() { # LINE
	answer=
	echo "$1" >&"${held[1]}" && read -r -t "$patience" answer <&"${held[0]}"
}
leave() { # SIGNAL: and is gone when this returns
	kill "-$1" "$client"
	wait "$client" 2> /dev/null
}
names() { sort | uniq -c | xargs; }
route() { # ARGUMENT...
	in_ns host0 "$dmscctl" route "$@" --pin-dir "$pins" --cgroup-root "$cg/host0" --host host0
}
open_at() { # SERVICE INSTANCE
	route --json | json "sum([i['open'] for s in j['services'] if s['name'] == '$1' for i in s['instances'] if i['name'] == '$2'])"
}
count() { # SERVICE COUNTER
	route --json | json "[s['counts']['$2'] for s in j['services'] if s['name'] == '$1'][0]"
}
open_is() { [ "$(open_at "$1" "$2")" = "$3" ]; }

cat > "$work/router.yaml" <<'END'
topology: topology.yaml
services:
  - {name: web, address: 10.96.0.1, port: 80, instances: &two [
      {name: own, address: 10.255.0.1, port: 7000}, {name: leaf, address: 10.255.0.2, port: 7000}]}
  - {name: log, address: 10.96.0.1, port: 80, protocol: udp, instances: *two}
  - {name: web6, address: 'fd96::1', port: 80, instances: &two6 [
      {name: own, address: 'fd55::1', port: 7000}, {name: leaf, address: 'fd55::2', port: 7000}]}
  - {name: log6, address: 'fd96::1', port: 80, protocol: udp, instances: *two6}
  - {name: least, address: 10.96.0.2, port: 80, method: least, instances: *two}
  - {name: near, address: 10.96.0.3, port: 80, method: least, spill: 2, instances: [
      {name: far, address: 10.255.2.1, port: 7000}, {name: leaf, address: 10.255.0.2, port: 7000},
      {name: rail, address: 10.0.0.4, port: 7000}, {name: own, address: 10.255.0.1, port: 7000}]}
  - {name: spare, address: 10.96.0.4, port: 80, instances: [
      {name: own, address: 10.255.0.1, port: 7000},
      {name: leaf, address: 10.255.0.2, port: 7000, priority: 1}]}
END

# ---- set, and what applications see ----
match 'what is not resolved does not arrive' "$(talk tcp 10.96.0.1 80 1)" 'unreachable|refused|timed out'
out=$(route set "$work/router.yaml" --check)
match 'the example is good' "$(route set examples/router.yaml --check)" 'router.yaml: good, 2 services$'
match '--check reads the file' "$out" 'router.yaml: good, 7 services$'
equal 'and does nothing' "$(find "$pins" 2> /dev/null | wc -l)" 0
out=$(route set "$work/router.yaml" 2>&1)
match 'set, without a daemon' "$out" '^generation 1: 7 services$'
equal 'distances by topology' \
	"$(route --json | json "' '.join(i['name'] + '=' + i['distance'] for s in j['services'] if s['name'] == 'near' for i in s['instances'])")" \
	'far=far leaf=leaf rail=rail own=host'
for what in tcp udp; do
	for address in 10.96.0.1 fd96::1; do
		out=$(talk $what $address 80 40 | sort -u | xargs)
		equal "$what to $address: both instances, and the peer is the service" "$out" 'leaf own'
	done
done
for address in 10.96.0.1 fd96::1; do
	out=$(talk dgram $address 80 8)
	match "datagrams to $address: one socket, one instance, answers from the service" "$(names <<< "$out")" '^8 (leaf|own)$'
done
equal 'nothing is outstanding afterwards' "$(route --json | json "sum(i['open'] for s in j['services'] for i in s['instances'])")" 0
match 'show is a table' "$(route)" 'near +10.96.0.3:80/tcp +rail +active +rail +0 +100.0 % +0 +0'

# ---- a daemon and its plan: the instance decides about class and counters ----
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1
ctl host1 apply "$work/plan.json" > /dev/null 2>&1
equal 'a daemon that comes later leaves services alone' "$(talk tcp 10.96.0.1 80 40 | sort -u | xargs)" 'leaf own'
{
	echo 'plan: plan.json'
	sed -n '/^services/,$p' "$work/router.yaml"
	echo "  - {name: gradients, address: 10.96.0.5, port: 80, instances: [{name: small.pp0.dp1.tp0, class: data}]}"
} > "$work/planned.yaml"
out=$(route set "$work/planned.yaml" 2>&1)
match 'instances by their names in the plan' "$out" '^generation 2: 8 services$'
serve host1 small.pp0.dp1.tp0 data
sid=$(service host0 small.pp0.dp0.tp0 "['sid']")
before=$(counter host0 "$sid" data tx bytes)
ctl host0 service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.96.0.5 80 1000000 > /dev/null
after=$(counter host0 "$sid" data tx bytes)
equal "a megabyte to the service is counted in the instance's class" "$((after - before >= 1000000))" 1

equal 'explain knows the address for a service' \
	"$(ctl host0 explain -j 10.96.0.5:80 | json "j['service']")" '{"name": "gradients", "instances": 1}'

# ---- least outstanding connections ----
stay hold 10.96.0.2 80 8
equal 'eight connections, evenly' "$answer" 'leaf leaf leaf leaf own own own own'
equal 'they are counted' "$(open_at least own) $(open_at least leaf)" '4 4'

# ---- drain, down ----
check 'drain' route drain least leaf
equal 'new connections go elsewhere' "$(talk tcp 10.96.0.2 80 6 | names)" '6 own'
say still
equal 'those that are there go on' "$answer" still
check 'down' route down least leaf
say again
equal 'TCP goes on even then, and is counted' "$answer $(open_at least leaf)" 'again 4'
check 'up' route up least leaf
leave KILL
until_true open_is least leaf 0
equal 'a process that was killed has nothing outstanding' "$(open_at least own) $(open_at least leaf)" '0 0'

stay udphold 10.96.0.1 80
had=$answer
match "a connected UDP socket's instance goes down" "$(route down log "$had")" '1 UDP sockets of instances that are gone were ended'
say now
match 'the application is told' "$answer" 'ECONNABORTED|EDESTADDRREQ'
leave TERM
equal 'others go to who is left' "$(talk dgram 10.96.0.1 80 3 | names | grep -c "$had")" 0
check 'up again' route up log "$had"

# ---- nearest first ----
stay hold 10.96.0.3 80 9
equal 'the host, the rail, the leaf, two each; then whoever is there' "$answer" 'far far far leaf leaf own own rail rail'
equal 'counted as spilled' "$(count near spilled)" 7
leave KILL
until_true open_is near own 0
equal 'the nearest again' "$(talk tcp 10.96.0.3 80 3 | names)" '3 own'

# ---- failover ----
equal 'the first group' "$(talk tcp 10.96.0.4 80 5 | names)" '5 own'
check 'its only instance goes' route down spare own
equal 'the second group' "$(talk tcp 10.96.0.4 80 5 | names)" '5 leaf'
check 'and drains' route drain spare leaf
match 'nobody is left: refused at once' "$(talk tcp 10.96.0.4 80 1)" 'ConnectionRefusedError'
equal 'and counted' "$(count spare failed_over) $(count spare refused)" '5 1'

# ---- mistakes ----
generation() { route --json | json "j['generation']"; }
before=$(generation)
wrong() { # WHAT SED REGEX
	sed "$2" "$work/router.yaml" > "$work/wrong.yaml"
	local out
	out=$(route set "$work/wrong.yaml" 2>&1)
	match "$1" "$? $out" "^2 dmscctl: $work/wrong.yaml:[0-9]+: $3"
}
wrong 'a service without instances' 's/name: least\(.*\)instances: \*two/name: least\1instances: []/' \
	'services\[4\].instances: none, expected at least one'
wrong 'two services with one address' 's/10.96.0.2, port: 80/10.96.0.1, port: 80/' \
	'services\[4\]: address, port and protocol are also on line 3, expected once'
wrong 'an unknown name' 's/{name: far, address: 10.255.2.1, port: 7000}/{name: nosuch}/' \
	'services\[5\].instances\[0\].address: missing, expected'
wrong 'an unknown host' 's/{name: far,/{name: far, host: nosuch,/' \
	"services\\[5\\].instances\\[0\\].host: 'nosuch', expected a host of pair"
wrong 'a table that is no prime' 's/method: least, spill: 2/table: 256/' \
	'services\[5\].table: 256, expected a prime'
wrong 'an instance of another family' "s/{name: far, address: 10.255.2.1/{name: far, address: 'fd55::9'/" \
	'services\[5\].instances\[0\]: IPv6, expected'
sed 's/small.pp0.dp1.tp0/small.nosuch/' "$work/planned.yaml" > "$work/wrong.yaml"
out=$(route set "$work/wrong.yaml" 2>&1)
match 'a name that the plan has not' "$? $out" "^2 .*services\[7\].instances\[0\].name: 'small.nosuch', expected an instance of plan.json"
out=$(route down web nosuch 2>&1)
match 'an instance that is not there' "$? $out" "^2 dmscctl: 'nosuch', expected an instance of service 'web'"
out=$(in_ns host0 "$dmscctl" route set "$work/router.yaml" --host elsewhere --pin-dir "$pins" --cgroup-root "$cg/host0" 2>&1)
match 'a host that the topology has not' "$? $out" "^2 .*router.yaml:1: topology: 'elsewhere', this host's name, is no host of pair"
out=$(in_ns host0 "$dmscctl" route set "$work/router.yaml" --host host0 --pin-dir "$pins" --cgroup-root "$cg/host1" 2>&1)
match 'another cgroup than the data path has' "$? $out" "^1 .*the data path serves another cgroup than $cg/host1"
equal 'none of them changed anything' "$(generation)" "$before"
equal 'services are still there' "$(talk tcp 10.96.0.1 80 40 | sort -u | xargs)" 'leaf own'

# ---- the daemon's life, and the end ----
stop host0 KILL
equal 'without the daemon it goes on' "$(talk tcp 10.96.0.1 80 40 | sort -u | xargs)" 'leaf own'
start host0 || exit 1
equal 'and with the next one' "$(talk tcp 10.96.0.1 80 40 | sort -u | xargs)" 'leaf own'
check 'off' route off
equal 'nothing of it is left' "$(find "$pins" -name 'dmsc_rt_*' -o -name 'sock_release' -o -name 'recvmsg*' -o -name 'getpeername*' | wc -l)" 0
match 'addresses are left alone' "$(talk tcp 10.96.0.1 80 1)" 'unreachable|refused|timed out'
out=$(route 2>&1)
match 'show says so' "$? $out" '^1 dmscctl: no service router is at work here'
check 'off again is no error' route off
check 'set again' route set "$work/router.yaml"
equal 'and it is back' "$(talk tcp 10.96.0.1 80 40 | sort -u | xargs)" 'leaf own'
ctl host0 off > /dev/null
equal 'the kill switch takes it away, too' "$(find "$pins" 2> /dev/null | wc -l)" 0
match 'addresses are left alone then' "$(talk tcp 10.96.0.1 80 1)" 'unreachable|refused|timed out'
finish
