#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# drive.sh native|guest|debug: runs the tests of this machine one after another and
# prints what they print, framed for tap.sh:
#   #>> begin NAME / the test's own TAP / #>> end NAME EXIT-STATUS
# Tests run in the top folder of the work tree, without input, as root where
# they need it, and are killed after DMSC_TEST_TIMEOUT seconds.
#
# A test is a source file, so that a binary whose source is gone is not run:
#   selftests/{unit,bpf,netns,kmod}/test_*.c    build/selftests/... is run
#   selftests/{fuzz,netns,kmod,vm,ynl}/test_*.sh
# A test with a line "guests: KERNEL..." in its first comment runs in these guests
# only (natively always): an emulated processor is some ten times slower, and
# what the daemon and the command line do depends little on the kernel. What does
# (verifier, packets' vectors, the module) runs in all. DMSC_FULL=1 runs all in all.
# "debug" is what the debug kernel runs: the module's tests, selftests/debug/.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
export CMOCKA_MESSAGE_OUTPUT=TAP
export PATH=$PATH:/usr/sbin:/sbin
limit=${DMSC_TEST_TIMEOUT:-600}

run() { # NAME COMMAND...
	local name=$1 status began=$SECONDS
	shift
	echo "#>> begin $name"
	timeout -k 10 "$limit" "$@" < /dev/null 2>&1
	status=$?
	# The test may have ended in the middle of a line.
	printf '\n# %d s\n#>> end %s %s\n' $((SECONDS - began)) "$name" "$status"
}

as_root=()
[ "$(id -u)" = 0 ] || as_root=(sudo --preserve-env=CMOCKA_MESSAGE_OUTPUT)

for_this_machine() { # SOURCE
	local guests
	[ -n "${DMSC_GUEST:-}" ] && [ -z "${DMSC_FULL:-}" ] || return 0
	guests=$(sed -n '2,20{s|^# guests:||p;s|^/\* guests:\(.*\)\*/|\1|p}' "$1")
	[ -z "$guests" ] || [[ " $guests " == *" $DMSC_GUEST "* ]]
}

# tests DIR [COMMAND...]: every test of selftests/DIR, after COMMAND
tests() {
	local dir=$1 source name
	shift
	for source in "selftests/$dir"/test_*.c; do
		[ -e "$source" ] || continue
		name=${source#selftests/}
		for_this_machine "$source" || continue
		run "${name%.c}" "$@" "build/${source%.c}"
	done
	for source in "selftests/$dir"/test_*.sh; do
		[ -e "$source" ] || continue
		name=${source#selftests/}
		for_this_machine "$source" || continue
		run "${name%.sh}" "$@" "./$source"
	done
}

case ${1:-} in
native)
	run test_tap selftests/test_tap.sh
	run vm/test_splat selftests/vm/test_splat.sh
	tests unit
	tests fuzz
	tests ynl
	tests bpf "${as_root[@]}"
	tests netns "${as_root[@]}"
	run lint selftests/lint/lint.sh
	;;
guest)
	# An emulated processor takes half a minute for a round of test_crash.
	export DMSC_ROUNDS=${DMSC_ROUNDS:-4}
	export DMSC_FRAMES=${DMSC_FRAMES:-20000}
	tests kmod
	run ynl/client python3 selftests/ynl/client.py
	tests bpf
	tests netns
	[ ! -e selftests/vm/emulate.sh ] || run vm/emulate selftests/vm/emulate.sh
	;;
debug)
	# Everything takes some ten times as long.
	limit=${DMSC_TEST_TIMEOUT:-900}
	export DMSC_LOADS=${DMSC_LOADS:-100} DMSC_RESHAPES=${DMSC_RESHAPES:-2} DMSC_CHANGES=${DMSC_CHANGES:-150}
	export DMSC_CALL_TIMEOUT=600
	run debug/kmemleak-start selftests/debug/kmemleak.sh start
	tests kmod
	run netns/test_queues selftests/netns/test_queues.sh
	tests debug
	run debug/kmemleak selftests/debug/kmemleak.sh check
	;;
*)
	echo "usage: drive.sh native|guest|debug" >&2
	exit 2
	;;
esac
