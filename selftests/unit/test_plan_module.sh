#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Plans that a functional module has a say in, by the command line: the example
# module, built outside the tree, and modules that break while they are asked.
set -u
cd "$(dirname "$0")/../.." || exit 1
ctl=build/user/dmscctl

tests=0 failed=0
ok() { # NAME
	tests=$((tests + 1))
	echo "ok $tests - $1"
}
not_ok() { # NAME WHY
	tests=$((tests + 1))
	failed=$((failed + 1))
	echo "not ok $tests - $1"
	printf '%s\n' "$2" | sed 's/^/# /'
}
like() { # NAME TEXT PATTERN
	# shellcheck disable=SC2254 # a pattern is wanted
	case $2 in
	$3) ok "$1" ;;
	*) not_ok "$1" "got '$2', expected '$3'" ;;
	esac
}

[ -x $ctl ] || { echo "Bail out! $ctl is not built"; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir "$work/include"
cp user/lib/module_api.h "$work/include/"
cp examples/module/shortest.c examples/module/Makefile "$work/"
make -s -C "$work" HEADERS="$work/include" > "$work/log" 2>&1 ||
	{ not_ok 'the example module is built outside the tree' "$(cat "$work/log")"; }

module() { # NAME FUNCTIONS MEMBERS: one more module, from a few lines
	cat > "$work/$1.c" <<-EOF
	#include <stdlib.h>
	#include <unistd.h>
	#include "module_api.h"
	$2
	const struct dmsc_module dmsc_module = {
		.version = DMSC_MODULE_VERSION, .size = sizeof(dmsc_module), .name = "$1", $3
	};
	EOF
	cc -O1 -w -I"$work/include" -shared -fPIC -o "$work/$1.so" "$work/$1.c"
}
plan() { # OUTPUT OPTION...
	local out=$work/$1.json
	shift
	$ctl plan -f examples/gpt13b.yaml -t examples/cluster4.yaml -o "$out" "$@" 2>&1
}
# members of the plan, by a line of Python over p
see() { # PLAN EXPRESSION
	python3 -c "import json, sys; p = json.load(open(sys.argv[1])); print($2)" "$work/$1.json"
}
sent='for f in p["flows"] if f["path"] is not None and not f["bulk"]'
flows='hash(json.dumps(p["flows"]))'
export PYTHONHASHSEED=0

plan builtin > /dev/null
like 'without a module: rails by the path core' "$(see builtin 'p["certificate"]["core"]')" True

# Small flows first: pipeline has 20 MiB a flow, so with a limit of 1 MiB all are large.
plan example -m "$work/shortest.so" > "$work/out"
like 'the example module ranks flows' \
	"$(see example "{f.get('rank', 0) for f in p['flows'] if not f['bulk'] and f['bytes'] > 1 << 20}")" '{1}'
like 'and leaves paths to the built-in one' "$(see example 'p["certificate"]["core"]')" True

module swap '
static int policy(const struct dmsc_module_flow *f, struct dmsc_module_importance *o)
{ o->class = f->class == 3 ? 4 : f->class; o->rank = f->class == 3 ? 7 : 20; return 0; }
static int path(const struct dmsc_module_way *w, uint32_t n, uint32_t *c)
{ *c = n - 1; return 0; }' '.policy = policy, .path = path'
plan swap -m "$work/swap.so" > "$work/out"
like 'a module gives flows other classes' "$(see swap "sorted({f['class'] for f in p['flows']})")" \
	"*expert*"
like 'of which slots and ports are made' \
	"$(see swap "all(p['instances'][f['dst']]['ports'][4] for f in p['flows'] if f['class'] == 'expert')")" True
like 'and other links' "$(see swap 'p["certificate"]["core"]')" False
# The ways are given from the own rail on, so that the last is the other one.
like 'each the last of those that lead there' \
	"$(see swap "{(f['src'] + p['paths'][f['path']]['link']) % 2 $sent}")" '{1}'
like 'ranks of queues have no gaps' \
	"$(see swap "sorted({i.get('rank', 0) for i in p['instances']})")" '\[0*'

module crash '
static int policy(const struct dmsc_module_flow *f, struct dmsc_module_importance *o)
{ abort(); }' '.policy = policy'
out=$(plan crash -m "$work/crash.so")
like 'one that crashes: told' "$out" \
	'warning: module crash: ended by signal 6 (Aborted); the built-in one takes over*'
like 'and noted in the plan' "$(see crash 'p["notes"]')" '*module crash: ended by signal 6*'
like 'which is the built-in one for the rest' \
	"$(see crash "$flows")" "$(see builtin "$flows")"

module slow '
static int path(const struct dmsc_module_way *w, uint32_t n, uint32_t *c)
{ static int k; if (k++ == 5) pause(); *c = 0; return 0; }' '.path = path'
out=$(plan slow -m "$work/slow.so")
like 'one that takes too long: told' "$out" \
	'warning: module slow: no answer within 100 ms*; the built-in one takes over*'
like 'and each flow between hosts has a path' "$(see slow "len([f $sent]) > 90")" True

module wild '
static int policy(const struct dmsc_module_flow *f, struct dmsc_module_importance *o)
{ o->class = 9; o->rank = 0; return 0; }' '.policy = policy'
like 'one that answers nonsense: told' "$(plan wild -m "$work/wild.so")" \
	'warning: module wild: class or rank out of range*'

sed "s|^name: gpt13b|&\nmodule: $work/shortest.so|" examples/gpt13b.yaml > "$work/job.yaml"
$ctl plan -f "$work/job.yaml" -t examples/cluster4.yaml -o "$work/job.json" > /dev/null 2>&1
like 'a job file names its module' "$(see job "$flows")" "$(see example "$flows")"
sed -i "s|shortest.so|none.so|" "$work/job.yaml"
out=$($ctl plan -f "$work/job.yaml" -t examples/cluster4.yaml 2>&1)
like 'one that there is not: status 2' $? 2
like 'and file, line and field' "$out" "dmscctl: $work/job.yaml:5: module: *none.so*"

echo "1..$tests"
[ $failed = 0 ]
