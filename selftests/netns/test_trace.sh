#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# What operators look at while traffic runs: `top` ranks who sends, `trace` shows
# packets with what was decided about each and ends by itself.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
[ -n "$(command -v bpftool)" ] || PATH=$PATH:/usr/sbin:/sbin
[ -n "$(command -v bpftool)" ] || skip_all 'needs bpftool'
setup
start host0 || exit 1
start host1 || exit 1
sender=small.pp0.dp0.tp0 receiver=small.pp0.dp1.tp0
ctl host0 trace > "$work/out" 2>&1
match 'trace without a plan: status 1, one line' "$? $(wc -l < "$work/out") $(cat "$work/out")" '^1 1 .*no plan is in force'
ctl host0 apply "$work/plan.json" > /dev/null || { echo 'Bail out! no plan in force'; exit 1; }
ctl host1 apply "$work/plan.json" > /dev/null
serve host1 $receiver data
port=$(service host1 $receiver "['ports']['data']")
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" \
	service exec $sender -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 0) > /dev/null 2>&1 &
pids+=($!)
sid=$(service host0 $sender "['sid']")
moving() { [ "$(counter host0 "$sid" data tx packets)" -gt 100 ]; }
check 'traffic runs' until_true moving

ctl host0 top --count 1 -j > "$work/top"
equal 'top: the sender is first' "$(json "j[0]['name'], j[0]['class'], j[0]['dir'], j[0]['bits_per_second'] > 0" < "$work/top")" \
	"[\"$sender\", \"data\", \"tx\", true]"
match 'as a table' "$(ctl host0 top --count 1)" "$sender +data +tx"

ctl host0 trace --seconds 3 --service $sender -j > "$work/trace"
equal 'trace ends by itself' $? 0
equal 'packets of the sender, with what was decided' \
	"$(head -n 1 "$work/trace" | json "j['event'], j['local']['name'], j['class'], j['to'], j['to_port'], j['slot'] > 0, j['protocol']")" \
	"[\"packet\", \"$sender\", \"data\", \"10.255.0.2\", $port, true, 6]"
equal 'and of nobody else' "$(grep -vc "\"name\":\"$sender\"" "$work/trace")" 0
flags() { bpftool -j map dump pinned "$work/bpf/host0/dmsc_ctl" | json "(j[0].get('formatted') or j[0])['value']['flags'] & 32"; }
off() { [ "$(flags)" = 0 ]; }
check 'nothing is left switched on' until_true off

# Who dies while tracing leaves nothing either, once the daemon is back.
ctl host0 trace --seconds 600 > /dev/null &
pids+=($!)
on() { [ "$(flags)" = 32 ]; }
check 'switched on' until_true on
check 'a new generation goes on tracing' ctl host0 apply "$work/other.json"
equal 'still on' "$(flags)" 32
stop host0 KILL
start host0 || exit 1
check 'off after a restart' until_true off
finish
