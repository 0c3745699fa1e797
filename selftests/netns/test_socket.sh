#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# Clients of the control socket that are wrong, slow, silent or many: others are
# served meanwhile, and the daemon neither ends nor grows.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
start host0 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1 || { echo 'Bail out! no plan in force'; exit 1; }
pid=$(cat "$work/host0/pid")

equal 'the socket is for root only' "$(stat -c '%a %u' "$work/host0/sock")" '600 0'
if [ -n "$(command -v setpriv)" ]; then
	chmod 755 "$work" "$work/host0" && chmod 666 "$work/host0/sock"
	match 'who is not root is refused even when let in' \
		"$(setpriv --reuid 65534 --clear-groups /usr/bin/python3 -c 'import socket, sys
s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(999).decode())' "$work/host0/sock" 2>&1)" \
		'"ok":false.*only root.*EPERM'
	chmod 600 "$work/host0/sock"
fi

cat > "$work/client.py" <<'END'
import json, re, socket, sys, threading, time

path, what = sys.argv[1], sys.argv[2]
with open("include/uapi/linux/dmsc_netlink.h") as f:
    abi = int(re.search(r"DMSC_ABI\s+(\d+)", f.read()).group(1))

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(120)
    s.connect(path)
    return s

def line(s):
    data = b""
    while not data.endswith(b"\n"):
        part = s.recv(1 << 16)
        if not part:
            return None
        data += part
    return json.loads(data)

def ask(s, text):
    s.sendall(text)
    return line(s)

def alive():
    s = connect()
    a = ask(s, b'{"cmd":"version"}\n')
    assert a["ok"] and a["abi"] == abi, a

if what == "wrong":
    for text in [b"\n", b"hello\n", b"[1,2]\n", b"{}\n", b'{"cmd":7}\n', b'{"cmd":"nonsense"}\n',
                 b'{"cmd":"apply"}\n', b'{"cmd":"apply","plan":{}}\n', b'{"cmd":"apply","plan":"{"}\n',
                 b'{"cmd":"apply","plan":"null"}\n', b'{"cmd":"version","cmd":"off"}\n',
                 b'{"cmd":"path-set"}\n', b'{"cmd":"path-set","state":"down","path":-1}\n',
                 b'{"cmd":"path-set","state":"down","path":1e99}\n',
                 b'{"cmd":"path-set","state":"sideways","path":1}\n',
                 b'{"cmd":"class-set","class":"data","share":99999999999}\n',
                 b'{"cmd":"class-set","class":"data","weight":0}\n',
                 b"\x00\x01\x02\n", b'{"cmd":"\xff\xfe"}\n', b"[" * 100000 + b"\n",
                 b'{"cmd":"status"' + b" " * 100000 + b"\n"]:
        s = connect()
        a = ask(s, text)
        assert a and a["ok"] is False and a["error"] and a.get("code") == "EINVAL", (text[:40], a)
        # The same connection goes on.
        assert ask(s, b'{"cmd":"version"}\n')["ok"], text[:40]
elif what == "pieces":
    s = connect()
    for byte in b'{"cmd":"version"}\n':
        s.sendall(bytes([byte]))
        time.sleep(0.005)
    assert line(s)["ok"]
    s.sendall(b'{"cmd":"version"}\n' * 200)
    got = b""
    while got.count(b"\n") < 200:
        got += s.recv(1 << 16)
    for l in got.splitlines():
        assert json.loads(l)["ok"]
    s.sendall(b'{"cmd":"version"}\n')
    s.shutdown(socket.SHUT_WR)
    assert line(s)["ok"]
    assert s.recv(1) == b""
elif what == "huge":
    s = connect()
    sent = 0
    try:
        while sent < 80 << 20:
            sent += s.send(b"x" * (1 << 20))
    except (BrokenPipeError, ConnectionResetError):
        pass
    try:
        a = line(s)
        assert a is None or (a["ok"] is False and "too long" in a["error"]), a
    except ConnectionResetError:
        pass
    assert sent < 70 << 20, sent
    alive()
