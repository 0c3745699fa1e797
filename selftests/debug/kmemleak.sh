#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# kmemleak.sh start|check: memory that was lost between the two, as one test
# point. What was lost before (by the kernel's own boot) is left out. An object
# is reported when two scans find no pointer to it and it is older than 5 s.
file=/sys/kernel/debug/kmemleak
if ! echo scan > $file 2> /dev/null; then
	echo '1..0 # SKIP this kernel has no kmemleak'
	exit 4
fi
sleep 6
echo scan > $file
case $1 in
start)
	echo clear > $file
	;;
check)
	sleep 6
	echo scan > $file
	;;
*)
	echo 'usage: kmemleak.sh start|check' >&2
	exit 2
	;;
esac
echo '1..1'
if [ -s $file ] && [ -n "$(head -c 1 $file)" ]; then
	echo 'not ok 1 - kmemleak: lost memory'
	head -n 100 $file | sed 's/^/# /'
	exit 1
fi
echo "ok 1 - kmemleak: $1"
