#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check.sh [KERNEL...]: all the tests. First what runs on this machine (native),
# then the machine runner's own test (vm), then one guest a kernel. One more of
# these groups than there are processors run side by side, because each waits
# now and then (DMSC_JOBS: as many); what they print comes out in their order.
# Logs of each lie in build/check/.
# DMSC_GROUPS="native 6.12" runs only these.
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
	vm) kernels+=("${all[@]}") ;;
	*) known_kernel "$group"; kernels+=("$group") ;;
	esac
done

.ci/deps --install || exit 1
# What did not change since it was compiled in any work tree is not compiled again.
PATH=/usr/lib/ccache:$PATH CCACHE_DIR=${CCACHE_DIR:-$DMSC_CACHE/ccache} CCACHE_BASEDIR=$TOP \
	CCACHE_NOHASHDIR=1 make -j2 tests || exit 1
[ ${#kernels[@]} = 0 ] || selftests/vm/root.sh "${kernels[@]}" || exit 1
# What guests drive the netlink family with.
selftests/ynl/stage.sh || exit 1
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
	selftests/vm/run.sh "$kernel" --timeout 2400 --out "$logs/$kernel" -- env "DMSC_FULL=${DMSC_FULL:-}" selftests/drive.sh guest \
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
		selftests/vm/test_dkms.sh "${all[@]}" 2>&1
		echo "#>> end vm/test_dkms $?"
		;;
	*) guest_group "$1" ;;
	esac
}

# Each group waits for a token, writes its log, and gives the token back. With a
# process group of its own (set -m) all of it can be ended.
all_groups() {
	local group i pids=()
	set -m
	mkfifo "$logs/tokens"
	exec 7<> "$logs/tokens"
	rm "$logs/tokens"
	printf '%*s' "${DMSC_JOBS:-$(($(nproc) + 1))}" '' >&7
	trap 'kill -- "${pids[@]/#/-}" 2> /dev/null; exit 130' INT TERM HUP
	for group in "${groups[@]}"; do
		: > "$logs/$group.log"
		{
			read -rN 1 -u 7
			echo "#>> group $group"
			SECONDS=0
			run_group "$group" 7>&-
			echo "#>> endgroup"
			echo "$group: $SECONDS s"
			printf ' ' >&7
		} > "$logs/$group.log" < /dev/null &
		pids+=($!)
	done
	for i in "${!groups[@]}"; do
		tail -n +1 -f --pid="${pids[i]}" "$logs/${groups[i]}.log" 7>&- &
		wait $!
	done
}
all_groups | selftests/tap.sh "${groups[@]}"
