#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh [KERNEL...]: all the tests. First what runs on this machine (native),
# then the machine runner's own test (vm), then one guest a kernel. Logs of each
# lie in build/check/. DMSC_GROUPS="native 6.12" runs only these.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
. selftests/vm/lib.sh

[ $# -gt 0 ] || read -ra all <<< "$DMSC_KERNELS"
[ $# = 0 ] || all=("$@")
for kernel in "${all[@]}"; do
	known_kernel "$kernel"
done
read -ra groups <<< "${DMSC_GROUPS:-native vm ${all[*]}}"
kernels=()
for group in "${groups[@]}"; do
	case $group in
	native) ;;
	vm) kernels+=("${all[0]}") ;;
	*) known_kernel "$group"; kernels+=("$group") ;;
	esac
done

.ci/deps --install || exit 1
make -j2 tests || exit 1
[ ${#kernels[@]} = 0 ] || selftests/vm/root.sh "${kernels[@]}" || exit 1
logs=build/check
rm -rf $logs
mkdir -p $logs

# step NAME POINT COMMAND...: a test of one point
step() {
	local name=$1 what=$2 status=0
	shift 2
	echo "#>> begin $name"
	echo '1..1'
	"$@" 2>&1 || status=$?
	[ $status = 0 ] && echo "ok 1 - $what" || echo "not ok 1 - $what"
	echo "#>> end $name $((status > 0))"
}

guest_group() {
	local kernel=$1 status=0
	step module "builds without a warning for $kernel" selftests/vm/kbuild.sh "$kernel"
	selftests/vm/run.sh "$kernel" --timeout 1500 --out "$logs/$kernel" -- selftests/drive.sh guest \
		2> "$logs/$kernel.err" || status=$?
	step machine 'the guest ran to its end, and its kernel has nothing to complain about' \
		ended "$status" "$logs/$kernel.err"
}
ended() { cat "$2"; return "$1"; }

run_group() {
	case $1 in
	native) selftests/drive.sh native ;;
	vm)
		echo '#>> begin vm/test_run'
		selftests/vm/test_run.sh "${all[0]}" 2>&1
		echo "#>> end vm/test_run $?"
		echo '#>> begin vm/test_dkms'
		selftests/vm/test_dkms.sh "${all[0]}" 2>&1
		echo "#>> end vm/test_dkms $?"
		;;
	*) guest_group "$1" ;;
	esac
}

for group in "${groups[@]}"; do
	echo "#>> group $group"
	SECONDS=0
	run_group "$group" | tee "$logs/$group.log"
	echo "#>> endgroup"
	echo "$group: $SECONDS s"
done | selftests/tap.sh "${groups[@]}"
