#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of a guest: makes an ordinary small system, runs the command
# that run.sh left in /results/.vm, leaves its exit status there, powers off.
. /dmsc/selftests/vm/system.sh
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf none /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t debugfs none /sys/kernel/debug
hostname dmsc-guest

module=/dmsc/build/kmod/$DMSC_GUEST
if [ -e "$module/sch_dmsc.ko" ]; then
	modules=/lib/modules/$(uname -r)
	mkdir -p "$modules/updates"
	cp "$module/sch_dmsc.ko" "$modules/updates/"
	cp "$module"/depmod/lib/modules/*/modules.* "$modules/"
fi

# The second serial line carries the command's output to run.sh; the first one
# is the kernel's.
stty -F /dev/ttyS1 raw -echo
cd /dmsc || exit
setsid --wait /bin/bash /results/.vm/command < /dev/null > /dev/ttyS1 2>&1
echo $? > /results/.vm/status.new
mv /results/.vm/status.new /results/.vm/status
sync
busybox poweroff -f
