#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_run.sh KERNEL: test of the machine runner in real machines: what went
# wrong in a guest must come out as a failed run, above all when the command
# itself succeeded.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$TOP" || exit 1
shopt -s lastpipe

kernel=${1:-6.12}
known_kernel "$kernel"
need_root "$0" "$@"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
n=0 bad=0

point() { # DESCRIPTION, then a command that says whether it holds
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		bad=1
		echo "not ok $n - $what"
		sed 's/^/# /' "$work/stdout" "$work/stderr"
	fi
}

# guest OPTION... -- COMMAND: runs it; leaves $status, stdout, stderr
guest() {
	status=0
	selftests/vm/run.sh "$kernel" --out "$work/out" "$@" > "$work/stdout" 2> "$work/stderr" || status=$?
}
status_is() { [ "$status" = "$1" ]; }
says() { grep -qF -- "$2" "$work/$1"; }
is_gone() { ! pgrep -f "path=$work/out/kernel.log" > /dev/null; }

echo "1..22"
selftests/vm/kbuild.sh "$kernel" "$TOP/selftests/vm/plant" plant > "$work/stdout" 2> "$work/stderr"
status=$?
point 'the module with planted faults builds' status_is 0
plant="insmod build/kmod/$kernel/plant.ko"

mkdir "$work/a folder"
echo 'shared text' > "$work/a folder/file"
# shellcheck disable=SC2016 # for the guest's shell
guest --share "$work/a folder:extra" -- bash -c 'echo "kernel $(uname -r) args $*"; cat "/mnt/extra/file"
	echo kept > /results/file; touch /dmsc/x || echo tree is read-only; touch /x && echo root is writable
	'"$plant"' || echo no insmod; exit 7' name 'a b' "it's"
point "the command's own status comes back" status_is 7
point 'it ran on the kernel asked for, with its arguments' says stdout "kernel $kernel."
point 'arguments with blanks and quotes arrive' says stdout "args a b it's"
point 'a shared folder is there' says stdout 'shared text'
point 'the work tree is read-only' says stdout 'tree is read-only'
point 'the root is writable' says stdout 'root is writable'
point 'but what is written there stays in the guest' test ! -e "$ROOT/x"
point 'results are kept' grep -q kept "$work/out/file"
point 'a module of the build loads, and its traces are allowed' test "$(grep -c 'no insmod' "$work/stdout")" = 0

guest -- bash -c "$plant fault=warn; exit 0"
point 'a kernel warning fails a run whose command exits 0' status_is 125
point 'and is shown' says stderr 'WARNING: '

guest -- bash -c "$plant fault=oops; exit 0"
point 'an oops fails a run whose command exits 0' status_is 125
point 'and is shown' says stderr 'Oops'

guest -- bash -c "echo before; $plant fault=panic"
point 'a panic fails a run' status_is 126
point 'what the command printed before is there' says stdout before
point 'the panic is shown' says stderr 'planted panic'

guest -- busybox poweroff -f
point 'a guest that ends without a result fails the run' status_is 126

guest --timeout 30 -- bash -c 'echo started; sleep 1000'
point 'a command that hangs is ended' status_is 124
point 'and reported' says stderr 'nothing after 30 s'
point 'and its machine is gone' is_gone

guest -- /no/such/command
point 'a command that is not there fails' status_is 127

exit $bad
