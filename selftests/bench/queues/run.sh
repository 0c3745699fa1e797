#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh (= `make bench-queues`): the qdisc beside the kernel's own, in User Mode
# Linux. What is missing is built first: a kernel (some minutes, once), the
# modules. BENCH_REPEATS, BENCH_ROUNDS, BENCH_SECONDS: how often, how long.
# BENCH_PARTS: what to measure; the other parts of the report are those of the
# last run. Leaves build/bench/queues.json and pictures; decides nothing.
set -euo pipefail
. "$(dirname "$0")/../../vm/lib.sh"
: "${BENCH_REPEATS:=5}" "${BENCH_ROUNDS:=41}" "${BENCH_SECONDS:=5}"
: "${BENCH_PARTS:=cost latency share completion}"
cd "$TOP"

[ "$BENCH_REPEATS" -ge 1 ] || die "BENCH_REPEATS: '$BENCH_REPEATS', expected a number, 1 or more"
for part in $BENCH_PARTS; do
	case $part in
	cost | latency | share | completion) ;;
	*) die "BENCH_PARTS: '$part', expected some of: cost latency share completion" ;;
	esac
done
make -j2 all build/selftests/bench/queues/setup
selftests/vm/kernel.sh uml > /dev/null
selftests/vm/kbuild.sh uml
selftests/vm/kbuild.sh uml "$TOP/selftests/bench/queues/module" bench_qdisc
out=build/bench/queues
mkdir -p $out

# measure PART [OPTION...] -- ARGUMENT...: of the part's script in a guest
measure() {
	local part=$1 options=()
	shift
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	say "$part: $BENCH_REPEATS repeats"
	selftests/uml/run.sh uml "${options[@]}" --timeout 3600 --out "$out/$part" -- \
		"selftests/bench/queues/$part.sh" "$@" > "$out/$part.new" ||
		{ tail -n 20 "$out/$part.new" >&2; die "$part: failed"; }
	mv "$out/$part.new" "$out/$part.txt"
}
for part in $BENCH_PARTS; do
	case $part in
	cost) measure cost -- "$BENCH_REPEATS" "$BENCH_ROUNDS" ;;
	latency)
		measure latency --virtual -- "$BENCH_REPEATS" "$BENCH_SECONDS"
		echo "$BENCH_SECONDS" > $out/latency.seconds
		;;
	share) measure share --virtual -- "$BENCH_REPEATS" ;;
	completion) measure completion --virtual -- "$BENCH_REPEATS" 8 ;;
	esac
done
give_back build
selftests/bench/queues/report.py $out "$(cat $out/latency.seconds 2> /dev/null || echo "$BENCH_SECONDS")"
