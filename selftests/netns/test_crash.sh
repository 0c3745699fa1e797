#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: 7.3
#
# The daemon is killed (-9) at random moments of applies, 20 times or ROUNDS times. Each
# time the old or the new generation is in force as a whole, in the kernel and
# after a restart (crash.py), and connections go on.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
# A build meanwhile must not take the daemon away between two kills.
cp "$dmscd" "$work/dmscd" && dmscd=$work/dmscd
start host0 || exit 1
start host1 || exit 1
ctl host0 apply "$work/plan.json" > /dev/null 2>&1 || { echo 'Bail out! no first apply'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null 2>&1

serve host1 small.pp0.dp1.tp0 data
port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > "$work/sent" 2>&1 &
sender=$!
pids+=("$sender")
# It has to be in its cgroup before another plan takes its service away.
until_true grep -q . "$cg/host0/small/small.pp0.dp0.tp0/cgroup.procs"

rounds=${ROUNDS:-${DMSC_ROUNDS:-20}}
daemon_options host0
disown "$(cat "$work/host0/pid")"	# no word from the shell when it is killed
python3 selftests/netns/crash.py "$work/bpf/host0" "$work/host0/sock" "$rounds" \
	"$work/plan.json" "$work/other.json" -- nsenter --net="/run/netns/$prefix-host0" -- \
	"$dmscd" "${args[@]}" --foreground > "$work/crash" 2>&1
grep '^#' "$work/crash" | head -n 30
last=$(tail -n 1 "$work/crash")
declare -A saw
read -ra words <<< "$last"
for ((i = 0; i + 1 < ${#words[@]}; i += 2)); do saw[${words[i]}]=${words[i + 1]}; done
[ "${saw[rounds]:-}" = "$rounds" ] || sed 's/^/# /' "$work/crash"
echo "# ${saw[old]:-?} times the old, ${saw[new]:-?} times the new generation"
equal 'the daemon was killed every time' "${saw[killed]:-}" "$rounds"
equal 'old or new, never a mixture' "${saw[whole]:-}" "$rounds"
equal 'a restart takes up what the kernel has' "${saw[same]:-}" "$rounds"
check 'some kills fell before the change' [ "${saw[old]:-0}" -gt 0 ]

kill -TERM $sender
wait $sender
status=$?
equal "one connection lived through it all ($(cat "$work/sent"))" $status 0
check 'and moved bytes' [ "$(cut -d' ' -f1 "$work/sent")" -gt 1000000 ]
match 'the registry is whole' "$(python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])' "$work/host0/state/registry.db")" '^ok$'
finish
