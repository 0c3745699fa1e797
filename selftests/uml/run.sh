#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# run.sh: runs one command on a User Mode Linux kernel: a process, at native
# speed, or in virtual time. See usage(). The root is the guests' (vm/root.sh),
# read-only; it needs no privilege beyond reading that.
set -euo pipefail
. "$(dirname "$0")/../vm/lib.sh"

usage() {
	cat <<-END
	usage: uml/run.sh KERNEL [OPTION]... -- COMMAND [ARGUMENT]...
	KERNEL is uml, or umlsmp with two processors (vm/kernel.sh). The command runs in /dmsc, which is
	this work tree, read-only; what it writes into /results is kept in --out.
	  --virtual      time passes only where somebody waits; the processor costs none (uml)
	  --timeout S    seconds of real time, boot included (default 300)
	  --mem M        MiB (default 1024)
	  --out DIR      /results of the guest; gets kernel.log as well
	Exit status: as vm/run.sh's.
	END
}

kernel='' timeout=300 mem=1024 out='' options=() seccomp=auto
while [ $# -gt 0 ]; do
	case $1 in
	--virtual) options+=(time-travel=inf-cpu); shift ;;
	--timeout) timeout=$2; shift 2 ;;
	--mem) mem=$2; shift 2 ;;
	--out) out=$2; shift 2 ;;
	--help) usage; exit 0 ;;
	--) shift; break ;;
	-*) usage >&2; exit 2 ;;
	*) kernel=$1; shift ;;
	esac
done
case $kernel in
uml) [ $# -gt 0 ] ;;
umlsmp) [ $# -gt 0 ] && [ ${#options[@]} = 0 ] && options=(ncpus=2) seccomp=on ;;
*) false ;;
esac || { usage >&2; exit 2; }
need_kernel "$kernel"
use_root

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
[ -n "$out" ] || out=$work/out
results_folder "$kernel" "$@"
case $TOP$out in
*[[:space:],\"=]*) die "uml/run.sh: $TOP, $out: a blank, comma, quote or = in a folder's name" ;;
esac

# The kernel hands what follows "--" to its init; quotes keep it one argument.
first="mount -r -t hostfs none /dmsc -o hostfs=$TOP && mount -t hostfs none /results -o hostfs=$out"
first+=" && exec /bin/bash /dmsc/selftests/uml/init.sh"
rc=0
TMPDIR=$work timeout -k 10 "$timeout" "$(kernel_image "$kernel")" "mem=${mem}M" root=/dev/root rootfstype=hostfs \
	"rootflags=$ROOT" ro con=null con0=fd:0,fd:1 quiet panic=-1 "seccomp=$seccomp" "${options[@]}" \
	init=/bin/sh -- -c "\"$first\"" < /dev/null > "$work/console" 2>&1 || rc=$?
give_back "$out"
[ ! -e "$out/.vm/stdout" ] || cat "$out/.vm/stdout"
if [ "$rc" = 124 ] || [ "$rc" = 137 ]; then
	say "uml/run.sh: $kernel: nothing after $timeout s, killed; its last lines:"
	tail -n 5 "$work/console" >&2
	exit 124
fi
if [ ! -e "$out/.vm/status" ]; then
	say "uml/run.sh: $kernel: it ended without a result (status $rc); its last lines:"
	tail -n 15 "$work/console" >&2
	exit 126
fi
"$TOP/selftests/vm/splat.sh" "$out/kernel.log" >&2 || exit 125
exit "$(cat "$out/.vm/status")"
