#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# First process of a User Mode Linux guest, as vm/init.sh is of a virtual
# machine: what is written goes to memory, but for /results.
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
ln -sf /proc/self/fd /dev/fd
ln -sf fd/0 /dev/stdin
ln -sf fd/1 /dev/stdout
ln -sf fd/2 /dev/stderr
ip link set lo up

DMSC_GUEST=$(cat /results/.vm/kernel)
export DMSC_GUEST
cd /dmsc || exit
setsid --wait /bin/bash /results/.vm/command < /dev/null > /results/.vm/stdout 2>&1
echo $? > /results/.vm/status.new
dmesg > /results/kernel.log
mv /results/.vm/status.new /results/.vm/status
sync
echo o > /proc/sysrq-trigger
# The first process must not end before that has been done.
sleep infinity
