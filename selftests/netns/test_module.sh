#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# guests: none
#
# The functional module that a daemon asks: what it finds in a plan is a warning
# and an event, or refuses the plan; what it expects of the next iteration is in
# the status; one that breaks is cut off, and the built-in one takes over.
# shellcheck source=selftests/netns/lib.sh
. "$(dirname "$0")/lib.sh"
setup
chmod 755 "$work"
mkdir "$work/include" && cp user/lib/module_api.h "$work/include/"

module() { # NAME FUNCTIONS MEMBERS
	cat > "$work/$1.c" <<-EOF
	#include <stdlib.h>
	#include <unistd.h>
	#include "module_api.h"
	$2
	const struct dmsc_module dmsc_module = {
		.version = DMSC_MODULE_VERSION, .size = sizeof(dmsc_module), .name = "$1", $3
	};
	EOF
	cc -O1 -w -I"$work/include" -shared -fPIC -o "$work/$1.so" "$work/$1.c"
}
policy='static int policy(const struct dmsc_module_flow *f, struct dmsc_module_importance *out)'
module agrees "$policy { return 1; }
	static int predict(const double *v, uint32_t nr, double *next) { *next = 123456; return 0; }" \
	'.policy = policy, .predict = predict,'
module tensor "$policy { out->class = f->class == 2 ? 5 : f->class; out->rank = 0; return 0; }" '.policy = policy,'
module ends "$policy { exit(3); }" '.policy = policy,'
module hangs "$policy { sleep(60); return 0; }" '.policy = policy,'
use() { # MODULE [LINE]: as the daemon's configuration, read again
	printf 'module: %s\n%s\n' "$work/$1.so" "${2:-}" > "$work/host0.yaml"
	kill -HUP "$(cat "$work/host0/pid")"
	until_true [ "$(grep -c 'configuration read again' "$work/host0/log")" -gt "$reads" ]
	reads=$((reads + 1))
}
reads=0
printf 'module: %s\n' "$work/agrees.so" > "$work/host0.yaml"
start host0 || exit 1
start host1 || exit 1
: > "$work/events"
(exec nsenter --net="/run/netns/$prefix-host0" -- "$dmscctl" --socket "$work/host0/sock" monitor --json) > "$work/events" &
pids+=($!)
until_true grep -q '"event":"monitor"' "$work/events"
generation() { ctl host0 status -j | json "j['generation']"; }
warnings() { ctl host0 apply "$@" -j 2>&1 | json "len([w for w in j['warnings'] if 'module' in w and 'flows[' in w])"; }

equal 'a module that agrees finds nothing' "$(warnings "$work/plan.json")" 0
ctl host1 apply "$work/plan.json" > /dev/null 2>&1

use tensor
out=$(ctl host0 apply --check "$work/plan.json" 2>&1)
match 'another class is a finding' "$out" 'plan: flows\[[0-9]+\]: small\.[a-z0-9.]+ to small\.[a-z0-9.]+: class data, expected [a-z]+ \(module tensor; [0-9]+ flow'
check 'who monitors is told' until_true grep -q '"event":"finding"' "$work/events"
check 'it is a warning, no more' ctl host0 apply "$work/other.json"
before=$(generation)
use tensor 'refuse_findings: true'
out=$(ctl host0 apply "$work/plan.json" 2>&1)
equal 'refused when the configuration says so: status 2, one line' "$? $(wc -l <<< "$out")" '2 1'
match 'the line says what was found' "$out" 'flows\[[0-9]+\].*class data, expected'
equal 'nothing has changed' "$(generation)" "$before"
equal '--check refuses, too' "$(ctl host0 apply --check "$work/plan.json" > /dev/null 2>&1; echo $?)" 2

for broken in ends hangs; do
	use $broken 'refuse_findings: true'
	seen=$(grep -c '"event":"module"' "$work/events")
	check "a module that $broken: the plan is applied" ctl host0 apply "$work/plan.json"
	more() { [ "$(grep -c '"event":"module"' "$work/events")" -gt "$seen" ]; }
	check 'who monitors is told' until_true more
	check 'the built-in one takes over' grep -q "module $broken: .*the built-in one takes over" "$work/host0/log"
	ctl host0 apply "$work/other.json" > /dev/null 2>&1
done
printf 'module: %s\n' "$work/none.so" > "$work/host0.yaml"
kill -HUP "$(cat "$work/host0/pid")"
check 'one that is not there, neither' until_true ctl host0 apply "$work/plan.json"
check 'and it is named' until_true grep -q 'none.so.*the built-in one takes over' "$work/host0/log"

# An iteration is what repeats: a burst, a pause, a burst.
reads=$(grep -c 'configuration read again' "$work/host0/log")
use agrees
check 'in force again' ctl host0 apply "$work/plan.json"
serve host1 small.pp0.dp1.tp0 data
port=$(service host1 small.pp0.dp1.tp0 "['ports']['data']")
(while :; do
	ctl host0 service exec small.pp0.dp0.tp0 -- "$stream" send 10.255.0.1 10.255.0.2 "$port" 400000
	sleep 0.3
done) > "$work/sent" 2>&1 &
pids+=($!)
known() { ctl host0 status -j | json "'known' if j['iterations'] else 'not'" | grep -q '^known'; }
check 'iterations are found in the bytes of each millisecond' until_true known
equal 'the module says what to expect' "$(ctl host0 status -j | json "[j['iterations']['module'], j['iterations']['expected_ns']]")" '["agrees", 123456000000]'
match 'people see it, too' "$(ctl host0 status)" 'iterations +[0-9.]+ m?s, [0-9]+ seen; the next is expected to take .* \(module agrees\)'
finish
