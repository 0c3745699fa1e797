#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Tables of YAML fields: a member that cannot hold what its field writes does
# not compile, with any of the compilers that the tree is built with.
set -u
cd "$(dirname "$0")/../.." || exit 1

tests=0 failed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cat > "$work/t.c" <<-EOF
	#include "lib/yaml.h"
	struct s {
		char name[MODEL_NAME_LEN], text[16], *pointer;
		uint64_t u64;
		uint32_t u32;
		uint16_t u16;
		double number;
		bool flag;
		yaml_node_t *node;
	};
EOF
# A table a line: those that are to be refused, and how many there are of the others.
wanted='' fit=0
for kind in NAME HOSTS TEXT U64 U32 SIZE RATE TIME NUMBER BOOL SUBTREE; do
	case $kind in
	NAME | HOSTS) right=' name ' ;;
	TEXT) right=' name text ' ;;
	U64 | SIZE | RATE | TIME) right=' u64 ' ;;
	U32) right=' u32 ' ;;
	NUMBER) right=' number ' ;;
	BOOL) right=' flag ' ;;
	SUBTREE) right=' node ' ;;
	esac
	for member in name text pointer u64 u32 u16 number flag node; do
		line=$(wc -l < "$work/t.c")
		echo "static const struct yaml_field f_${line} = YAML_FIELD(\"k\", YAML_$kind, struct s, $member, true, 0, 0);" >> "$work/t.c"
		if [[ $right = *" $member "* ]]; then
			fit=$((fit + 1))
		else
			wanted+="$((line + 1)) "
		fi
	done
done
for compiler in gcc clang-19; do
	command -v $compiler > /dev/null || continue
	# Every mistake, at the line of the table and not of the macro.
	all=(-ferror-limit=0)
	[ $compiler != gcc ] || all=(-ftrack-macro-expansion=0)
	"$compiler" "${all[@]}" -std=gnu11 -Wall -Wextra -Werror -Wno-unused -Iuser -Iinclude/uapi \
		-idirafter "/usr/include/$(gcc -dumpmachine)" -fsyntax-only "$work/t.c" 2> "$work/log"
	refused=$(sed -n 's/^[^ ]*t\.c:\([0-9]*\):[0-9]*: error:.*/\1/p' "$work/log" | sort -nu | tr '\n' ' ')
	tests=$((tests + 1))
	if [ "$refused" = "$wanted" ] && [ $fit = 12 ]; then
		echo "ok $tests - $compiler takes fields whose members fit, and no others"
	else
		failed=$((failed + 1))
		echo "not ok $tests - $compiler takes fields whose members fit, and no others"
		printf '# refused %s\n# expected %s\n' "$refused" "$wanted"
	fi
done

# No table is written around the check.
tests=$((tests + 1))
around=$(grep -rnE '^\s*\{ *"[a-z_]+", YAML_|\.type = YAML_(NAME|TEXT)' user selftests --include='*.[ch]')
if [ -z "$around" ]; then
	echo "ok $tests - every table is made of YAML_FIELD"
else
	failed=$((failed + 1))
	echo "not ok $tests - every table is made of YAML_FIELD"
	printf '%s\n' "$around" | sed 's/^/# /'
fi
echo "1..$tests"
[ $failed = 0 ]
