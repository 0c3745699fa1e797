#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# plant.sh (in a guest of the debug kernel): one fault of each kind, by the
# module plant, with marks in the kernel's log around each, for vm/debug.sh. The
# order matters: lockdep's and KASAN's first report turns lockdep off.
module=build/kmod/$DMSC_GUEST/plant.ko
mark() { echo "plant: $*" > /dev/kmsg; }

selftests/debug/kmemleak.sh start
for fault in none rcu sleep bounds leak abba uaf; do
	mark "begin $fault"
	insmod "$module" fault=$fault || exit 1
	rmmod plant
	[ $fault != leak ] || selftests/debug/kmemleak.sh check
	mark "end $fault"
done
