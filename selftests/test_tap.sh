#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Test of tap.sh: a run that went wrong must never be counted as passed.
cd "$(dirname "$0")" || exit 1
shopt -s lastpipe
n=0 bad=0

# expect DESCRIPTION STATUS LAST-LINE GROUPS: judges what tap.sh says of stdin
expect() {
	local out status
	# shellcheck disable=SC2086 # a list of groups
	out=$(./tap.sh $4)
	status=$?
	n=$((n + 1))
	if [ "$status" = "$2" ] && [ "$(tail -n 1 <<< "$out")" = "$3" ]; then
		echo "ok $n - $1"
	else
		bad=1
		echo "not ok $n - $1"
		echo "# expected status $2 and '$3', got status $status and:"
		echo "# ${out//$'\n'/$'\n'# }"
	fi
}

# one EXIT-STATUS LINE...: a group g with one test t
one() {
	local status=$1
	shift
	printf '%s\n' '#>> group g' '#>> begin t' "$@" "#>> end t $status" '#>> endgroup'
}

one 0 1..2 'ok 1 - a' 'ok 2 - b' | expect 'two points pass' 0 '2 passed, 0 failed, 0 skipped' g
one 0 'ok 1 - a' 1..1 | expect 'the plan may come last' 0 '1 passed, 0 failed, 0 skipped' g
one 1 1..2 'ok 1 - a' 'not ok 2 - b' | expect 'a failed point' 1 '1 passed, 1 failed, 0 skipped' g
one 0 1..2 'ok 1 - a' 'not ok 2 - b' | expect 'a failed point of a test that exits 0' 1 '1 passed, 1 failed, 0 skipped' g
one 0 1..2 'ok 1 - a' 'ok 2 - b # SKIP no c' | expect 'a skipped point' 0 '1 passed, 0 failed, 1 skipped' g
one 0 1..2 'ok 1 - a' 'not ok 2 # SKIP b' | expect "cmocka's skipped point" 0 '1 passed, 0 failed, 1 skipped' g
one 1 1..1 'ok 1 - a' | expect 'an exit status that no point explains' 1 '1 passed, 1 failed, 0 skipped' g
one 139 1..1 'ok 1 - a' | expect 'killed by a signal' 1 '1 passed, 1 failed, 0 skipped' g
one 124 1..1 'ok 1 - a' | expect 'killed by its time limit' 1 '1 passed, 1 failed, 0 skipped' g
one 127 | expect 'a test that could not be started' 1 '0 passed, 2 failed, 0 skipped' g
one 0 1..3 'ok 1 - a' | expect 'fewer points than planned' 1 '1 passed, 1 failed, 0 skipped' g
one 0 1..1 'ok 1 - a' 'ok 2 - b' | expect 'more points than planned' 1 '2 passed, 1 failed, 0 skipped' g
one 0 'ok 1 - a' | expect 'no plan' 1 '1 passed, 1 failed, 0 skipped' g
one 0 'all is well' | expect 'no point at all' 1 '0 passed, 2 failed, 0 skipped' g
one 0 1..2 'ok 1 - a' 'Bail out! no b' | expect 'bailed out' 1 '1 passed, 2 failed, 0 skipped' g
{ one 0 1..1 'ok 1 - a'; one 4 '1..0 # SKIP no root' | sed 's/ g$/ h/'; } |
	expect 'a group where all is skipped' 1 '1 passed, 1 failed, 1 skipped' 'g h'
printf '%s\n' '#>> group g' '#>> begin t' 1..1 'ok 1 - a' |
	expect 'the guest died in a test' 1 '1 passed, 2 failed, 0 skipped' g
printf '%s\n' '#>> group g' '#>> begin t' 1..1 'ok 1 - a' '#>> end t 0' |
	expect 'the guest died between tests' 1 '1 passed, 1 failed, 0 skipped' g
one 0 1..1 'ok 1 - a' | expect 'a group is missing' 1 '1 passed, 1 failed, 0 skipped' 'g h'
expect 'nothing ran' 1 '0 passed, 1 failed, 0 skipped' '' < /dev/null
printf '%s\n' '#>> group g' '#>> begin t' 1..1 'ok 1 - a' '#>> begin u' 1..1 'ok 1 - a' '#>> end u 0' '#>> endgroup' |
	expect 'a test that was cut off by the next one' 1 '2 passed, 1 failed, 0 skipped' g

echo "1..$n"
exit $bad
