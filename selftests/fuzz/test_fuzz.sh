#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_fuzz.sh [NAME...]: each fuzzer for a few seconds, from its corpus on and
# the same every time. FUZZ_SECONDS=n instead: that long, from another seed each
# time, which is what `make fuzz` does. An input that fails is kept in
# build/fuzz/ and named; `build/selftests/fuzz/fuzz_NAME FILE` runs it again.
#
# A fuzzer says in its opening comment how long it wants here: "fuzz-seconds: 10".
# Two run side by side.
set -u
cd "$(dirname "$0")/../.." || exit 1

fuzzers=()
for source in selftests/fuzz/fuzz_*.c; do
	name=$(basename "${source%.c}")
	name=${name#fuzz_}
	[ $# = 0 ] || [[ " $* " = *" $name "* ]] || continue
	fuzzers+=("$name")
done
echo "TAP version 13"
echo "1..${#fuzzers[@]}"

work=$(mktemp -d)
trap 'kill $(jobs -p) 2> /dev/null; rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP

fuzz() { # NAME: leaves its result in $work
	local name=$1 binary=build/selftests/fuzz/fuzz_$1 wanted seconds found=build/fuzz/corpus/$1 args
	wanted=$(sed -n 's/.*fuzz-seconds: *\([0-9]*\).*/\1/p' "selftests/fuzz/fuzz_$name.c" | head -n 1)
	seconds=${FUZZ_SECONDS:-${wanted:-10}}
	mkdir -p "$found"
	args=(-max_total_time="$seconds" -artifact_prefix="build/fuzz/$name-" -max_len=2048
		-timeout=60 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0)
	if [ -z "${FUZZ_SECONDS:-}" ]; then
		args+=(-seed=1)
		# What it finds is not for the next time, which is to be like this one.
		rm -rf "$found" && mkdir -p "$found"
	fi
	# Openings worth starting from: an input a line, in hexadecimal.
	[ ! -e "selftests/fuzz/corpus_$name.txt" ] ||
		python3 -c 'import sys
inputs = [line.split("#")[0] for line in open(sys.argv[1])]
for i, text in enumerate(inputs):
    if text.strip():
        open(f"{sys.argv[2]}/seed{i}", "wb").write(bytes.fromhex(text))
' "selftests/fuzz/corpus_$name.txt" "$found"
	if "$binary" "${args[@]}" "$found" > "build/fuzz/$name.log" 2>&1; then
		echo "$name: $(sed -n 's/^stat::number_of_executed_units: *//p' "build/fuzz/$name.log") runs in $seconds s" > "$work/$name"
	fi
}

for name in "${fuzzers[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge 2 ]; do
		wait -n
	done
	fuzz "$name" &
done
wait

n=0 failed=0
for name in "${fuzzers[@]}"; do
	n=$((n + 1))
	if [ -s "$work/$name" ]; then
		echo "ok $n - $(< "$work/$name")"
	else
		echo "not ok $n - $name"
		tail -n 60 "build/fuzz/$name.log" | sed 's/^/# /'
		failed=1
	fi
done
exit $failed
