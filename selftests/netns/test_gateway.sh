#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# The layer 4 gateway between namespaces, with return traffic: a client, a router,
# two gateways and two instances, each at a link of its own to the router.
#
#     client ─── router ─┬─ gw0     packets to 10.9.0.1 and fd09::1 are routed to one
#                        ├─ gw1     of the gateways, come back in an outer header, and
#                        ├─ i0      are routed to an instance, which unwraps them and
#                        └─ i1      answers the client by the router alone
#
# The router's link to the client has a smaller MTU than both ends know of, so
# that large answers need ICMP errors to find their instance by way of a gateway.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"

boxes=(client router gw0 gw1 i0 i1)
base_cleanup=$(declare -f cleanup)
eval "base_${base_cleanup}"
cleanup() {
	for box in "${boxes[@]}"; do ip netns del "$prefix-$box" 2> /dev/null; done
	base_cleanup
}

# offload BOX DEVICE COMMAND VALUE: what ethtool -K does; 0x17 is tx checksumming
offload() {
	in_ns "$1" python3 -c 'import array, fcntl, socket, struct, sys
data = array.array("B", struct.pack("II", int(sys.argv[2], 0), int(sys.argv[3])))
fcntl.ioctl(socket.socket(), 0x8946, struct.pack("16sP", sys.argv[1].encode(), data.buffer_info()[0]))' "$2" "$3" "$4"
}

n=0
for box in "${boxes[@]}"; do
	ip netns add "$prefix-$box" || skip_all "cannot make network namespaces"
done
for box in "${boxes[@]}"; do
	in_ns "$box" ip link set lo up
	in_ns "$box" sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 \
		net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.default.rp_filter=0 \
		net.ipv6.conf.default.accept_dad=0
	[ "$box" != router ] || continue
	n=$((n + 1))
	ip link add eth0 netns "$prefix-$box" type veth peer name "$box" netns "$prefix-router" ||
		skip_all 'cannot make veth pairs'
done
n=0
for box in client gw0 gw1 i0 i1; do
	n=$((n + 1))
	in_ns router sysctl -qw "net.ipv6.conf.$box.accept_dad=0"
	in_ns router ip addr add "10.1.$n.1/24" dev "$box"
	in_ns router ip addr add "fd01:$n::1/64" dev "$box" nodad
	in_ns router ip link set "$box" up
	in_ns "$box" ip addr add "10.1.$n.2/24" dev eth0
	in_ns "$box" ip addr add "fd01:$n::2/64" dev eth0 nodad
	in_ns "$box" ip link set eth0 up
	in_ns "$box" ip route add default via "10.1.$n.1"
	in_ns "$box" ip route add default via "fd01:$n::1"
	# What a packet of a veth device lacks of its checksum is lost in XDP.
	offload "$box" eth0 0x17 0
done
in_ns router ip link set client mtu 1300
for box in i0 i1; do
	in_ns $box ip addr add 10.9.0.1/32 dev lo
	in_ns $box ip addr add fd09::1/128 dev lo nodad
done

# As a NIC's RSS does: packets of one connection stay on one CPU, where the gateway
# remembers it, whichever CPU their sender happens to run on.
ip netns exec "$prefix-router" sh -c "echo $(printf %x $(((1 << $(nproc)) - 1))) > /sys/class/net/client/queues/rx-0/rps_cpus" ||
	skip_all 'cannot keep connections to their CPU'

