#!/bin/busybox sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# shellcheck shell=dash
#
# /init of the guests' initramfs: finds the root and gives it the control. The
# root is one for all guests, so it is shared read-only, under an overlay.
/bin/busybox --install -s /bin
mount -t devtmpfs none /dev
mount -t proc none /proc
# A module may be built into this kernel, or already be there.
while read -r module; do
	insmod "/modules/$module" 2>/dev/null
done < /modules/order

share() { # TAG DIR OPTIONS
	mkdir -p "$2"
	mount -t 9p -o "trans=virtio,version=9p2000.L,msize=512000,$3" "$1" "$2" ||
		{ echo "initramfs: cannot mount share $1"; poweroff -f; }
}

share root /lower ro,cache=loose
mkdir -p /rw /new
mount -t tmpfs -o size=80% none /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/lower,upperdir=/rw/upper,workdir=/rw/work none /new ||
	{ echo "initramfs: cannot mount the overlay"; poweroff -f; }
share dmsc /new/dmsc ro,cache=loose
share results /new/results rw
read -r cmdline < /proc/cmdline
for word in $cmdline; do
	case $word in
	dmsc.share=*) share "${word#*=}" "/new/mnt/${word#*=}" ro,cache=loose ;;
	esac
done
umount /proc
exec switch_root /new /bin/bash /dmsc/selftests/vm/init.sh
