#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# test_dkms.sh KERNEL...: what `make install` leaves in /usr/src builds and
# installs through Debian's DKMS for each kernel, and not for one that is too
# old or was never tested. In a copy-on-write copy of the guests' root.
set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$TOP" || exit 1

[ $# -gt 0 ] || { echo "usage: test_dkms.sh KERNEL..." >&2; exit 2; }
if [ "$1" != --inside ]; then
	need_root "$0" "$@"
	selftests/vm/root.sh "$@" || exit 1
	use_root
	work=$(mktemp -d)
	trap 'rmdir "$work"' EXIT
	# What is mounted goes with the namespace.
	unshare --mount "$0" --inside "$work" "$@"
	exit
fi
work=$2
shift 2

n=0 bad=0
mount -t tmpfs none "$work" && mkdir "$work"/{upper,work,root} &&
	mount -t overlay -o "lowerdir=$ROOT,upperdir=$work/upper,workdir=$work/work" none "$work/root" &&
	mount -t proc none "$work/root/proc" || exit 1
# Debian 12's kernel asks for its own compiler by name; the root has Debian 13's.
ln -s gcc "$work/root/usr/bin/gcc-12"

point() { # DESCRIPTION COMMAND...
	local what=$1
	shift
	n=$((n + 1))
	if "$@" > "$work/log" 2>&1; then
		echo "ok $n - $what"
	else
		bad=1
		echo "not ok $n - $what"
		tail -n 30 "$work/log" | sed 's/^/# /'
	fi
}

in_root() { chroot "$work/root" "$@"; }
finds_it() { [ "$(in_root modprobe -S "$1" --resolve-alias net-sch-dmsc)" = sch_dmsc ]; }
# refuses VERSION: dkms leaves this kernel out (its exit status 77), and builds nothing
refuses() {
	local status=0
	mkdir -p "$work/root/usr/lib/modules/$1"
	cp -a "$work/root/usr/lib/modules/$version/build" "$work/root/usr/lib/modules/$1/"
	in_root dkms install "dmsc/$release" -k "$1" || status=$?
	[ "$status" = 77 ] && [ ! -e "$work/root/var/lib/dkms/dmsc/$release/$1" ]
}

echo "1..$((5 + 2 * $#))"
release=$(sed -n 's/^DMSC_VERSION := //p' version.mk)
point 'make install-src' make --no-print-directory install-src DESTDIR="$work/root" PREFIX=/usr
point 'dkms add' in_root dkms add "dmsc/$release"
for kernel; do
	version=$(kernel_version "$kernel")
	point "dkms install for $version" in_root dkms install "dmsc/$release" -k "$version"
	point "modprobe would find it as the qdisc dmsc" finds_it "$version"
done
for other in 5.10.0-30-amd64 6.0.5-1-amd64 7.4.1+deb14-amd64; do
	point "dkms leaves $other out" refuses "$other"
done
exit $bad
