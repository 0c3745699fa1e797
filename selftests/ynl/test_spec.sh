#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The family's specification (include/netlink/specs/dmsc.yaml) against what is
# committed: the kernel's generator takes it, the header that comes out has the
# same names and numbers as include/uapi/linux/dmsc.h, and the policies are those
# of the module.
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
generate() { # MODE FORM
	/usr/bin/python3 build/ynl/pyynl/ynl_gen_c.py --mode "$1" "$2" --spec "$PWD/build/ynl/specs/dmsc.yaml"
}
header() { generate uapi --header > "$work/dmsc.h" && grep -q '^enum dmsc_cmd' "$work/dmsc.h"; }
# A header that differs must be seen to differ.
finds_a_difference() {
	sed 's/DMSC_QUEUE_A_SID,/DMSC_QUEUE_A_OTHER,/' "$work/dmsc.h" > "$work/other.h"
	! selftests/ynl/compare.py include/uapi/linux/dmsc.h "$work/other.h" > "$work/differences" &&
		grep -q '^DMSC_QUEUE_A_SID: header [0-9]*, specification None' "$work/differences" &&
		grep -q '^DMSC_QUEUE_A_OTHER: header None' "$work/differences"
}

echo '1..5'
point 'the tools are there' selftests/ynl/stage.sh
point 'the generator makes a header' header
point 'it says what include/uapi/linux/dmsc.h says' selftests/ynl/compare.py include/uapi/linux/dmsc.h "$work/dmsc.h"
point 'a difference would be found' finds_a_difference
point 'it makes policies' generate kernel --source
exit $failed
