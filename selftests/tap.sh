#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# tap.sh GROUP...: reads the framed output of all the tests (drive.sh, check.sh)
# and prints it as one TAP stream with kselftest's totals and a last plain line
# "N passed, N failed, N skipped". Live: a line comes out as it comes in.
#
# A test fails as well when it crashes, ends with a status that its points do
# not explain, prints fewer or more points than its plan, or none at all; a
# group fails when it did not run to its end or had no passing point.
# Exit status 0 only when nothing failed and every GROUP named was there.
set -uo pipefail

pass=0 fail=0 skip=0 number=0
group='' test='' in_test='' group_pass=0
declare -A ended

point() { # ok|not ok, description
	number=$((number + 1))
	printf '%s %d - %s\n' "$1" "$number" "$2"
}
passed() { pass=$((pass + 1)); group_pass=$((group_pass + 1)); point ok "$1"; }
failed() { fail=$((fail + 1)); point 'not ok' "$1"; }
skipped() { skip=$((skip + 1)); point ok "$1"; }

begin_test() {
	test=$1 in_test=1
	planned='' points=0 bad=0 all_skipped=''
}

end_test() { # exit status, or what happened
	local status=$1 name="$group: $test"
	in_test=''
	case $status in
	0) ;;
	1) [ "$bad" -gt 0 ] || failed "$name: exit status 1, but no point says why" ;;
	4) [ "$points" -gt 0 ] || { skipped "$name # SKIP ${all_skipped:-exit status 4}"; return; } ;;
	124 | 137) failed "$name: killed, it took too long" ;;
	129 | 1[3-9]?) failed "$name: killed by signal $((status - 128))" ;;
	[0-9]*) failed "$name: exit status $status" ;;
	*) failed "$name: $status" ;;
	esac
	if [ -n "$all_skipped" ] && [ "$points" = 0 ]; then
		skipped "$name # SKIP $all_skipped"
	elif [ "$points" = 0 ] && [ "$status" = 0 ]; then
		failed "$name: printed no test point"
	elif [ -n "$planned" ] && [ "$planned" != "$points" ]; then
		failed "$name: $points points, but its plan was $planned"
	elif [ -z "$planned" ] && [ "$points" -gt 0 ]; then
		failed "$name: printed no plan"
	fi
}

test_line() {
	local line=$1 text
	case $line in
	'ok '* | 'not ok '*)
		points=$((points + 1))
		text=${line#not } text=${text#ok }
		[[ $text =~ ^[0-9]+\ *(-\ *)?(.*)$ ]] && text=${BASH_REMATCH[2]}
		# cmocka prints a skipped test as "not ok N # SKIP NAME".
		if [[ $text =~ \#\ *[Ss][Kk][Ii][Pp] ]]; then
			skipped "$group: $test: $text"
		elif [ "${line:0:2}" = ok ]; then
			passed "$group: $test: $text"
		else
			bad=$((bad + 1))
			failed "$group: $test: $text"
		fi
		;;
	1..[0-9]*)
		text=${line#1..}
		[[ $line =~ \#\ *[Ss][Kk][Ii][Pp]\ *(.*)$ ]] && all_skipped=${BASH_REMATCH[1]:-no reason given}
		# cmocka prints a plan for each of its groups.
		planned=$((${planned:-0} + ${text%%[!0-9]*}))
		;;
	'Bail out!'*)
		bad=$((bad + 1))
		failed "$group: $test: $line"
		;;
	'' | 'TAP version '*) ;;
	'# '*) echo "$line" ;;
	*) echo "# $line" ;;
	esac
}

echo 'TAP version 13'
while IFS= read -r line || [ -n "$line" ]; do
	line=${line%$'\r'}
	case $line in
	'#>> group '*)
		[ -z "$in_test" ] || end_test 'did not come to its end'
		group=${line#'#>> group '} group_pass=0
		echo "# ---- $group"
		;;
	'#>> endgroup')
		[ -z "$in_test" ] || end_test 'did not come to its end'
		ended[$group]=$group_pass
		;;
	'#>> begin '*)
		[ -z "$in_test" ] || end_test 'did not come to its end'
		begin_test "${line#'#>> begin '}"
		;;
	"#>> end $test "*) [ -z "$in_test" ] || end_test "${line##* }" ;;
	*)
		if [ -n "$in_test" ]; then
			test_line "$line"
		elif [ -n "$line" ]; then
			echo "# $line"
		fi
		;;
	esac
done
[ -z "$in_test" ] || end_test 'did not come to its end'

for group; do
	case ${ended[$group]:-} in
	'') failed "$group: the group did not run to its end" ;;
	0) failed "$group: no test of the group passed" ;;
	esac
done
[ $# -gt 0 ] || [ $pass -gt 0 ] || failed 'no test passed'

echo "1..$number"
echo "# Totals: pass:$pass fail:$fail xfail:0 xpass:0 skip:$skip error:0"
echo "$pass passed, $fail failed, $skip skipped"
[ $fail = 0 ]
