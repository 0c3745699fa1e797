# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What any guest's first process does first: an ordinary small system, and the
# series, as in "6.12", which is what the tests and build/kmod/ call the kernel.
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
