#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# lint.sh: style and static checks, as TAP. Who decides what:
#   kmod/, bpf/, include/uapi/   the kernel's checkpatch, and sparse for kmod/
#   user/, selftests/            clang-format (.clang-format; `make format` applies it)
#   scripts                      shellcheck
# kmod/ and bpf/ are left out of clang-format, which would undo the aligned
# tables that the kernel's style likes.
set -uo pipefail
. "$(dirname "$0")/../vm/lib.sh"
cd "$TOP" || exit 1

n=0 bad=0
work=$(mktemp -d)
out=$work/out
trap 'rm -rf "$work"' EXIT
# In a folder of its own, because checkpatch leaves a file in git's top folder.
ln -s "$TOP"/{kmod,bpf,include} "$work/"

check() { # DESCRIPTION COMMAND...: passes when the command does
	local what=$1
	shift
	n=$((n + 1))
	if ("$@") > "$out" 2>&1; then
		echo "ok $n - $what"
	else
		bad=1
		echo "not ok $n - $what"
		head -n 60 "$out" | sed 's/^/# /'
	fi
}

# files GLOB...: what git knows or would add, so that build products are left out
files() {
	git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do
		[ ! -e "$f" ] || echo "$f"
	done | sort -u
}

checkpatch() { # IGNORED-TYPES PATTERN...
	local ignore=$1 list
	shift
	mapfile -t list < <(files "$@")
	[ ${#list[@]} -gt 0 ] || { echo "no file like $*"; return 1; }
	cd "$work" && perl "$source/scripts/checkpatch.pl" --no-tree --root="$work" --strict --terse --show-types --no-summary \
		--max-line-length=100 --ignore "$ignore" -f "${list[@]}"
}

formatted() {
	local list
	mapfile -t list < <(files 'user/*.[ch]' 'selftests/*.[ch]')
	clang-format-19 --dry-run -Werror "${list[@]}"
}

shells() {
	local list
	mapfile -t list < <(files '*.sh' .ci/run .ci/deps user/completion)
	# 1091: a sourced file is checked by itself. 2317: functions handed to others.
	shellcheck -x -e 1091,2317 "${list[@]}"
}

spdx() {
	local f missing=0
	while read -r f; do
		case $f in
		*.csv | *.txt | *.md | *.svg | *.json | LICENSES/* | .gitignore) continue ;;
		esac
		head -n 4 "$f" | grep -q SPDX-License-Identifier: || { echo "$f: no SPDX line"; missing=1; }
	done < <(files)
	return "$missing"
}

module_licences() {
	local f wrong=0
	while read -r f; do
		case $f in
		kmod/*) want='GPL-2.0' ;;
		bpf/*) want='GPL-2.0 OR BSD-2-Clause' ;;
		include/uapi/*) want='GPL-2.0 WITH Linux-syscall-note' ;;
		esac
		head -n 1 "$f" | tr -d '()' | grep -q "SPDX-License-Identifier: $want\( \*/\)\?$" ||
			{ echo "$f: first line, expected SPDX-License-Identifier: $want"; wrong=1; }
	done < <(files 'kmod/*.[ch]' 'bpf/*.[ch]' 'include/uapi/*.h')
	return "$wrong"
}

if source=$(selftests/vm/root.sh --source); then
	# CAMELCASE: checkpatch knows the kernel's own names only inside its tree.
	check 'checkpatch: kmod/' checkpatch CAMELCASE 'kmod/*.[ch]' ':!kmod/core/shim.h'
	# The shim gives userspace the kernel's own types and min() and max().
	check 'checkpatch: kmod/core/shim.h' checkpatch CAMELCASE,PREFER_KERNEL_TYPES,MACRO_ARG_REUSE \
		kmod/core/shim.h
	# VOLATILE: libbpf's way to say "constant, set by the loader".
	check 'checkpatch: bpf/' checkpatch CAMELCASE,VOLATILE 'bpf/*.[ch]'
	check 'checkpatch: include/uapi/' checkpatch CAMELCASE 'include/uapi/*.h'
else
	check "checkpatch out of Debian's kernel source" false
fi
# 6.12 only: 7.3 asks for a sparse newer than Debian's.
check 'sparse: kmod/' env KBUILD_OPTIONS='C=2' selftests/vm/kbuild.sh 6.12
check 'clang-format: user/, selftests/' formatted
check 'shellcheck: all scripts' shells
check 'every file names its licence' spdx
check "kernel, BPF and uapi sources have their parts' licences" module_licences

echo "1..$n"
exit $bad
