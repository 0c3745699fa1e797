#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# mainjob.sh (= `make run`): an emulated cluster on one Debian kernel, with and
# without DMSC. From the environment:
#   KERNEL, JOB, TOPOLOGY, ITERATIONS, WORKLOAD (an AICB file, or empty),
#   RUN_OPTIONS (more options for `emulator run`), DMSC_TIMEOUT (seconds)
# Leaves report.json, report.html and kernel.log in build/report/.
set -euo pipefail
. "$(dirname "$0")/lib.sh"
: "${KERNEL:=6.12}" "${JOB:=examples/gpt13b.yaml}" "${TOPOLOGY:=examples/cluster4.yaml}"
: "${ITERATIONS:=5}" "${WORKLOAD:=}" "${RUN_OPTIONS:=}" "${DMSC_TIMEOUT:=3600}"
cd "$TOP"

known_kernel "$KERNEL"
[[ $ITERATIONS =~ ^[1-9][0-9]{0,3}$ ]] || { say "ITERATIONS: '$ITERATIONS', expected 1 to 9999"; exit 2; }
shares=()
# inside NAME FILE: sets $path, where the guest finds FILE, which may be anywhere
inside() {
	local dir
	if [ ! -f "$2" ] || [ ! -r "$2" ]; then
		say "$1: '$2', expected a readable file"
		exit 2
	fi
	dir=$(cd "$(dirname "$2")" && pwd)
	path=$dir/$(basename "$2")
	case $path in
	"$TOP"/*) path=/dmsc/${path#"$TOP"/} ;;
	*)
		shares+=(--share "$dir:$1")
		path=/mnt/$1/$(basename "$2")
		;;
	esac
}
options=()
inside job "$JOB"
options+=(--job "$path")
inside topology "$TOPOLOGY"
options+=(--topology "$path")
if [ -n "$WORKLOAD" ]; then
	inside workload "$WORKLOAD"
	options+=(--workload "$path")
fi
read -ra more <<< "$RUN_OPTIONS"

say "installing what is missing"
.ci/deps --install
say "building"
make -j2
say "module and guest for kernel $KERNEL (kept in $DMSC_CACHE)"
selftests/vm/kbuild.sh "$KERNEL"
out=build/report
mkdir -p $out
rm -f $out/report.*
say "starting the guest"
status=0
selftests/vm/run.sh "$KERNEL" --timeout "$DMSC_TIMEOUT" --mem 3072 --out $out "${shares[@]}" -- \
	build/user/emulator run "${options[@]}" --iterations "$ITERATIONS" --out /results "${more[@]}" ||
	status=$?
for report in $out/report.json $out/report.html; do
	[ ! -e "$report" ] || say "written: $report"
done
exit $status
