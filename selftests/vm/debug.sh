#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# debug.sh (= `make check-debug`): the module's tests on a kernel that looks for
# what ordinary kernels do not see: KASAN, lockdep, PROVE_RCU, sleeping in atomic
# context, UBSAN, kmemleak, allocations that fail. First each detector has to
# find a fault that was planted for it. Logs are in build/check/debug*/.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$TOP" || exit 1

.ci/deps --install || exit 1
make -j2 tests || exit 1
need_kernel debug || exit 1
logs=build/check
mkdir -p $logs
n=0 bad=0

point() { # DESCRIPTION COMMAND...
	local what=$1
	shift
	n=$((n + 1))
	if "$@"; then
		echo "ok $n - $what"
	else
		bad=1
		echo "not ok $n - $what"
	fi
}

# section FAULT: what the kernel said while it was planted
section() { tr -d '\r' < $logs/debug-plant/kernel.log | sed -n "/plant: begin $1\$/,/plant: end $1\$/p"; }
# Not grep -q, which would end first, and pipefail would count who writes to it then.
finds() { section "$1" | grep -E -- "$2" > /dev/null; }
clean_boot() {
	tr -d '\r' < $logs/debug-plant/kernel.log | sed '/plant: begin rcu$/,$d' > $logs/debug-plant/boot.log
	selftests/vm/splat.sh $logs/debug-plant/boot.log | sed 's/^/# /'
	return "${PIPESTATUS[0]}"
}

detectors() {
	local status=0
	echo '1..9'
	point 'the module with planted faults builds' selftests/vm/kbuild.sh debug "$TOP/selftests/vm/plant" plant
	selftests/vm/run.sh debug --timeout 900 --out $logs/debug-plant -- selftests/debug/plant.sh \
		> $logs/debug-plant.out 2> $logs/debug-plant.err || status=$?
	point 'a run with planted faults fails' [ $status = 125 ]
	[ $status = 125 ] || sed 's/^/# /' $logs/debug-plant.err
	point 'the kernel boots, and loads a module without fault, without a complaint' clean_boot
	point 'PROVE_RCU finds a read outside of its lock' finds rcu 'suspicious RCU usage'
	point 'DEBUG_ATOMIC_SLEEP finds sleep under a spinlock' finds sleep 'BUG: sleeping function called'
	point 'UBSAN finds an index out of bounds' finds bounds 'UBSAN: array-index-out-of-bounds'
	point 'kmemleak finds lost memory' finds leak 'kmemleak: [0-9]+ new suspected'
	point 'lockdep finds locks in two orders' finds abba 'possible circular locking dependency'
	point 'KASAN finds use after free' finds uaf 'BUG: KASAN: slab-use-after-free'
	return $bad
}

{
	SECONDS=0
	echo '#>> group detectors'
	echo '#>> begin detectors'
	detectors
	echo "#>> end detectors $bad"
	echo '#>> endgroup'
	bad=0 n=0
	echo '#>> group module'
	echo '#>> begin build'
	echo '1..1'
	point 'the module builds for the debug kernel' selftests/vm/kbuild.sh debug
	echo "#>> end build $bad"
	status=0
	selftests/vm/run.sh debug --timeout 1800 --out $logs/debug -- selftests/drive.sh debug \
		2> $logs/debug.err || status=$?
	bad=0 n=0
	echo '#>> begin kernel'
	echo '1..1'
	point 'the guest ran to its end, and its kernel has nothing to complain about' [ $status = 0 ]
	sed 's/^/# /' $logs/debug.err
	echo "#>> end kernel $bad"
	echo '#>> endgroup'
	echo "debug: $SECONDS s"
} | selftests/tap.sh detectors module
