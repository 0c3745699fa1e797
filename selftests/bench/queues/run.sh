#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh (= `make bench-queues`): the qdisc beside the kernel's own, in User Mode
# Linux; see usage(). Decides nothing.
set -euo pipefail
. "$(dirname "$0")/../../vm/lib.sh"
: "${BENCH_REPEATS:=5}" "${BENCH_ROUNDS:=41}" "${BENCH_SECONDS:=1}"
: "${BENCH_PARTS:=latency share completion cost cores}"
cd "$TOP"

usage() {
	cat <<-END
	usage: make bench-queues, or queues/run.sh; took some 50 minutes on two cores with a load of 10.
	What is missing is built first: two kernels (16 minutes of processor time, once), the
	modules. Prints one table; leaves build/bench/queues.json, queues.txt (each part's own
	tables) and queues*.svg. In the environment:
	  BENCH_PARTS="latency share completion cost cores"
	                     what to measure; the rest of the table is the last run's
	  BENCH_REPEATS=5    of everything, all set-ups in turn
	  BENCH_ROUNDS=41    cost, cores: of which a repeat is the median
	  BENCH_SECONDS=1    latency: of virtual time, a set-up and repeat
	END
}
if [ $# -gt 0 ]; then
	usage
	[ "$*" = --help ] || exit 2
	exit 0
fi

[ "$BENCH_REPEATS" -ge 1 ] || die "BENCH_REPEATS: '$BENCH_REPEATS', expected a number, 1 or more"
for part in $BENCH_PARTS; do
	case $part in
	cost | cores | latency | share | completion) ;;
	*) die "BENCH_PARTS: '$part', expected some of: latency share completion cost cores" ;;
	esac
done
make -j2 all build/selftests/bench/queues/setup
out=build/bench/queues
mkdir -p $out

# measure PART KERNEL [OPTION...] -- ARGUMENT...: of the part's script in a guest
measure() {
	local part=$1 kernel=$2 options=() start=$SECONDS
	shift 2
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	selftests/vm/kernel.sh "$kernel" > /dev/null
	selftests/vm/kbuild.sh "$kernel"
	selftests/vm/kbuild.sh "$kernel" "$TOP/selftests/bench/queues/module" bench_qdisc
	say "$part: $BENCH_REPEATS repeats"
	selftests/uml/run.sh "$kernel" "${options[@]}" --timeout 3600 --out "$out/$part" -- \
		"selftests/bench/queues/$part.sh" "$@" > "$out/$part.new" ||
		{ tail -n 20 "$out/$part.new" >&2; die "$part: failed"; }
	mv "$out/$part.new" "$out/$part.txt"
	say "$part: $((SECONDS - start)) s"
}
for part in $BENCH_PARTS; do
	case $part in
	cost) measure cost uml --mem 1500 -- "$BENCH_REPEATS" "$BENCH_ROUNDS" ;;
	cores) measure cores umlsmp -- "$BENCH_REPEATS" "$BENCH_ROUNDS" ;;
	latency)
		measure latency uml --virtual -- "$BENCH_REPEATS" "$BENCH_SECONDS"
		echo "$BENCH_SECONDS" > $out/latency.seconds
		;;
	share) measure share uml --virtual -- "$BENCH_REPEATS" ;;
	completion) measure completion uml --virtual -- "$BENCH_REPEATS" 8 ;;
	esac
done
give_back build
selftests/bench/queues/report.py $out "$(cat $out/latency.seconds 2> /dev/null || echo "$BENCH_SECONDS")"