elif what == "silent":
    held = [connect() for i in range(40)]
    for s in held[:20]:
        s.sendall(b'{"cmd":"sta')
    alive()
elif what == "many":
    held = []
    for i in range(100):
        try:
            held.append(connect())
        except BlockingIOError:
            break
    refused = 0
    for s in held[-30:]:
        try:
            a = line(s) if i else None
        except socket.timeout:
            continue
        refused += a is not None and a.get("code") == "EBUSY"
    assert refused > 0, refused
    for s in held:
        s.close()
    time.sleep(0.2)
    alive()
elif what == "deaf":
    # Asks for a lot and reads nothing.
    s = connect()
    s.setblocking(False)
    sent = 0
    try:
        for i in range(100000):
            sent += s.send(b'{"cmd":"status"}\n')
    except BlockingIOError:
        pass
    for i in range(5):
        alive()
    print("stopped taking more after %d bytes" % sent)
elif what == "early":
    for i in range(50):
        s = connect()
        s.sendall(b'{"cmd":"status"}\n{"cmd":"services"}\n' * (i % 5) + b'{"cmd"')
        s.close()
    for i in range(5):
        s = connect()
        plan = json.dumps({"cmd": "apply", "plan": open(sys.argv[3]).read()}) + "\n"
        s.sendall(plan.encode()[:len(plan) // (i + 1)])
        s.close()
    alive()
elif what == "monitor":
    # One that reads, and twenty that do not.
    deaf = [connect() for i in range(20)]
    for s in deaf:
        s.sendall(b'{"cmd":"monitor"}\n')
    s = connect()
    assert ask(s, b'{"cmd":"monitor"}\n')["ok"]
    c = connect()
    for i in range(3):
        assert ask(c, b'{"cmd":"path-set","state":"down","path":1}\n')["ok"]
        assert ask(c, b'{"cmd":"path-set","state":"up","path":1}\n')["ok"]
    got = b""
    while got.count(b"\n") < 6:
        got += s.recv(1 << 16)
    events = [json.loads(l) for l in got.splitlines()]
    assert [e["state"] for e in events[:6]] == ["down", "up"] * 3, events
    assert events[0]["event"] == "path" and events[0]["reason"] == "by hand", events[0]
print("fine")
END
client() { python3 "$work/client.py" "$work/host0/sock" "$@" 2>&1 | tail -n 3; }
memory() { awk '/^VmRSS/ { print $2 }' "/proc/$pid/status"; }

client early "$work/plan.json" > /dev/null
before=$(memory)
match 'wrong requests: an answer each, and the connection goes on' "$(client wrong)" 'fine$'
match 'requests in pieces and in bulk' "$(client pieces)" 'fine$'
match 'a line without end is cut off' "$(client huge)" 'fine$'
match 'forty that say nothing, half of them in the middle of a word' "$(client silent)" 'fine$'
match 'too many at once: the last are told' "$(client many)" 'fine$'
match 'one that never reads stops being read' "$(client deaf)" 'fine$'
match 'those who leave early' "$(client early "$work/plan.json")" 'fine$'
match 'monitors that do not read do not hold up one that does' "$(client monitor)" 'fine$'
until_true ctl host0 status
after=$(memory)
check "memory does not grow ($before to $after kB)" [ "$after" -lt $((before + 20000)) ]
equal 'the same daemon, the same generation' "$(ctl host0 status -j | json "j['pid'], j['generation']")" "[$pid, 1]"

# Two applies at once: one of them wins, the other is told.
in_ns host0 ip link set rail1 down
in_ns host0 ip neigh flush dev rail0
for file in plan other plan other; do
	ctl host0 apply "$work/$file.json" > "$work/apply.$file.$RANDOM" 2>&1 &
	pids+=($!)
done
wait "${pids[@]}"
match 'applies at the same time' "$(sort -u "$work"/apply.* | grep -v ^warning)" 'generation'
until_true ctl host0 status
equal 'the daemon lives' "$(ctl host0 status -j | json "j['pid']")" "$pid"
finish
