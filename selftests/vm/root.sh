#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# root.sh KERNEL...: makes the root file system of the guests, which is also
# where the module is built (gcc 12 cannot build for 6.12 and later), and puts
# the named kernels with their headers into it. Kept in $DMSC_CACHE; each step
# leaves a stamp, so that an interrupted run goes on where it stopped.
#
# root.sh --source: prints a folder with the kernel's own checkpatch and its word
# lists, and its generator and client for netlink specifications, out of Debian's
# kernel source package.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SUITE=trixie
SOURCE=linux-source-$KERNEL_SOURCE
SOURCE_FILES=(scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch
	tools/net/ynl/pyynl Documentation/netlink/genetlink-legacy.yaml)
PACKAGES=(iproute2 iperf3 bpftool kmod gcc make bc pahole libelf-dev python3 dkms
	ethtool procps iputils-ping busybox-static sparse libcap2-bin netcat-openbsd strace
	libbpf1 libmnl0 libyaml-0-2 libjansson4 libsqlite3-0 libsystemd0 libcmocka0)
# Libraries without dependencies of their own: unpacked into a root that is there already.
LIBRARIES=(libkissfft-float131)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

[ $# -gt 0 ] || die "usage: root.sh KERNEL...|--source (kernels: $DMSC_KERNELS)"
[ "$1" = --source ] || for series; do known_kernel "$series"; done

recipe=$(printf '%s\n' "$SUITE" "${PACKAGES[@]}" | sha256sum | cut -c1-16)
source_recipe=$(printf '%s\n' "${SOURCE_FILES[@]}" | sha256sum | cut -c1-16)
src=$DMSC_CACHE/$SOURCE

root_ready() { [ "$(cat "$ROOT/.recipe" 2>/dev/null)" = "$recipe" ]; }
libraries_ready() {
	local name
	for name in "${LIBRARIES[@]}"; do
		[ -e "$ROOT/.library-$name" ] || return 1
	done
}
kernel_ready() { [ -e "$ROOT/.kernel-$1" ] && kernel_version "$1" > /dev/null; }
source_ready() { [ -e "$src/.complete-$source_recipe" ]; }
all_ready() {
	local series
	[ "$1" != --source ] || { source_ready; return; }
	root_ready && libraries_ready || return 1
	for series; do
		kernel_ready "$series" || return 1
	done
}

# Nothing to do is the usual case, and needs neither root nor the lock.
if all_ready "$@"; then
	[ "$1" != --source ] || echo "$src"
	exit 0
fi
need_root "$0" "$@"
mkdir -p "$DMSC_CACHE"
# The source is no part of the root, and guests may go on while it is fetched.
add_source() {
	local debs whole=$DMSC_CACHE/source-$KERNEL_SOURCE tarball
	# shellcheck source=selftests/vm/apt.sh
	. "$(dirname "$0")/apt.sh"
	debs=$apt/source
	if [ -e "$whole/.complete" ]; then
		rm -rf "$src"
		mkdir -p "$src"
		(cd "$whole" && cp -a --parents -t "$src" "${SOURCE_FILES[@]}")
		touch "$src/.complete-$source_recipe"
		return
	fi
	apt_update
	say "cache: $DMSC_CACHE: tools out of Debian's $SOURCE (150 MB, about half a minute, once)"
	mkdir -p "$debs"
	(cd "$debs" && fetch "$SOURCE")
	rm -rf "$src" "$debs/tree"
	dpkg-deb --fsys-tarfile "$debs"/*.deb | tar -x -C "$debs" --wildcards './usr/src/*.tar.*'
	tarball=$(echo "$debs"/usr/src/*.tar.*)
	mkdir -p "$src"
	tar -xf "$tarball" -C "$src" --strip-components=1 "${SOURCE_FILES[@]/#/$SOURCE/}"
	rm -rf "$debs"
	touch "$src/.complete-$source_recipe"
}

if [ "$1" = --source ]; then
	source_ready || add_source
	echo "$src"
	exit 0
fi

add_libraries() {
	local name debs
	for name in "${LIBRARIES[@]}"; do
		[ -e "$ROOT/.library-$name" ] && continue
		debs=$apt/library-$name
		mkdir -p "$debs"
		(cd "$debs" && fetch "$name")
		dpkg-deb -x "$debs"/*.deb "$ROOT"
		rm -rf "$debs"
		touch "$ROOT/.library-$name"
	done
}

# Guests that run do not mind a library more, and may hold the root for long.
if root_ready && ! libraries_ready; then
	exec 9> "$DMSC_CACHE/lock"
	flock -s 9
	# shellcheck source=selftests/vm/apt.sh
	. "$(dirname "$0")/apt.sh"
	apt_update
	add_libraries
	flock -u 7
	flock -u 9
	all_ready "$@" && exit 0
fi

exec 9> "$DMSC_CACHE/lock"
flock -n 9 || { say "cache: waiting for another run that uses $DMSC_CACHE"; flock 9; }

# shellcheck source=selftests/vm/apt.sh
. "$(dirname "$0")/apt.sh"

make_root() {
	local include
	say "cache: $DMSC_CACHE: guest root, Debian $SUITE (about 2 minutes, once)"
	rm -rf "$ROOT" "$ROOT.new" "$DMSC_CACHE"/initramfs-*
	include=$(IFS=,; echo "${PACKAGES[*]}")
	debootstrap --variant=minbase --include="$include" --keyring="$keyring" \
		"$SUITE" "$ROOT.new" "$mirror" > "$DMSC_CACHE/debootstrap.log" 2>&1 || {
		tail -n 5 "$DMSC_CACHE/debootstrap.log" >&2
		die "debootstrap failed, see $DMSC_CACHE/debootstrap.log"
	}
	rm -rf "$ROOT.new"/var/cache/apt/archives/*.deb "$ROOT.new"/var/lib/apt/lists/* \
		"$ROOT.new"/usr/share/{doc,man,locale}/*
	mkdir -p "$ROOT.new"/{dmsc,results,src}
	echo "$recipe" > "$ROOT.new/.recipe"
	mv "$ROOT.new" "$ROOT"
}

# Headers need the kbuild package of the very same version and the common half;
# up to 6.12 one package holds image and modules, later ones are split.
add_kernel() {
	local series=$1 abi names n debs
	say "cache: $DMSC_CACHE: kernel $series with headers (about half a minute, once)"
	abi=$(newest "^linux-headers-${series//./\\.}\\.[0-9].*-amd64\$")
	abi=${abi#linux-headers-}
	[ -n "$abi" ] || die "no kernel $series in Debian bookworm, trixie or trixie-backports"
	names=("linux-headers-$abi" "linux-headers-${abi%-amd64}-common")
	for n in "linux-kbuild-${abi%-amd64}" "linux-kbuild-$series" "linux-base-$abi" \
		"linux-binary-$abi" "linux-modules-$abi" "linux-image-$abi"; do
		apt-cache "${apt_options[@]}" show "$n" > /dev/null 2>&1 || continue
		case "$n ${names[*]}" in
		linux-image-*" linux-binary-"*) ;;
		linux-kbuild-"$series "*" linux-kbuild-"*) ;;
		*) names+=("$n") ;;
		esac
	done
	debs=$apt/kernel-$abi
	mkdir -p "$debs"
	(cd "$debs" && fetch "${names[@]}")
	rm -rf "$debs/tree"
	for n in "$debs"/*.deb; do
		dpkg-deb -x "$n" "$debs/tree"
	done
	# A package's /lib is the root's /usr/lib.
	if [ -d "$debs/tree/lib" ]; then
		mkdir -p "$debs/tree/usr/lib"
		cp -a "$debs/tree/lib/." "$debs/tree/usr/lib/"
		rm -rf "$debs/tree/lib"
	fi
	# The module under test is looked for in updates/, here and in the guest.
	mkdir -p "$debs/tree/usr/lib/modules/$abi/updates"
	cp -a "$debs/tree/." "$ROOT/"
	chroot "$ROOT" depmod "$abi"
	[ "$(kernel_version "$series")" = "$abi" ] || die "kernel $series: $abi did not unpack as expected"
	kernel_image "$series" > /dev/null || die "kernel $series: no vmlinuz in ${names[*]}"
	rm -rf "$debs"
	touch "$ROOT/.kernel-$series"
}

root_ready || make_root
libraries_ready || { apt_update; add_libraries; }
updated=
for series; do
	kernel_ready "$series" && continue
	[ -n "$updated" ] || { apt_update; updated=1; }
	add_kernel "$series"
done
