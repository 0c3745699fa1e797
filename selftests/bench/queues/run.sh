#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh (= `make bench-queues`): the qdisc beside the kernel's own, in User Mode
# Linux. What is missing is built first: a kernel (some minutes, once), the
# modules. BENCH_REPEATS, BENCH_ROUNDS, BENCH_SECONDS: how often, how long.
# BENCH_PARTS: what to measure, of "cost latency".
# Leaves build/bench/queues.json and .svg; decides nothing.
set -euo pipefail
. "$(dirname "$0")/../../vm/lib.sh"
: "${BENCH_REPEATS:=7}" "${BENCH_ROUNDS:=41}" "${BENCH_SECONDS:=10}" "${BENCH_PARTS:=cost latency}"
cd "$TOP"

make -j2 all build/selftests/bench/queues/slots
out=build/bench/queues
rm -rf $out
mkdir -p $out

# prepare KERNEL: it and the modules for it
prepare() {
	selftests/vm/kernel.sh "$1" > /dev/null
	selftests/vm/kbuild.sh "$1"
	selftests/vm/kbuild.sh "$1" "$TOP/selftests/bench/queues/module" bench_qdisc
}

for part in $BENCH_PARTS; do
	case $part in
	cost)
		prepare uml
		say "cost: $BENCH_REPEATS repeats of $BENCH_ROUNDS rounds"
		selftests/uml/run.sh uml --timeout 600 --out $out/cost -- \
			selftests/bench/queues/cost.sh "$BENCH_REPEATS" "$BENCH_ROUNDS" > $out/cost.txt ||
			{ cat $out/cost.txt >&2; exit 1; }
		;;
	latency)
		prepare uml
		say "latency: 5 repeats of $BENCH_SECONDS virtual seconds"
		selftests/uml/run.sh uml --virtual --timeout 1200 --out $out/latency -- \
			selftests/bench/queues/latency.sh 5 "$BENCH_SECONDS" > $out/latency.txt ||
			{ tail $out/latency.txt >&2; exit 1; }
		;;
	*) die "BENCH_PARTS: '$part', expected cost or latency" ;;
	esac
done
selftests/bench/queues/report.py $out
