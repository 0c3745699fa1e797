#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 6.1
#
# A daemon that finds the data path of the version before: it puts its own programs into the
# hooks together with the stored plan, while a connection goes on. What is two versions away
# it leaves at work, and says so.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
start host0 || exit 1
start host1 || exit 1
check 'in force at host0' ctl host0 apply "$work/plan.json"
check 'and at host1' ctl host1 apply "$work/plan.json"
from=small.pp0.dp0.tp0 to=small.pp0.dp1.tp0
serve host1 $to data
port=$(service host1 $to "['ports']['data']") sid=$(service host0 $from "['sid']")

# The version in the pinned dmsc_ctl: shown, or changed by the number.
cat > "$work/abi.py" <<'END'
import ctypes, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
def bpf(cmd, attr):
    buf = ctypes.create_string_buffer(attr, 128)
    ret = libc.syscall(321, cmd, buf, 128)
    if ret < 0:
        sys.exit("bpf(%d): errno %d" % (cmd, ctypes.get_errno()))
    return ret
path = ctypes.create_string_buffer(sys.argv[1].encode())
fd = bpf(7, struct.pack("QII", ctypes.addressof(path), 0, 0))    # BPF_OBJ_GET
key = ctypes.create_string_buffer(4)
value = ctypes.create_string_buffer(16)
attr = struct.pack("IIQQQ", fd, 0, ctypes.addressof(key), ctypes.addressof(value), 0)
bpf(1, attr)                                                     # BPF_MAP_LOOKUP_ELEM
generation, flags, abi, rest = struct.unpack("IIII", value.raw[:16])
print(abi)
if len(sys.argv) > 2:
    ctypes.memmove(value, struct.pack("IIII", generation, flags, abi + int(sys.argv[2]), rest), 16)
    bpf(2, attr)                                                 # BPF_MAP_UPDATE_ELEM
END
abi() { python3 "$work/abi.py" "$work/bpf/host0/dmsc_ctl" "$@"; }
ours=$(ctl host0 status -j | json "j['abi']")
equal 'the maps say the version' "$(abi)" "$ours"

(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec $from -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > "$work/sent" 2>&1 &
sender=$!
pids+=("$sender")
more() { [ "$(counter host0 "$sid" data tx bytes)" -gt "$1" ]; }
check 'a connection sends' until_true more 1000000

stop host0
abi -1 > /dev/null
equal 'the version before is at work' "$(abi)" $((ours - 1))
start host0 || exit 1
in_force() { ctl host0 status -j | json "1 / (j['generation'] > 0)"; }
check 'its successor has the stored plan in force' until_true in_force
equal 'with maps of its own' "$(abi)" "$ours"
n=$(counter host0 "$sid" data tx bytes)
check 'the connection is counted on' until_true more $((n + 1000000))
check 'a new one, too' ctl host0 service exec $from -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 100000
match 'the log says so' "$(cat "$work/host0/log")" "version $((ours - 1))"
kill -TERM $sender
wait $sender
equal "the connection lived through it ($(cat "$work/sent"))" $? 0
check 'the next generation is an ordinary one' ctl host0 apply "$work/other.json"

stop host0
abi 1 > /dev/null
start host0 || exit 1
match 'a later version is left at work' "$(ctl host0 status -j | json "str(j['bpf'])")" \
	"data plane of ABI $((ours + 1)) is at work, this program needs $ours"
equal 'as it was' "$(abi)" $((ours + 1))
check 'off takes it away' ctl host0 off
[ ! -e "$work/bpf/host0/dmsc_ctl" ]
equal 'all of it' $? 0
finish
