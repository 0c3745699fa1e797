# SPDX-License-Identifier: GPL-2.0-or-later
# Shared by the scripts of this directory: where things are kept, and by whom.
# shellcheck shell=bash

DMSC_CACHE=${DMSC_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/dmsc}
ROOT=$DMSC_CACHE/root
# shellcheck disable=SC2034 # for who sources this
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
PATH=$PATH:/usr/sbin:/sbin
: "${DMSC_KERNELS:=6.1 6.12 7.3}"

say() { echo "dmsc: $*" >&2; }
die() { echo "dmsc: $*" >&2; exit 1; }

# kernel_version 6.12: the full version of that series in the guests' root
kernel_version() {
	local f
	for f in "$ROOT/usr/lib/modules/$1".[0-9]*; do
		[ -e "$f/modules.dep" ] && { echo "${f##*/}"; return 0; }
	done
	return 1
}

# kernel_image VERSION: Debian's split packages keep it with the modules
kernel_image() {
	local f
	for f in "$ROOT/boot/vmlinuz-$1" "$ROOT/usr/lib/modules/$1/vmlinuz"; do
		[ -e "$f" ] && { echo "$f"; return 0; }
	done
	return 1
}

known_kernel() {
	local k
	for k in $DMSC_KERNELS; do
		[ "$k" = "$1" ] && return 0
	done
	die "kernel '$1': expected one of: $DMSC_KERNELS"
}

# The series of the source package, for checkpatch and netlink's generator.
# shellcheck disable=SC2034 # for who sources this
KERNEL_SOURCE=7.3

# need_root SCRIPT ARGUMENT...: goes on as root; what the script leaves in the
# work tree is given back by give_back.
need_root() {
	[ "$(id -u)" = 0 ] && return 0
	command -v sudo > /dev/null || die "$(basename "$1"): must run as root, and there is no sudo"
	exec sudo env DMSC_CACHE="$DMSC_CACHE" DMSC_ACCEL="${DMSC_ACCEL:-}" V="${V:-}" \
		KBUILD_OPTIONS="${KBUILD_OPTIONS:-}" "$@"
}

give_back() {
	[ -z "${SUDO_UID:-}" ] || chown -R "$SUDO_UID:${SUDO_GID:-$SUDO_UID}" "$@"
}

# Two runs may share one cache: whoever uses the root holds the lock shared,
# whoever changes it exclusively.
use_root() {
	exec 8> "$DMSC_CACHE/lock"
	flock -s 8
}
