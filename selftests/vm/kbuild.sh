#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kbuild.sh KERNEL [SOURCE-DIR NAME]: builds sch_dmsc.ko (or NAME.ko out of
# another folder, which finds include/uapi as uapi/ beside its sources) for a
# kernel of the guests' root or one of our own (kernel.sh),
# inside that root, whose gcc and binutils fit all kernels. Warnings are errors. Leaves
#   build/kmod/KERNEL/NAME.ko
#   build/kmod/KERNEL/depmod/   modprobe's tables with sch_dmsc in them
# Built again only when a source, the recipe of the root or the kernel changed.
#
# KBUILD_OPTIONS is passed on to make ("C=2 ..." for sparse); what is built then
# is a check and not kept.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

[ $# = 1 ] || [ $# = 3 ] || die "usage: kbuild.sh KERNEL [SOURCE-DIR NAME]"
series=$1
dir=${2:-$TOP}
name=${3:-sch_dmsc}
known_kernel "$series"
need_root "$0" "$@"
need_kernel "$series"
use_root
version=$(kernel_version "$series")
out=$TOP/build/kmod/$series
# Debian's headers name the compiler that built the kernel; 6.1's is not in the root.
options=(CC=gcc W=1 KCFLAGS=-Werror)
read -ra more <<< "${KBUILD_OPTIONS:-}"

cd "$dir"
if [ "$dir" = "$TOP" ]; then
	mapfile -t files < <(find Kbuild version.mk kmod include/uapi -type f -name '[!.]*' | sort)
else
	mapfile -t files < <(find . -type f -name '[!.]*' | sort)
fi
# Kernels of our own may differ in their configuration alone.
own=
! is_own_kernel "$series" || own=$(own_kernel "$series")
state=$({ echo "$version ${options[*]} $own"; cat "$ROOT/.recipe" "$TOP/selftests/vm/kbuild.sh"; sha256sum "${files[@]}" "$TOP"/include/uapi/linux/*.h; } | sha256sum)
if [ ${#more[@]} = 0 ] && [ -e "$out/$name.ko" ] && [ "$(cat "$out/$name.state" 2> /dev/null)" = "$state" ]; then
	exit 0
fi

# A folder of its own, so that a file which is gone is gone from the build too.
work=$(mktemp -d "$DMSC_CACHE/kbuild.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM HUP
cp --parents -t "$work" "${files[@]}"
cd "$TOP"
[ "$dir" = "$TOP" ] || cp -r include/uapi "$work/uapi"
mkdir -p "$out"

# in_root COMMAND...: with $work as /src; the mount is gone with the command
in_root() {
	if is_own_kernel "$series"; then
		in_build_root "$(own_kernel "$series")/build" "$work" "$@"
		return
	fi
	# shellcheck disable=SC2016 # the inner shell's arguments
	unshare --mount bash -c 'mount --bind "$1" "$2/src" && mount --bind "$1" "$2/usr/lib/modules/$3/updates" &&
		mount -t proc none "$2/proc" && exec chroot "$2" "${@:4}"' in_root "$work" "$ROOT" "$version" "$@"
}

[ "${V:-}" = 1 ] || options+=(-s)
log=$out/$name.log
[ ${#more[@]} != 0 ] || rm -f "$out/$name.ko" "$out/$name.state"
[ ${#more[@]} = 0 ] || log=$out/$name-check.log
status=0
headers=/lib/modules/$version/build M=/src
case $series in
debug) headers=/mnt M=/dmsc ;;
uml | umlsmp) headers=/mnt M=/dmsc options+=(ARCH=um) ;;
esac
in_root make -j2 -C "$headers" M=$M "${options[@]}" "${more[@]}" modules \
	> "$log" 2>&1 || status=$?
[ "${V:-}" != 1 ] || cat "$log"
if [ $status != 0 ]; then
	sed -E 's#(^|[ (])'$M'/#\1#g' "$log" >&2
	die "building $name.ko for $version failed"
fi
# modpost and sparse warn without failing.
if grep -i 'warning' "$log" | grep -v 'Skipping BTF generation' >&2; then
	die "building $name.ko for $version: warnings, see $log"
fi
[ ${#more[@]} = 0 ] || exit 0
if [ "$dir" = "$TOP" ]; then
	if is_own_kernel "$series"; then
		# Nowhere else, so the tables are of a tree with nothing but this module.
		modules=depmod/lib/modules/$version
		mkdir -p "$work/$modules/updates"
		cp "$(own_kernel "$series")"/build/modules.{order,builtin,builtin.modinfo} "$work/$modules/"
		cp "$work/$name.ko" "$work/$modules/updates/"
		in_root depmod --basedir /dmsc/depmod "$version"
		rm -r "${work:?}/$modules/updates"
	else
		in_root depmod --outdir /src/depmod "$version"
	fi
	rm -rf "$out/depmod"
	cp -a "$work/depmod" "$out/"
fi
cp "$work/$name.ko" "$out/$name.ko"
echo "$state" > "$out/$name.state"
give_back "$TOP/build"
