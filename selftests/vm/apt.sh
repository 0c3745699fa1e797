# SPDX-License-Identifier: GPL-2.0-or-later
# Debian packages of the guests' suites, without touching the machine's own apt.
# Sourced after lib.sh; whoever sources it has the lists and archives to itself.
# shellcheck shell=bash

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

mkdir -p "$DMSC_CACHE"
exec 7> "$DMSC_CACHE/apt.lock"
flock 7

# The mirror is the one that this machine's apt uses.
# shellcheck disable=SC2016 # apt's own variable
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v -- '-security' |
	sort | uniq -c | sort -rn | awk 'NR == 1 { print $2 }')
[ -n "$mirror" ] || die "apt knows no package mirror (see /etc/apt/sources.list)"
[ -e "$keyring" ] || die "no $keyring (package debian-archive-keyring)"

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
