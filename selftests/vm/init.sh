#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of a guest: makes an ordinary small system, runs the command
# that run.sh left in /results/.vm, leaves its exit status there, powers off.
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export HOME=/root LC_ALL=C.UTF-8 TMPDIR=/tmp

mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/pts /dev/shm
mount -t devpts none /dev/pts
for dir in /dev/shm /run /tmp; do
	mount -t tmpfs -o mode=1777 none "$dir"
done
mount -t cgroup2 none /sys/fs/cgroup
mount -t bpf none /sys/fs/bpf
mount -t tracefs none /sys/kernel/tracing
mount -t debugfs none /sys/kernel/debug
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
hostname dmsc-guest
ip link set lo up

# The series, as in "6.12": what the tests and build/kmod/ call this kernel.
DMSC_GUEST=$(cat /results/.vm/kernel)
export DMSC_GUEST
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
