#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kernel.sh NAME: builds a kernel out of Debian's newest kernel source with the
# project's own configuration, kernels/*.config over tinyconfig, and prints
# its folder:
#   image       bzImage
#   release     as `uname -r` prints it
#   build/      what a module is built against (as /mnt, with the source as /src)
# kernel.sh --source prints the folder of the kernel's source instead.
#
# Kept in $DMSC_CACHE under a name that follows from the configuration. An
# interrupted build goes on where it stopped. Everything happens in the guests'
# root, with a layer over it that has the tools which only kernels need.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

TOOLS=(flex bison m4 python3-yaml)

[ $# = 1 ] || die "usage: kernel.sh NAME|--source (names: $OWN_KERNELS)"
name=$1
source=$DMSC_CACHE/source-$KERNEL_SOURCE
if [ "$name" != --source ]; then
	is_own_kernel "$name" || die "kernel '$name': expected one of: $OWN_KERNELS"
	dir=$(own_kernel "$name")
	if [ -e "$dir/complete" ]; then
		echo "$dir"
		exit 0
	fi
elif [ -e "$source/.complete" ]; then
	echo "$source"
	exit 0
fi
need_root "$0" "$@"
"$(dirname "$0")/root.sh" "$KERNEL_SOURCE"
mkdir -p "$DMSC_CACHE"
exec 6> "$DMSC_CACHE/kernel$name.lock"
flock -n 6 || { say "cache: waiting for another run that builds kernel '$name'"; flock 6; }

# make_source: the source, and the tools as an unpacked layer
make_source() {
	local debs
	# shellcheck source=selftests/vm/apt.sh
	. "$(dirname "$0")/apt.sh"
	# Another kernel's build may have made it in the meantime.
	[ ! -e "$source/.complete" ] || return 0
	say "cache: $DMSC_CACHE: source of Debian's kernel $KERNEL_SOURCE (150 MB, a minute, once)"
	apt_update
	debs=$apt/own-kernels
	rm -rf "$debs" "$source" "$source.new" "$TOOLS_LAYER" "$TOOLS_LAYER.new"
	mkdir -p "$debs" "$source.new" "$TOOLS_LAYER.new"
	(cd "$debs" && fetch "${TOOLS[@]/%//trixie}" "linux-source-$KERNEL_SOURCE")
	dpkg-deb --fsys-tarfile "$debs/linux-source-$KERNEL_SOURCE"_*.deb |
		tar -x -O --wildcards './usr/src/*.tar.xz' |
		xz -dc -T2 | tar -x -C "$source.new" --strip-components=1
	rm "$debs/linux-source-$KERNEL_SOURCE"_*.deb
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$TOOLS_LAYER.new"
	done
	rm -rf "$debs"
	mv "$TOOLS_LAYER.new" "$TOOLS_LAYER"
	mv "$source.new" "$source"
	touch "$source/.complete"
}
[ -e "$source/.complete" ] || (make_source)
if [ "$name" = --source ]; then
	echo "$source"
	exit 0
fi

use_root
case $name in
uml | umlsmp) arch=um image=linux targets=(linux modules) minutes=8 ;;
debug) arch=x86_64 image=arch/x86/boot/bzImage targets=(bzImage modules) minutes=24 ;;
esac
log=$dir/build.log
mkdir -p "$dir/build"
say "cache: $dir: kernel '$name' (about $minutes minutes of processor time, once; log: $log)"
own_config "$name" > "$dir/build/fragment.config"
kmake() { in_build_root "$dir/build" "$dir" make -s -C /src O=/mnt ARCH="$arch" CC=gcc "$@"; }

if [ ! -e "$dir/build/.config" ]; then
	kmake tinyconfig > "$log" 2>&1 || die "tinyconfig failed, see $log"
	cat "$dir/build/fragment.config" >> "$dir/build/.config"
fi
kmake olddefconfig >> "$log" 2>&1 || die "olddefconfig failed, see $log"
# An option that went away with one of its dependencies would go unnoticed.
lost=$(awk -F= '/^CONFIG_/ { if (NR == FNR) want[$1] = $2; else have[$1] = $2 }
	END { for (o in want) if (want[o] != (o in have ? have[o] : "n")) printf " %s=%s", o, want[o] }' \
	"$dir/build/fragment.config" "$dir/build/.config")
[ -z "$lost" ] || { rm "$dir/build/.config"; die "kernels/*.config: for kernel '$name', the source does not take$lost"; }

# progress: compiled files, where somebody looks
progress() {
	while sleep 5; do
		printf '\rdmsc: kernel %s: %d files compiled' "$name" \
			"$(find "$dir/build" -name '*.o' | wc -l)" >&2
	done
}
watcher=
if [ -t 2 ]; then
	progress &
	watcher=$!
fi
trap '[ -z "$watcher" ] || kill $watcher 2> /dev/null' EXIT
trap 'exit 130' INT TERM HUP
kmake -j2 "${targets[@]}" >> "$log" 2>&1 || { tail -n 20 "$log" >&2; die "building kernel '$name' failed, see $log"; }
[ -z "$watcher" ] || echo >&2

cp "$dir/build/$image" "$dir/image"
cp "$dir/build/include/config/kernel.release" "$dir/release"
# Modules need the symbols, the types (in vmlinux) and the tools, not the objects.
if [ "$name" = debug ]; then
	in_build_root "$dir/build" "$dir" strip --strip-debug -o /mnt/types /mnt/vmlinux
fi
find "$dir/build" \( -name '*.[ao]' -o -name '.*.cmd' -o -name 'vmlinux*' \) -not -path '*/scripts/*' \
	-not -path '*/tools/*' -delete
[ ! -e "$dir/build/types" ] || mv "$dir/build/types" "$dir/build/vmlinux"
touch "$dir/complete"
# Earlier configurations, which no work tree has used for a while.
find "$DMSC_CACHE" -maxdepth 1 -name "kernel-$name-*" -mtime +7 ! -path "$dir" -exec rm -rf {} +
echo "$dir"
