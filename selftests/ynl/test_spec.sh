#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The family's specification (include/netlink/specs/dmsc.yaml) against what is
# committed: the uapi header, and the module's policies and operations, are what
# the kernel's generator makes of it.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 failed=0
point() { # NAME COMMAND...
	local name=$1
	shift
	n=$((n + 1))
	if "$@" > "$work/log" 2>&1; then
		echo "ok $n - $name"
		sed 's/^/# /' "$work/log" | tail -n 1
	else
		failed=1
		echo "not ok $n - $name"
		sed 's/^/# /' "$work/log" | tail -n 40
	fi
}
files=(include/uapi/linux/dmsc_netlink.h kmod/netlink_gen.h kmod/netlink_gen.c)
same() {
	local f
	for f in "${files[@]}"; do
		diff -u "$f" "$work/$f" || return 1
	done
}
# A specification that says something else must make other files.
finds_a_difference() {
	cp -a build/ynl "$work/ynl" && sed -i 's/max: rank-max/max: 61/' "$work/ynl/specs/dmsc.yaml" &&
		/usr/bin/python3 selftests/ynl/generate.py "$work/other" "$work/ynl" || return 1
	cmp "$work/other/${files[0]}" "${files[0]}" && ! cmp -s "$work/other/${files[2]}" "${files[2]}"
}

echo '1..3'
point 'C sources follow from the specification' selftests/ynl/generate.sh "$work"
point 'they are the committed ones, byte for byte' same
point 'a difference would be found' finds_a_difference
exit $failed
