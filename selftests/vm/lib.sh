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

# kernel_version 6.12: the full version of that series in the guests' root, or
# of a kernel of our own
kernel_version() {
	local f
	if is_own_kernel "$1"; then
		cat "$(own_kernel "$1")/release"
		return
	fi
	for f in "$ROOT/usr/lib/modules/$1".[0-9]*; do
		[ -e "$f/modules.dep" ] && { echo "${f##*/}"; return 0; }
	done
	return 1
}

# kernel_image 6.12: Debian's split packages keep it with the modules
kernel_image() {
	local f version
	version=$(kernel_version "$1") || return 1
	! is_own_kernel "$1" || { echo "$(own_kernel "$1")/image"; return; }
	for f in "$ROOT/boot/vmlinuz-$version" \
		"$ROOT/usr/lib/modules/$version/vmlinuz"; do
		[ -e "$f" ] && { echo "$f"; return 0; }
	done
	return 1
}

known_kernel() {
	local k
	for k in $DMSC_KERNELS; do
		[ "$k" = "$1" ] && return 0
	done
	is_own_kernel "$1" || die "kernel '$1': expected one of: $DMSC_KERNELS $OWN_KERNELS"
}

# Kernels of our own configuration (kernel.sh): "debug" has all the detectors, "uml" and
# "umlsmp" are processes.
OWN_KERNELS='debug uml umlsmp'
# The series of the source package, for checkpatch and netlink's generator, too.
# shellcheck disable=SC2034 # for who sources this
KERNEL_SOURCE=7.3
TOOLS_LAYER=$DMSC_CACHE/tools

is_own_kernel() {
	[[ " $OWN_KERNELS " = *" $1 "* ]]
}

# own_config NAME: its configuration, over tinyconfig; what comes last counts
own_config() {
	local dir=$TOP/selftests/vm/kernels

	[ "$1" != umlsmp ] || cat "$dir/uml.config"
	cat "$dir/$1.config"
	[ "$1" != debug ] || cat "$dir/detectors.config"
}

# own_kernel NAME: its folder, whether it is built or not; comments make no other kernel
own_kernel() {
	echo "$DMSC_CACHE/kernel-$1-$(own_config "$1" | grep '^CONFIG_' | sha256sum | cut -c1-16)"
}

# need_kernel 6.12: the guests' root with that kernel, or a kernel of our own
need_kernel() {
	if is_own_kernel "$1"; then
		"$TOP/selftests/vm/kernel.sh" "$1" > /dev/null
	else
		"$TOP/selftests/vm/root.sh" "$1"
	fi
}

# in_build_root BUILD DIR COMMAND...: in the guests' root with the tools for
# kernels over it. The kernel's source is /src there, BUILD is /mnt, DIR is
# /dmsc. The mounts go with the command.
in_build_root() {
	# shellcheck disable=SC2016 # the inner shell's arguments
	unshare --mount bash -c 'root=$(mktemp -d) &&
		mount -t overlay -o "lowerdir=$1:$2" none "$root" && mount --bind "$3" "$root/src" &&
		mount --bind "$4" "$root/mnt" && mount --bind "$5" "$root/dmsc" &&
		mount -t proc none "$root/proc" && mount -t tmpfs none "$root/tmp" &&
		mount --bind /dev/null "$root/dev/null" && shift 5 && env -u PWD -u OLDPWD chroot "$root" "$@"
		status=$?; umount -R "$root"; rmdir "$root"; exit $status' \
		in_build_root "$TOOLS_LAYER" "$ROOT" "$DMSC_CACHE/source-$KERNEL_SOURCE" "$@"
}

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

# results_folder KERNEL COMMAND...: makes $out and leaves there what the guest is to run
results_folder() {
	mkdir -p "$out"
	out=$(cd "$out" && pwd)
	rm -rf "$out/.vm"
	mkdir "$out/.vm"
	echo "$1" > "$out/.vm/kernel"
	shift
	printf '%q ' exec "$@" > "$out/.vm/command"
}
