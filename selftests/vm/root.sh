#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# root.sh KERNEL...: makes the root file system of the guests, which is also
# where the module is built (gcc 12 cannot build for 6.12 and later), and puts
# the named kernels with their headers into it. Kept in $DMSC_CACHE; each step
# leaves a stamp, so that an interrupted run goes on where it stopped.
#
# root.sh --source: prints a folder with the kernel's own checkpatch and its
# word lists, out of Debian's kernel source package.
set -euo pipefail
. "$(dirname "$0")/lib.sh"

SUITE=trixie
SOURCE=linux-source-6.12
SOURCE_FILES=(scripts/checkpatch.pl scripts/spelling.txt scripts/const_structs.checkpatch)
PACKAGES=(iproute2 iperf3 bpftool kmod gcc make bc pahole libelf-dev python3 dkms
	ethtool procps iputils-ping busybox-static sparse libcap2-bin netcat-openbsd strace
	libbpf1 libmnl0 libyaml-0-2 libjansson4 libsqlite3-0 libsystemd0 libcmocka0)
keyring=/usr/share/keyrings/debian-archive-keyring.gpg

[ $# -gt 0 ] || die "usage: root.sh KERNEL...|--source (kernels: $DMSC_KERNELS)"
[ "$1" = --source ] || for series; do known_kernel "$series"; done

recipe=$(printf '%s\n' "$SUITE" "${PACKAGES[@]}" | sha256sum | cut -c1-16)
src=$DMSC_CACHE/$SOURCE

root_ready() { [ "$(cat "$ROOT/.recipe" 2>/dev/null)" = "$recipe" ]; }
kernel_ready() { [ -e "$ROOT/.kernel-$1" ] && kernel_version "$1" > /dev/null; }
source_ready() { [ -e "$src/.complete" ]; }
all_ready() {
	local series
	[ "$1" != --source ] || { source_ready; return; }
	root_ready || return 1
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
exec 9> "$DMSC_CACHE/lock"
flock -n 9 || { say "cache: waiting for another run that uses $DMSC_CACHE"; flock 9; }

# The mirror is the one that this machine's apt uses.
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v -- '-security' |
	sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
[ -n "$mirror" ] || die "root.sh: apt knows no package mirror (see /etc/apt/sources.list)"
[ -e "$keyring" ] || die "root.sh: no $keyring (package debian-archive-keyring)"

# An apt of our own, so that the machine's sources stay as they are.
apt=$DMSC_CACHE/apt
apt_options=(-q -o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null
	-o Dir::Etc::preferencesparts=/dev/null -o Dir::State::lists="$apt/lists" -o Dir::Cache="$apt"
	-o Dir::Cache::archives="$apt/archives" -o Dir::State::status=/dev/null
	-o APT::Sandbox::User=root -o APT::Architecture=amd64 -o Acquire::Retries=3)

apt_failed() {
	tail -n 3 "$DMSC_CACHE/apt.log" >&2
	die "$1, see $DMSC_CACHE/apt.log"
}

apt_update() {
	local suite
	mkdir -p "$apt"/{lists/partial,archives/partial}
	for suite in bookworm bookworm-updates trixie trixie-updates trixie-backports; do
		echo "deb [signed-by=$keyring] $mirror $suite main"
	done > "$apt/sources.list"
	apt-get "${apt_options[@]}" update > "$DMSC_CACHE/apt.log" 2>&1 ||
		apt_failed "apt-get update failed"
}

# newest REGEX: the newest package of that name in all the suites
newest() {
	apt-cache "${apt_options[@]}" search --names-only "$1" | awk '{ print $1 }' |
		grep -v -e -rt-amd64 -e -cloud-amd64 | sort -V | tail -n 1
}

# fetch PACKAGE...: into the current folder
fetch() {
	apt-get "${apt_options[@]}" download "$@" >> "$DMSC_CACHE/apt.log" 2>&1 ||
		apt_failed "cannot download $*"
}

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
	kernel_image "$abi" > /dev/null || die "kernel $series: no vmlinuz in ${names[*]}"
	rm -rf "$debs"
	touch "$ROOT/.kernel-$series"
}

add_source() {
	local debs=$apt/source tarball
	say "cache: $DMSC_CACHE: checkpatch out of Debian's $SOURCE (140 MB, about half a minute, once)"
	mkdir -p "$debs"
	(cd "$debs" && fetch "$SOURCE")
	rm -rf "$src" "$debs/tree"
	dpkg-deb --fsys-tarfile "$debs"/*.deb | tar -x -C "$debs" --wildcards './usr/src/*.tar.*'
	tarball=$(echo "$debs"/usr/src/*.tar.*)
	mkdir -p "$src"
	tar -xf "$tarball" -C "$src" --strip-components=1 "${SOURCE_FILES[@]/#/$SOURCE/}"
	rm -rf "$debs"
	touch "$src/.complete"
}

if [ "$1" = --source ]; then
	source_ready || { apt_update; add_source; }
	echo "$src"
	exit 0
fi
root_ready || make_root
updated=
for series; do
	kernel_ready "$series" && continue
	[ -n "$updated" ] || { apt_update; updated=1; }
	add_kernel "$series"
done
