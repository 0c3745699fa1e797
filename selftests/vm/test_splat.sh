#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Test of splat.sh: each line of splats/bad.txt, alone in an ordinary boot's
# log, must be found; the ordinary log by itself must pass.
cd "$(dirname "$0")" || exit 1
log=$(mktemp)
trap 'rm -f "$log"' EXIT
n=0 bad=0

expect() { # STATUS DESCRIPTION
	local status=0
	./splat.sh "$log" > /dev/null || status=$?
	n=$((n + 1))
	if [ $status = "$1" ]; then
		echo "ok $n - $2"
	else
		bad=1
		echo "not ok $n - $2"
		echo "# splat.sh: status $status, expected $1"
	fi
}

cat splats/clean.txt > "$log"
expect 0 'an ordinary boot and module load'
# A serial console ends its lines with CR LF, and may carry other bytes.
{ sed 's/$/\r/' splats/clean.txt; printf '\377\0\n'; } > "$log"
expect 0 'an ordinary boot as a serial console writes it'
: > "$log"
expect 1 'an empty log is no clean log'
while IFS= read -r line; do
	{ cat splats/clean.txt; printf '%s\r\n' "$line"; } > "$log"
	text=${line#*] }
	expect 1 "found: ${text:0:70}"
done < splats/bad.txt
{ cat splats/clean.txt; sed -n 1p splats/bad.txt; cat splats/clean.txt; } > "$log"
expect 1 'a splat in the middle'
{ sed 's/$/\r/' splats/clean.txt; printf '\377\0\n'; sed -n 1p splats/bad.txt; } > "$log"
expect 1 'a splat after bytes that are no text'

echo "1..$n"
exit $bad