by_way_of() { # GATEWAY
	local net=$((2 + ${1#gw}))
	in_ns router ip route replace 10.9.0.1/32 via "10.1.$net.2"
	in_ns router ip route replace fd09::1/128 via "fd01:$net::2"
}

# A server that says who it is, echoes lines, and sends a megabyte when asked to.
cat > "$work/server.py" <<'END'
import socket, sys, threading

def serve(conn):
    with conn:
        try:
            conn.sendall(sys.argv[1].encode() + b"\n")
            for line in conn.makefile("rb"):
                conn.sendall(b"x" * 1000000 if line == b"big\n" else line)
        except ConnectionResetError:
            pass

def listen(family, address):
    s = socket.socket(family)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind((address, 80))
    s.listen(100)
    while True:
        threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()

def datagrams():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("10.9.0.1", 80))
    while True:
        s.sendto(sys.argv[1].encode(), s.recvfrom(2000)[1])

for target, args in ((listen, (socket.AF_INET, "10.9.0.1")), (listen, (socket.AF_INET6, "fd09::1")),
                     (datagrams, ())):
    threading.Thread(target=target, args=args, daemon=True).start()
print("listening", flush=True)
threading.Event().wait()
END

# client.py names|udp ADDRESS FIRST-PORT COUNT: who answers each source port
# client.py hold ADDRESS PORT: a connection that echoes a line for each line of stdin
# client.py big ADDRESS PORT: a megabyte; prints how much came
# client.py up ADDRESS PORT: sends a long line; prints how much of it came back
cat > "$work/client.py" <<'END'
import socket, sys

what, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET

def connect(source):
    s = socket.socket(family, socket.SOCK_DGRAM if what == "udp" else socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.settimeout(30)
    s.bind(("", source))
    s.connect((address, 80))
    return s

if what in ("names", "udp"):
    for i in range(int(sys.argv[4])):
        with connect(port + i) as s:
            if what == "udp":
                s.send(b"?")
                print(s.recv(100).decode())
            else:
                print(s.makefile("rb").readline().decode().strip())
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
else:
    s = connect(port)
    f = s.makefile("rb")
    print(f.readline().decode().strip(), flush=True)
    if what == "big":
        s.sendall(b"big\n")
        print(len(f.read(1000000)))
    elif what == "up":
        s.sendall(b"x" * 300000 + b"\n")
        print(len(f.readline()))
    else:
        for line in sys.stdin:
            s.sendall(line.encode())
            print(f.readline().decode().strip(), flush=True)
END

talk() { in_ns client timeout "$patience" python3 "$work/client.py" "$@"; }

for box in i0 i1; do
	(exec nsenter --net="/run/netns/$prefix-$box" -- python3 "$work/server.py" "$box") > "$work/$box.out" &
	pids+=($!)
	until_true grep -q listening "$work/$box.out" || { echo "Bail out! no server at $box"; exit 1; }
done

# config BOX [STATE-OF-i1]: what a gateway is told
config() {
	cat <<-END
		devices: [eth0]
		mode: $mode
		source: 10.1.$((2 + ${1#gw})).2
		source6: 'fd01:$((2 + ${1#gw}))::2'
		seed: 42
		services:
		  - {name: web, address: 10.9.0.1, port: 80, encap: $encap, instances: &four [
		      {name: i0, address: 10.1.4.2}, {name: i1, address: 10.1.5.2, state: ${2:-active}}]}
		  - {name: dgram, address: 10.9.0.1, port: 80, protocol: udp, encap: $encap, instances: *four}
		  - {name: web6, address: 'fd09::1', port: 80, encap: $encap, instances: [
		      {name: i0, address: 'fd01:4::2'}, {name: i1, address: 'fd01:5::2', state: ${2:-active}}]}
	END
}
unwrap() {
	cat <<-END
		mode: ${mode/tc/auto}
		unwrap: {devices: [eth0], encap: $encap, from: [10.1.2.2, 10.1.3.2, 'fd01:2::2', 'fd01:3::2']}
	END
}

gateway() { # BOX ARGUMENT...
	local box=$1
	shift
	in_ns "$box" "$dmscctl" gateway "$@" --pin-dir "$work/bpf/$box"
}

give() { # BOX [STATE-OF-i1]
	config "$@" > "$work/$1.yaml"
	gateway "$1" set "$work/$1.yaml"
}

counts() { # BOX SERVICE COUNTER
	gateway "$1" --json | json "[s['counts']['$3'] for s in j['services'] if s['name'] == '$2'][0]"
}

mkdir "$work/bpf"
mount -t bpf bpf "$work/bpf" || skip_all 'cannot mount a bpf file system'

whole_way() { # in $mode with $encap
	local out first second port=$1
	what="$mode, $encap"
	for box in i0 i1; do
		unwrap > "$work/$box.yaml"
		check "$what: $box unwraps" gateway $box set "$work/$box.yaml"
	done
	check "$what: gw0" give gw0
	check "$what: gw1" give gw1

	by_way_of gw0
	first=$(talk names 10.9.0.1 "$port" 12)
	match "$what: TCP over IPv4 reaches both instances" "$(sort -u <<< "$first" | xargs)" '^i0 i1$'
	equal "$what: every connection was answered" "$(wc -l <<< "$first")" 12
	out=$(talk names fd09::1 "$port" 12)
	match "$what: TCP over IPv6 reaches both instances" "$(sort -u <<< "$out" | xargs)" '^i0 i1$'
	out=$(talk udp 10.9.0.1 "$port" 12)
	match "$what: UDP reaches both instances" "$(sort -u <<< "$out" | xargs)" '^i0 i1$'
	# Packets as large as the client's link do not fit the gateway's with an outer header.
	in_ns router ip link set client mtu 1500
	in_ns client ip route flush cache
	in_ns client ip -6 route flush cache
	equal "$what: large packets find out what fits" "$(talk up 10.9.0.1 $((port + 50)) | tail -n 1)" 300001
	equal "$what: the same over IPv6" "$(talk up fd09::1 $((port + 50)) | tail -n 1)" 300001
	in_ns router ip link set client mtu 1300
	match "$what: because the gateway told" "$(($(counts gw0 web too_big_sent) > 0)) $(($(counts gw0 web6 too_big_sent) > 0))" '^1 1$'
	by_way_of gw1
	second=$(talk names 10.9.0.1 "$port" 12)
	equal "$what: the other gateway chooses the same instances" "$(xargs <<< "$second")" "$(xargs <<< "$first")"
	equal "$what: the other gateway was asked" "$(($(counts gw1 web new) >= 12))" 1
}

line() { # TEXT: over the held connection
	echo "$1" >&"${held[1]}"
	read -r -t "$patience" answer <&"${held[0]}" && echo "$answer"
}

hold() { # PORT: a connection to i1
	local port=$1
	while :; do
		coproc held { nsenter --net="/run/netns/$prefix-client" -- python3 "$work/client.py" hold 10.9.0.1 "$port"; }
		pids+=("$held_PID")
		read -r -t "$patience" answer <&"${held[0]}" || return 1
		[ "$answer" != i1 ] || return 0
		kill "$held_PID"
		wait "$held_PID" 2> /dev/null
		port=$((port + 1))
		[ $port -lt $(($1 + 64)) ] || return 1
	done
}

mode=xdp encap=ipip
# A veth device takes what XDP sends only when it has a program of its own.
cat > "$work/router.yaml" <<-END
	mode: xdp
	unwrap: {devices: [gw0, gw1], from: [192.0.2.1]}
END
check 'the router has XDP, too' gateway router set "$work/router.yaml"
whole_way 10000
encap=gue mode=generic
whole_way 11000
encap=ipip mode=tc
whole_way 12000

# ---- a connection through changes; the gateways are native again ----
mode=xdp
for box in i0 i1; do
	unwrap > "$work/$box.yaml"
	check "$box unwraps in the driver again" gateway $box set "$work/$box.yaml"
done
check 'gw0 in the driver again' give gw0
check 'gw1 in the driver again' give gw1
by_way_of gw0
if hold 20000; then ok 'a connection to i1'; else not_ok 'a connection to i1'; fi
equal 'it echoes' "$(line one)" one
by_way_of gw1
equal 'it goes on by the other gateway, which never saw it' "$(line two)" two
by_way_of gw0
check 'i1 drains' give gw0 draining
equal 'the connection to i1 goes on' "$(line three)" three
equal 'new connections go to i0' "$(talk names 10.9.0.1 21000 16 | sort | uniq -c | xargs)" '16 i0'
equal 'and say so' "$(gateway gw0 --json | json "[i['state'] for s in j['services'] for i in s['instances'] if i['name'] == 'i1'][0]")" draining
sed '/i1/s/, {name: i1.*}\]/]/; s/, {name: i1[^}]*}//' "$work/gw0.yaml" > "$work/without.yaml"
check 'i1 is not named any more' gateway gw0 set "$work/without.yaml"
equal 'the connection to i1 goes on still' "$(line four)" four
check 'i1 is there again' give gw0
match 'new connections go to both' "$(talk names 10.9.0.1 22000 12 | sort -u | xargs)" '^i0 i1$'
equal 'the connection to i1 goes on all the same' "$(line five)" five

# ---- return traffic and path MTU ----
rx() { in_ns "$1" ip -j -s link show eth0 | json "j[0]['stats64']['rx']['bytes']"; }
before=$(rx gw0)
equal 'a megabyte comes, though the link to the client is narrow' "$(talk big 10.9.0.1 23000 | tail -n 1)" 1000000
through=$(($(rx gw0) - before))
match 'it did not come by way of the gateway' "$((through < 300000)) ($through bytes)" '^1 '
equal 'the same over IPv6' "$(talk big fd09::1 23001 | tail -n 1)" 1000000
match 'ICMP errors were sent on to instances' "$(($(counts gw0 web icmp) > 0)) $(($(counts gw0 web6 icmp) > 0))" '^1 1$'

# ---- failure of an instance ----
check 'i1 is down' give gw0 down
equal 'all new connections go to i0' "$(talk names 10.9.0.1 24000 16 | sort | uniq -c | xargs)" '16 i0'
equal 'also over IPv6' "$(talk names fd09::1 24000 16 | sort | uniq -c | xargs)" '16 i0'
kill "${held_PID:-}" 2> /dev/null

# ---- what cannot be, and the end ----
sed 's/port: 80/port: 0/' "$work/gw0.yaml" > "$work/bad.yaml"
out=$(gateway gw0 set "$work/bad.yaml" 2>&1)
status=$?
match 'a mistake is named with its line' "$status $out" "^2 dmscctl: $work/bad.yaml:[0-9]+: services\[0\].port: 0, expected 1 to 65535"
sed 's/eth0/nosuch/' "$work/gw0.yaml" > "$work/bad.yaml"
out=$(gateway gw0 set "$work/bad.yaml" 2>&1)
status=$?
match 'a device that is not there is named' "$status $out" '^1 dmscctl: nosuch: '
equal 'what was in force still is' "$(talk names 10.9.0.1 25000 4 | sort -u)" i0
check 'off' gateway gw0 off
equal 'nothing is left' "$(find "$work/bpf/gw0" 2> /dev/null | wc -l) $(in_ns gw0 ip link show eth0 | grep -c xdp)" '0 0'
out=$(gateway gw0 2>&1)
match 'status says so' "$? $out" '^1 dmscctl: no gateway is at work'
finish
